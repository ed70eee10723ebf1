import { memo } from "react";

import type { Theme } from "../chart/marks";
import { Facts } from "../figures/facts";
import { Hero } from "../figures/hero";
import { HeatPanel } from "../heat/heat-panel";
import { LatencyPanel } from "../latency/latency-panel";
import { LedgerStrip } from "../pipeline/ledger-strip";
import { PipelineStrip } from "../pipeline/pipeline-strip";
import type { Snapshot } from "../polling/api";
import { useDay } from "../polling/use-day";
import { RatesPanel } from "../rates/rates-panel";
import { LatestReadings } from "../readings/latest-readings";
import { TotalsPanels } from "../totals/totals-panels";
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
  const day = useDay(snapshot.view.filters, paused);
  return (
    <>
      <Hero snapshot={snapshot} day={day} />
      <Facts snapshot={snapshot} />
      <LedgerStrip snapshot={snapshot} />
      <RatesPanel snapshot={snapshot} view={view} onView={onView} theme={theme} />
      <TotalsPanels snapshot={snapshot} view={view} onChange={onView} />
      <HeatPanel day={day} />
      <div className="pair">
        <PipelineStrip snapshot={snapshot} />
        <LatencyPanel latency={snapshot.pipeline.latency} paintedAt={snapshot.paintedAt} />
      </div>
      <LatestReadings snapshot={snapshot} />
    </>
  );
});
