import { memo } from "react";

import type { Theme } from "../chart/marks";
import { HeadlineFigures } from "../figures/headline-figures";
import { HeatPanel } from "../heat/heat-panel";
import { LatencyPanel } from "../latency/latency-panel";
import { LedgerStrip } from "../pipeline/ledger-strip";
import { PipelineStrip } from "../pipeline/pipeline-strip";
import type { Snapshot } from "../polling/api";
import { RatesPanel } from "../rates/rates-panel";
import { LatestReadings } from "../readings/latest-readings";
import { TotalsPanel } from "../totals/totals-panel";
import type { View } from "../view/view";

interface Props {
  snapshot: Snapshot;
  view: View;
  onView: (view: View) => void;
  theme: Theme;
  paused: boolean;
}

/**
 * Everything drawn from one snapshot, the most important first. It is memoised, because the page's
 * ages tick every second, and the board changes only with an answer or the view.
 */
export const Board = memo(function Board({ snapshot, view, onView, theme, paused }: Props) {
  const { facets, thresholds, pipeline, paintedAt } = snapshot;
  return (
    <>
      <HeadlineFigures snapshot={snapshot} />
      <LedgerStrip snapshot={snapshot} />
      <RatesPanel snapshot={snapshot} view={view} onView={onView} theme={theme} />
      <div className="quads">
        {(["sector", "country", "fuel"] as const).map((name) => (
          <TotalsPanel key={name} dimension={name} totals={facets[name]} view={view} onChange={onView} />
        ))}
        <TotalsPanel
          dimension="facility_id"
          totals={facets.facility_id}
          view={view}
          onChange={onView}
          threshold={thresholds}
        />
      </div>
      <HeatPanel filters={snapshot.view.filters} paused={paused} />
      <div className="pair">
        <PipelineStrip snapshot={snapshot} />
        <LatencyPanel latency={pipeline.latency} paintedAt={paintedAt} />
      </div>
      <LatestReadings snapshot={snapshot} />
    </>
  );
});
