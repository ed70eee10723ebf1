import { formatCount, formatRate, massOf } from "../chart/units";
import type { Snapshot } from "../polling/api";
import { Figure } from "./figure";

/** The four figures to read first, each with a line that says what it is. */
export function HeadlineFigures({ snapshot }: { snapshot: Snapshot }) {
  const { now, total } = snapshot;
  const top = now.top_facility;
  const mass = massOf(total.co2_kg);
  return (
    <section className="figures" aria-label="Headline figures">
      <Figure
        title="Emission rate now"
        machineValue={now.rate_t_per_h}
        value={formatRate(now.rate_t_per_h)}
        unit="t/h"
        note="tonnes of CO₂ per hour: all plants, mean of the last minute"
      />
      <Figure
        title="Emitted in total"
        machineValue={total.co2_kg}
        value={mass.value}
        unit={mass.unit}
        note={`CO₂ in ${formatCount(total.records)} stored readings`}
      />
      <Figure
        title="Largest emitter now"
        machineValue={top?.rate_t_per_h ?? null}
        value={formatRate(top?.rate_t_per_h ?? null)}
        unit="t/h"
        note={
          top ? (
            <>
              {top.facility} <span className="whole">({top.facility_id})</span>
            </>
          ) : (
            "no readings in the last minute"
          )
        }
      />
      <Figure
        title="Above 25,000 t a year"
        machineValue={now.over_25kt_per_year}
        value={formatCount(now.over_25kt_per_year)}
        unit={now.over_25kt_per_year === 1 ? "plant" : "plants"}
        note="if they went on like now; US plants above it must report"
      />
    </section>
  );
}
