import { useState } from "react";

import { Panel } from "../panel/panel";
import { Segments } from "../panel/segments";
import type { Snapshot } from "../polling/api";
import { DIMENSION_NAMES, DIMENSIONS, type Dimension, type View } from "../view/view";
import { IN_NOTEBOOK } from "../view/frame";
import { useNarrow } from "../view/use-narrow";
import { TotalsPanel } from "./totals-panel";

interface Props {
  snapshot: Snapshot;
  view: View;
  onChange: (view: View) => void;
}

/**
 * Who emitted how much: four panels, one to choose on a phone, and on demand in a notebook, where
 * the chart comes first.
 */
export function TotalsPanels({ snapshot, view, onChange }: Props) {
  const narrow = useNarrow();
  const [chosen, setChosen] = useState<Dimension>("sector");
  const panels = (
    <div className="quads">
      {narrow && (
        <Segments
          legend="CO₂ by"
          name="totals"
          choices={DIMENSIONS}
          wordsOf={(name) => DIMENSION_NAMES[name]}
          chosen={chosen}
          onChange={setChosen}
        />
      )}
      {DIMENSIONS.filter((name) => !narrow || name === chosen).map((name) => (
        <TotalsPanel
          key={name}
          dimension={name}
          totals={snapshot.facets[name]}
          view={view}
          onChange={onChange}
          threshold={name === "facility_id" ? snapshot.thresholds : undefined}
        />
      ))}
    </div>
  );
  if (!IN_NOTEBOOK) return panels;
  return (
    <Panel id="totals" title="CO₂ by sector, country, fuel and plant" folds>
      {panels}
    </Panel>
  );
}
