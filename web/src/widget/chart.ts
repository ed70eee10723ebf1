import { createEmissionFigure } from "../chart/emission-figure";
import { element, setText } from "../chart/dom";
import type { SeriesPayload } from "../chart/series";
import { follow, followKernel, followTheme, hostTheme, type RenderProps } from "./host";

interface Traits {
  snapshot: { series: SeriesPayload | null; title: string; state: string };
}

/** The live chart of a notebook: the page's own chart, fed by the kernel instead of the API. */
function render({ model, el }: RenderProps<Traits>): () => void {
  const title = element("h3");
  const state = element("p", { className: "labkit-state" });
  const place = element("div");
  el.classList.add("labkit-widget");
  el.append(title, state, place);
  const figure = createEmissionFigure(place, { theme: hostTheme() });

  const endings = [
    followKernel(model, el),
    followTheme(el, (theme) => {
      figure.setTheme(theme);
    }),
    follow(model, "snapshot", (snapshot) => {
      setText(title, snapshot.title);
      setText(state, snapshot.state);
      if (snapshot.series !== null) figure.update(snapshot.series);
    }),
  ];
  return () => {
    for (const end of endings) end();
    figure.destroy();
  };
}

export default { render };
