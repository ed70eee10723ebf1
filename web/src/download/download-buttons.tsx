import type { SeriesPayload } from "../chart/series";
import type { Snapshot } from "../polling/api";
import { chartPng, fileName, save, seriesCsv, snapshotJson } from "./download";

interface Props {
  snapshot: Snapshot;
  /** The lines that are on the chart now. */
  shown: SeriesPayload;
}

/** Download what is shown: as a table, as data, as a picture. */
export function DownloadButtons({ snapshot, shown }: Props) {
  const saveText = (text: string, type: string, ending: string) => {
    save(new Blob([text], { type }), fileName(shown.as_of, ending));
  };
  const savePicture = async () => {
    const canvas = document.querySelector<HTMLCanvasElement>("#rates canvas");
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--panel");
    const picture = canvas && (await chartPng(canvas, ground));
    if (picture) save(picture, fileName(shown.as_of, "png"));
  };
  return (
    <div className="tools">
      <Download ending="CSV" onClick={() => { saveText(seriesCsv(shown), "text/csv", "csv"); }} />
      <Download ending="JSON" onClick={() => { saveText(snapshotJson(snapshot), "application/json", "json"); }} />
      <Download ending="PNG" onClick={() => void savePicture()} />
    </div>
  );
}

function Download({ ending, onClick }: { ending: string; onClick: () => void }) {
  return (
    <button type="button" className="button small" onClick={onClick} aria-label={`Download as ${ending}`}>
      ↓ {ending}
    </button>
  );
}
