import { useEffect, useRef } from "react";

import { createEmissionFigure, type EmissionFigure, type Look } from "./emission-figure";
import type { Theme } from "./marks";
import type { SeriesPayload } from "./series";

interface Props {
  payload: SeriesPayload;
  theme: Theme;
  look: Look;
  onLook: (look: Look) => void;
}

/** The shared chart in React's tree: React owns an empty element, the chart what is inside. */
export function EmissionLines({ payload, theme, look, onLook }: Props) {
  const container = useRef<HTMLDivElement>(null);
  const figure = useRef<EmissionFigure>(null);
  const listener = useRef(onLook);

  useEffect(() => {
    listener.current = onLook;
  }, [onLook]);

  useEffect(() => {
    if (container.current === null) return;
    const created = createEmissionFigure(container.current, {
      theme: "light",
      onLook: (next) => {
        listener.current(next);
      },
    });
    figure.current = created;
    return () => {
      created.destroy();
    };
  }, []);

  useEffect(() => {
    figure.current?.setTheme(theme);
  }, [theme]);

  useEffect(() => {
    figure.current?.show(look);
  }, [look]);

  useEffect(() => {
    figure.current?.update(payload);
  }, [payload]);

  return <div ref={container} />;
}
