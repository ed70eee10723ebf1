import { useEffect, useRef } from "react";

import { createEmissionFigure, type EmissionFigure } from "./emission-figure";
import type { Theme } from "./marks";
import type { SeriesPayload } from "./series";

/** The shared chart in React's tree: React owns an empty element, the chart what is inside. */
export function EmissionLines({ payload, theme }: { payload: SeriesPayload; theme: Theme }) {
  const container = useRef<HTMLDivElement>(null);
  const figure = useRef<EmissionFigure>(null);

  useEffect(() => {
    if (container.current === null) return;
    const created = createEmissionFigure(container.current, { theme: "light" });
    figure.current = created;
    return () => {
      created.destroy();
    };
  }, []);

  useEffect(() => {
    figure.current?.setTheme(theme);
  }, [theme]);

  useEffect(() => {
    figure.current?.update(payload);
  }, [payload]);

  return <div ref={container} />;
}
