import { formatAge, formatCount, formatRate, massOf } from "../chart/units";
import type { Snapshot } from "../polling/api";
import { isFiltered } from "../view/view";
import { formatWindow } from "../view/windows";
import { Figure } from "./figure";

/** The figures to read first, each with a line that says what it is. */
export function HeadlineFigures({ snapshot }: { snapshot: Snapshot }) {
  const { now, window, all, thresholds, view } = snapshot;
  const top = now.top_facility;
  const [recent, total] = [massOf(window.co2_kg), massOf(all.co2_kg)];
  const whose = isFiltered(view.filters) ? "the chosen plants" : "all plants";
  const nowIs = (now.window_s ?? 60) <= 60 ? "minute" : formatAge(now.window_s ?? 60);
  return (
    <section id="figures" className="figures" aria-label="Headline figures">
      <Figure
        title="Emission rate now"
        machineValue={now.rate_t_per_h}
        value={formatRate(now.rate_t_per_h)}
        unit="t/h"
        note={`tonnes of CO₂ per hour: ${whose}, mean of the last ${nowIs}`}
      />
      <Figure
        title="Emitted in this window"
        machineValue={window.co2_kg}
        value={recent.value}
        unit={recent.unit}
        note={`CO₂ in ${formatCount(window.records)} readings of the last ${formatWindow(view.windowS)}`}
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
            `no readings in the last ${nowIs}`
          )
        }
      />
      <Figure
        title="Above 25,000 t a year"
        machineValue={now.over_25kt_per_year}
        value={formatCount(now.over_25kt_per_year)}
        unit={`of ${formatCount(now.facilities)} plants`}
        note={<span title={thresholds.source}>if they went on like now; US plants above it must report</span>}
      />
      <Figure
        title="Intensity"
        machineValue={window.intensity_kg_per_mwh}
        value={formatRate(window.intensity_kg_per_mwh)}
        unit="kg/MWh"
        note="CO₂ for each megawatt-hour of load, in this window"
      />
      <Figure
        title="Emitted in total"
        machineValue={all.co2_kg}
        value={total.value}
        unit={total.unit}
        note={`CO₂ in ${formatCount(all.records)} stored readings of ${whose}`}
      />
    </section>
  );
}
