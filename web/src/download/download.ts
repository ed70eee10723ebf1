import type { SeriesPayload } from "../chart/series";
import type { Snapshot } from "../polling/api";

/** The lines of the chart as CSV: a row for each bucket, a column for each line that is shown. */
export function seriesCsv({ times, series, unit }: SeriesPayload): string {
  const head = ["time_utc", ...series.map(({ label }) => `${label} (${unit})`)].map(cell);
  const rows = times.map((time, bucket) =>
    [time, ...series.map(({ values }) => values[bucket] ?? "")].map(cell).join(","),
  );
  return [head.join(","), ...rows, ""].join("\r\n");
}

/** Text that a spreadsheet may run gets a ' before it, as in the lab's own CSV; numbers stay as they are. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const harmless = /^[=+\-@\t\r\0']/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** What is on the page, as the API gave it, with the query that it answers. */
export function snapshotJson(snapshot: Snapshot): string {
  const { view, served_at, now, window, series, readings, thresholds } = snapshot;
  return JSON.stringify({ view, served_at, now, window, series, readings, thresholds }, null, 2);
}

/** The chart's picture on the page's background: a canvas is transparent. */
export async function chartPng(canvas: HTMLCanvasElement, ground: string): Promise<Blob | null> {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const context = copy.getContext("2d");
  if (context === null) return null;
  context.fillStyle = ground;
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, 0);
  return new Promise((done) => {
    copy.toBlob(done, "image/png");
  });
}

export function save(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser may start a moment later; the memory is freed after that.
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
}

/** co2-2026-11-24T02-50-00.csv: a name that every file system takes. */
export const fileName = (asOf: string | null, ending: string): string =>
  `co2-${(asOf ?? "empty").slice(0, 19).replaceAll(":", "-")}.${ending}`;
