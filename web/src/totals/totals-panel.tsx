import { formatMass, formatShare } from "../chart/units";
import type { Total } from "../polling/api";

interface Props {
  name: "country" | "fuel";
  totals: Total[];
  windowS: number;
}

/**
 * Totals as bars. The bars stand in a real table, so that the picture and its text twin are one
 * thing: who cannot see the bars reads the same rows.
 */
export function TotalsPanel({ name, totals, windowS }: Props) {
  const largest = Math.max(...totals.map((total) => total.co2_kg), 1);
  const minutes = windowS / 60;
  const id = `totals-${name}`;
  return (
    <section className="panel" aria-labelledby={id}>
      <h2 id={id}>CO₂ by {name}</h2>
      <p className="how">
        The mass emitted in the last {minutes === 1 ? "minute" : `${minutes} minutes`}; the longest
        bar is the largest emitter. {summaryOf(totals)}
      </p>
      <table className="bars">
        <thead className="unseen">
          <tr>
            <th scope="col">{name}</th>
            <th scope="col">bar</th>
            <th scope="col">CO₂</th>
            <th scope="col">share</th>
          </tr>
        </thead>
        <tbody>
          {totals.map((total) => (
            <tr key={total.key}>
              <th scope="row">{total.label}</th>
              <td aria-hidden="true">
                <div className="bar" style={{ width: `${(100 * total.co2_kg) / largest}%` }} />
              </td>
              <td>
                <data value={total.co2_kg}>{formatMass(total.co2_kg)}</data>
              </td>
              <td>{formatShare(total.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function summaryOf(totals: Total[]): string {
  const top = totals[0];
  if (top === undefined) return "";
  return `${top.label} leads with ${formatShare(top.share)}.`;
}
