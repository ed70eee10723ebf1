import { element, tableHead, tableRow } from "./dom";
import "./heat-strip.css";
import { digest, fromFirstReading, withoutGaps, type EmissionSeries, type SeriesDigest, type SeriesPayload } from "./series";
import { formatClock, formatRate } from "./units";

export interface HeatStrip {
  update(payload: SeriesPayload): void;
}

/** How many steps of strength there are: more could not be told apart. */
export const STEPS = 6;
const LEAST_SPAN = 0.2;
const DAY_MS = 86_400_000;

/**
 * A row for each line, a cell for each piece of time; the stronger the colour, the nearer to the
 * row's own highest rate. Each row has its own scale, so that a small sector's day is as visible as a
 * large one's. Strength is both lightness and height, so it can be read without any colour.
 */
export function createHeatStrip(container: HTMLElement): HeatStrip {
  const rows = element("div", { className: "hs-rows" });
  rows.setAttribute("role", "img");
  const axis = element("p", { className: "hs-axis" });
  axis.setAttribute("aria-hidden", "true");
  const readout = element("p", { className: "hs-readout" });
  const table = element("div", { className: "ef-table" });
  const details = element("details", {}, element("summary", {}, "The same as a table"), table);
  container.classList.add("hs", "ef");
  container.append(rows, axis, readout, details);
  let latest: SeriesPayload | undefined;

  // As with the lines: a closed table is not built.
  function showTable(): void {
    if (details.open && latest !== undefined) table.replaceChildren(heatTable(latest));
  }
  details.addEventListener("toggle", showTable);

  rows.addEventListener("pointermove", ({ target }) => {
    const cell = target instanceof HTMLElement ? target.dataset.cell?.split(",").map(Number) : null;
    if (latest === undefined || !cell) return;
    const [row = 0, column = 0] = cell;
    const line = latest.series[row];
    const time = latest.times[column];
    if (line === undefined || time === undefined) return;
    if (gapsIn(latest).has(column)) {
      readout.textContent = `Nothing was stored from ${clock(time, latest.times.at(-1))} to ${clock(latest.times[column + 1], latest.times.at(-1))}.`;
      return;
    }
    readout.textContent = `${line.label}, ${formatClock(time)}: ${formatRate(line.values[column] ?? null)} t/h`;
  });
  rows.addEventListener("pointerleave", () => {
    if (latest !== undefined) readout.textContent = heatSentence(latest);
  });

  return {
    update(payload) {
      const series = payload.series.toSorted((a, b) => b.co2_kg - a.co2_kg);
      latest = withoutGaps(fromFirstReading({ ...payload, series }));
      const sentence = heatSentence(latest);
      fitRows(rows, latest);
      const gaps = gapsIn(latest);
      latest.series.forEach((line, row) => {
        showRow(rows.children[row], line, gaps);
      });
      rows.setAttribute("aria-label", sentence);
      if (!rows.matches(":hover")) readout.textContent = sentence;
      axis.replaceChildren(...[latest.times[0], latest.times.at(-1)].map((time) => element("span", {}, clock(time, latest?.times.at(-1)))));
      showTable();
    },
  };
}

/** As many rows and cells as the answer has. They stay from answer to answer: some five hundred are slow to make. */
function fitRows(rows: HTMLElement, { series, times }: SeriesPayload): void {
  const cells = rows.querySelectorAll(".hs-cell").length;
  if (rows.childElementCount === series.length && cells === series.length * times.length) return;
  rows.replaceChildren(
    ...series.map((_line, row) => {
      const made = times.map((_time, column) => {
        const cell = element("span", { className: "hs-cell" });
        cell.dataset.cell = `${row},${column}`;
        return cell;
      });
      const name = element("span", { className: "hs-name" });
      return element("div", { className: "hs-row" }, name, element("div", { className: "hs-cells" }, ...made));
    }),
  );
}

function showRow(row: Element | undefined, { label, values }: EmissionSeries, gaps: ReadonlySet<number>): void {
  const [name, cells] = row?.children ?? [];
  const range = digest(values);
  if (name !== undefined) name.textContent = label;
  values.forEach((value, column) => {
    const cell = cells?.children[column] as HTMLElement;
    const step = stepOf(value, range);
    cell.toggleAttribute("data-gap", gaps.has(column));
    if (step === null) delete cell.dataset.step;
    else if (cell.dataset.step !== String(step)) cell.dataset.step = String(step);
  });
}

/** The buckets in which no line has a value: each is the sign of a gap, which may be hours long. */
function gapsIn({ times, series }: SeriesPayload): ReadonlySet<number> {
  return new Set(
    times.flatMap((_time, column) => (series.every(({ values }) => values[column] == null) ? [column] : [])),
  );
}

/**
 * From 1 to `STEPS`, between a row's lowest and its highest value; null where nothing was measured.
 * A steady row's noise is not blown up: the steps span a fifth of the highest value at least.
 */
export function stepOf(value: number | null, { lowest, highest }: SeriesDigest): number | null {
  if (value === null || lowest === null || highest === null) return null;
  const floor = Math.min(lowest, highest * (1 - LEAST_SPAN));
  if (highest <= floor) return 1;
  return Math.min(STEPS, 1 + Math.floor(((value - floor) / (highest - floor)) * STEPS));
}

/** One sentence that says what the cells show. */
export function heatSentence({ series, times, bucket_s }: SeriesPayload): string {
  const first = times[0];
  const peaks = series.flatMap(({ label, values }) => {
    const { highest } = digest(values);
    return highest === null ? [] : [{ label, highest, time: times[values.indexOf(highest)] ?? "" }];
  });
  const top = peaks[0];
  if (first === undefined || top === undefined) return "The first whole piece of time is still being filled.";
  return (
    `Since ${clock(first, times.at(-1))}, in pieces of ${piece(bucket_s)}: ${top.label} was highest at ` +
    `${clock(top.time, times.at(-1))}, ${formatRate(top.highest)} t/h.`
  );
}

function heatTable({ series, times }: SeriesPayload): HTMLTableElement {
  const rows = series.map(({ label, values }) => {
    const { lowest, highest } = digest(values);
    const at = (value: number | null) => (value === null ? "–" : clock(times[values.indexOf(value)], times.at(-1)));
    return tableRow(label, [formatRate(highest), at(highest), formatRate(lowest), at(lowest)]);
  });
  return element(
    "table",
    {},
    element("caption", {}, "Highest and lowest rate of each sector, in t/h"),
    tableHead(["sector", "highest", "at", "lowest", "at"]),
    element("tbody", {}, ...rows),
  );
}

const piece = (seconds: number): string => (seconds < 120 ? `${seconds} s` : `${seconds / 60} min`);

/** A time of day; with its weekday where it is more than a day before the newest one. */
export function clock(time: string | undefined, newest: string | undefined): string {
  if (time === undefined) return "";
  const old = Date.parse(newest ?? time) - Date.parse(time) > DAY_MS;
  const day = old ? `${new Date(time).toLocaleDateString("en-GB", { weekday: "short" })} ` : "";
  return day + formatClock(time).slice(0, 5);
}
