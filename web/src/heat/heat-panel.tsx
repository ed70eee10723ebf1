import { useEffect, useRef } from "react";

import { createHeatStrip, type HeatStrip } from "../chart/heat-strip";
import type { SeriesPayload } from "../chart/series";
import { Panel } from "../panel/panel";

export function HeatPanel({ day }: { day: SeriesPayload | undefined }) {
  return (
    <Panel id="heat" title="The last day, sector by sector" folds>
      <p className="how">
        The fuller a cell, the nearer its sector was to its own highest rate. A hatched column is a time without
        readings, however long.
      </p>
      {day && <Heat payload={day} />}
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
