import { Segments } from "../panel/segments";
import { WINDOWS_S } from "../view/view";
import { shortWindow } from "../view/windows";

interface Props {
  windowS: number;
  onChange: (windowS: number) => void;
}

/** How far back the charts look. */
export function WindowSelector({ windowS, onChange }: Props) {
  return (
    <Segments
      legend="Last"
      name="window"
      choices={WINDOWS_S}
      wordsOf={shortWindow}
      chosen={windowS}
      onChange={onChange}
    />
  );
}
