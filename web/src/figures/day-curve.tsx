import { bandRange } from "../chart/chart-options";
import { clock } from "../chart/heat-strip";
import { digest, fromFirstReading, sumOf, withoutGaps, type SeriesPayload } from "../chart/series";
import { formatRate } from "../chart/units";

const [WIDTH, HEIGHT] = [300, 60];

/** All plants together over the last day: a line to glance at, and a sentence that says the same. */
export function DayCurve({ day }: { day: SeriesPayload }) {
  const shown = withoutGaps(fromFirstReading(day));
  const values = sumOf(shown);
  const { lowest, highest } = digest(values);
  const first = shown.times[0];
  if (first === undefined || lowest === null || highest === null) return null;
  const timeOf = (value: number) => clock(shown.times[values.indexOf(value)], shown.times.at(-1));
  const sentence =
    `Since ${clock(first, shown.times.at(-1))}: lowest ${formatRate(lowest)} t/h at ${timeOf(lowest)}, ` +
    `highest ${formatRate(highest)} t/h at ${timeOf(highest)}.`;
  return (
    <figure className="day-curve">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={sentence}>
        {stretches(values, bandRange(lowest, highest)).map((points) => (
          <g key={points[0]}>
            <polygon points={`${xOf(points[0])},${HEIGHT} ${points.join(" ")} ${xOf(points.at(-1))},${HEIGHT}`} />
            <polyline points={points.join(" ")} />
          </g>
        ))}
      </svg>
      <figcaption className="note">{sentence}</figcaption>
    </figure>
  );
}

const xOf = (point: string | undefined): string => point?.split(",")[0] ?? "0";

/** The points of each stretch without a gap. */
function stretches(values: (number | null)[], { from, to }: { from: number; to: number }): string[][] {
  const found: string[][] = [[]];
  const right = Math.max(values.length - 1, 1);
  values.forEach((value, place) => {
    if (value === null) found.push([]);
    else {
      const y = HEIGHT - 3 - ((HEIGHT - 6) * (value - from)) / (to - from);
      found.at(-1)?.push(`${((WIDTH * place) / right).toFixed(1)},${y.toFixed(1)}`);
    }
  });
  return found.filter((points) => points.length > 1);
}
