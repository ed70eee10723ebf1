import type { SeriesPayload } from "../chart/series";
import { formatAge, formatRate } from "../chart/units";
import type { Snapshot } from "../polling/api";
import { many } from "../view/windows";
import { isFiltered } from "../view/view";
import { DayCurve } from "./day-curve";

/** What is emitted now, and its day: the one figure to read first. */
export function Hero({ snapshot, day }: { snapshot: Snapshot; day: SeriesPayload | undefined }) {
  const { now, view } = snapshot;
  const whose = isFiltered(view.filters) ? many(now.facilities, "chosen plant") : many(now.facilities, "plant");
  const nowIs = (now.window_s ?? 60) <= 60 ? "minute" : formatAge(now.window_s ?? 60);
  return (
    <section id="figures" className="panel hero figure" aria-labelledby="figures-title">
      <div>
        <h2 id="figures-title">CO₂ emitted now</h2>
        <p className="hero-value">
          <data value={now.rate_t_per_h ?? ""}>{formatRate(now.rate_t_per_h)}</data>
          <span className="unit"> t/h</span>
        </p>
        <p className="note">
          tonnes an hour: {whose}, last {nowIs}
        </p>
      </div>
      {day && <DayCurve day={day} />}
    </section>
  );
}
