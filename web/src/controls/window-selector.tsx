import { shortWindow } from "../view/windows";
import { WINDOWS_S } from "../view/view";

interface Props {
  windowS: number;
  onChange: (windowS: number) => void;
}

/** How far back the charts look: real radio buttons, so that the arrow keys work. */
export function WindowSelector({ windowS, onChange }: Props) {
  return (
    <fieldset className="segments">
      <legend>Last</legend>
      {WINDOWS_S.map((seconds) => (
        <label key={seconds}>
          <input
            type="radio"
            name="window"
            checked={windowS === seconds}
            onChange={() => {
              onChange(seconds);
            }}
          />
          <span>{shortWindow(seconds)}</span>
        </label>
      ))}
    </fieldset>
  );
}
