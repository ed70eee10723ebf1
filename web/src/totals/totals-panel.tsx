import { useState } from "react";

import { Panel } from "../panel/panel";
import { formatCount, formatMass, formatRate, formatShare } from "../chart/units";
import type { Thresholds, Total } from "../polling/answers";
import { DIMENSION_NAMES, pressed, withKeys, type Dimension, type View } from "../view/view";
import { formatWindow, many } from "../view/windows";

interface Props {
  dimension: Dimension;
  totals: readonly Total[];
  view: View;
  onChange: (view: View) => void;
  /** Marks the bars above it, by their rate. */
  threshold?: Thresholds | undefined;
}

const FIRST = 7;

/**
 * Totals as bars, in a real table. So the picture is its own text twin: people who cannot see the
 * bars read the same rows. Each name is a button that filters.
 */
export function TotalsPanel({ dimension, totals, view, onChange, threshold }: Props) {
  const [all, setAll] = useState(false);
  const name = DIMENSION_NAMES[dimension];
  const chosen = view.filters[dimension];
  const largest = Math.max(...totals.map(({ co2_kg }) => co2_kg), 1);
  const shown = all ? totals : totals.slice(0, FIRST);
  return (
    <Panel id={`totals-${dimension}`} title={`CO₂ by ${name}`}>
      <p className="how">In the last {formatWindow(view.windowS)}</p>
      <table className="bars">
        <thead className="unseen">
          <tr>
            <th scope="col">{name}</th>
            <th scope="col">CO₂</th>
            <th scope="col">{threshold ? "present rate" : "share"}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((total) => (
            <tr key={total.key} data-left-out={chosen.length > 0 && !chosen.includes(total.key)}>
              <th scope="row">
                <button
                  type="button"
                  aria-pressed={chosen.includes(total.key)}
                  title={`Only ${total.label}`}
                  onClick={() => {
                    onChange(withKeys(view, dimension, pressed(chosen, total.key)));
                  }}
                >
                  {total.label}
                </button>
                <div className="bar" style={{ width: `${(100 * total.co2_kg) / largest}%` }} />
              </th>
              <td>
                <data value={total.co2_kg}>{formatMass(total.co2_kg)}</data>
              </td>
              <td>{threshold ? <Rate total={total} threshold={threshold} /> : formatShare(total.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {totals.length > FIRST && (
        <button
          type="button"
          className="button small"
          aria-expanded={all}
          onClick={() => {
            setAll(!all);
          }}
        >
          {all ? `The first ${FIRST} only` : `All ${totals.length}`}
        </button>
      )}
      {totals.length === 0 && <p className="note">Nothing passes the filters.</p>}
      {threshold && <Threshold totals={totals} threshold={threshold} />}
    </Panel>
  );
}

function Rate({ total, threshold }: { total: Total; threshold: Thresholds }) {
  const above = total.rate_t_per_h > threshold.large_emitter_t_per_h;
  return (
    <>
      {above && <span role="img" aria-label="above the threshold" className="above">▲ </span>}
      {formatRate(total.rate_t_per_h)} t/h
    </>
  );
}

/** A figure that is nearly constant, so it is a detail here and not a headline. */
function Threshold({ totals, threshold }: { totals: readonly Total[]; threshold: Thresholds }) {
  const above = totals.filter(({ rate_t_per_h }) => rate_t_per_h > threshold.large_emitter_t_per_h).length;
  return (
    <p className="note">
      <span title={threshold.source}>
        ▲ at this rate above {formatCount(threshold.large_emitter_t_per_year)} t a year: {formatCount(above)} of{" "}
        {many(totals.length, "plant")}. In the United States they would have to report.
      </span>
    </p>
  );
}
