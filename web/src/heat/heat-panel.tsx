import { useEffect, useRef } from "react";

import { Panel } from "../panel/panel";
import { createHeatStrip, type HeatStrip } from "../chart/heat-strip";
import type { SeriesPayload } from "../chart/series";
import { usePoll } from "../polling/use-poll";
import type { Filters } from "../view/view";
import { loadHeat } from "./load-heat";

/** Hours change slowly: this is requested once while the rest is requested ten times. */
const EVERY_MS = 20_000;

export function HeatPanel({ filters, paused }: { filters: Filters; paused: boolean }) {
  const { data } = usePoll(filters, (signal) => loadHeat(filters, signal), {
    everyMs: EVERY_MS,
    timeoutMs: EVERY_MS,
    paused,
  });
  return (
    <Panel id="heat" title="The last hours, sector by sector">
      <p className="how">
        The fuller and stronger a cell, the nearer its sector was to its own highest rate of these hours; an empty cell
        has no readings.
      </p>
      {data && <Heat payload={data} />}
    </Panel>
  );
}

function Heat({ payload }: { payload: SeriesPayload }) {
  const container = useRef<HTMLDivElement>(null);
  const strip = useRef<HeatStrip>(null);
  useEffect(() => {
    const element = container.current;
    if (element === null) return;
    strip.current = createHeatStrip(element);
    return () => {
      element.replaceChildren();
    };
  }, []);
  useEffect(() => {
    strip.current?.update(payload);
  }, [payload]);
  return <div ref={container} />;
}
