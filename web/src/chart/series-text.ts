import { element, tableHead, tableRow } from "./dom";
import { digest, type SeriesPayload } from "./series";
import { formatClock, formatMass, formatRate } from "./units";

/** One sentence that says what the lines show, for readers who cannot see them. */
export function sentenceOf({ series, times, unit }: SeriesPayload): string {
  const last = times.at(-1);
  const known = series
    .map((one) => ({ label: one.label, now: digest(one.values).now }))
    .filter((one): one is { label: string; now: number } => one.now !== null)
    .sort((a, b) => b.now - a.now);
  const [top, ...others] = known;
  if (last === undefined || top === undefined) return "No readings in this window yet.";
  const total = known.reduce((sum, one) => sum + one.now, 0);
  const bottom = others.at(-1);
  return (
    `At ${formatClock(last)} the simulated plants emit ${formatRate(total)} ${unit} in all: ` +
    `${top.label} most, ${formatRate(top.now)} ${unit}` +
    (bottom ? `, and ${bottom.label} least, ${formatRate(bottom.now)} ${unit}.` : ".")
  );
}

/** The chart's text twin: a row for each line. */
export function seriesTable({ series, times, by, unit }: SeriesPayload): HTMLTableElement {
  const [first, last] = [times[0], times.at(-1)];
  const period = first && last ? `, ${formatClock(first)} to ${formatClock(last)}` : "";
  const rows = series.map((one) => {
    const { now, lowest, highest } = digest(one.values);
    return tableRow(one.label, [...[now, lowest, highest].map(formatRate), formatMass(one.co2_kg)]);
  });
  return element(
    "table",
    {},
    element("caption", {}, `Emission rate in ${unit} by ${by}${period}`),
    tableHead([by, "now", "lowest", "highest", "CO₂ in all"]),
    element("tbody", {}, ...rows),
  );
}
