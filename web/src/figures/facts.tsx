import type { ReactNode } from "react";

import { formatCount, formatRate, massOf } from "../chart/units";
import type { Snapshot } from "../polling/api";
import { formatWindow } from "../view/windows";

/** Four more figures, each with a line that says what it is. */
export function Facts({ snapshot }: { snapshot: Snapshot }) {
  const { now, window, all, view } = snapshot;
  const top = now.top_facility;
  const [recent, total] = [massOf(window.co2_kg), massOf(all.co2_kg)];
  return (
    <dl id="facts" className="panel facts">
      <Fact
        title={`In the last ${formatWindow(view.windowS)}`}
        machineValue={window.co2_kg}
        value={recent.value}
        unit={recent.unit}
        note={`in ${formatCount(window.records)} readings`}
      />
      <Fact
        title="Largest plant now"
        machineValue={top?.rate_t_per_h ?? null}
        value={formatRate(top?.rate_t_per_h ?? null)}
        unit="t/h"
        note={top ? <span title={top.facility_id}>{top.facility}</span> : "no readings now"}
      />
      <Fact
        title="Intensity"
        machineValue={window.intensity_kg_per_mwh}
        value={formatRate(window.intensity_kg_per_mwh)}
        unit="kg/MWh"
        note="CO₂ per megawatt-hour"
      />
      <Fact
        title="Emitted in total"
        machineValue={all.co2_kg}
        value={total.value}
        unit={total.unit}
        note={`in ${formatCount(all.records)} readings`}
      />
    </dl>
  );
}

interface Props {
  title: string;
  value: string;
  /** The number as the API gave it; the text beside it is rounded for reading. */
  machineValue: number | null;
  unit: string;
  note: ReactNode;
}

function Fact({ title, value, machineValue, unit, note }: Props) {
  return (
    <div className="figure">
      <dt>{title}</dt>
      <dd className="figure-value">
        <data value={machineValue ?? ""}>{value}</data> <span className="unit">{unit}</span>
      </dd>
      <dd className="note">{note}</dd>
    </div>
  );
}
