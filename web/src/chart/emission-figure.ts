import { element } from "./dom";
import { createEmissionChart } from "./emission-chart";
import "./emission-figure.css";
import type { Theme } from "./marks";
import { digest, fromFirstReading, type EmissionSeries, type SeriesPayload } from "./series";
import { seriesTable, sentenceOf } from "./series-text";
import { swatch } from "./swatch";
import { formatRate } from "./units";

export interface EmissionFigure {
  update(payload: SeriesPayload): void;
  setTheme(theme: Theme): void;
  destroy(): void;
}

/**
 * The chart with its legend and its text twin: one sentence and a table that say in words what
 * the lines show. The page and the notebook's widget put this same figure on the screen.
 */
export function createEmissionFigure(
  container: HTMLElement,
  options: { theme: Theme },
): EmissionFigure {
  const legend = element("ul", { className: "ef-legend" });
  const scale = element("button", { type: "button", className: "ef-scale" });
  const canvas = element("canvas", { role: "img" });
  const sentence = element("p", { className: "ef-sentence" });
  const table = element("div", { className: "ef-table", tabIndex: 0 });
  const details = element(
    "details",
    {},
    element("summary", {}, "The same as a table"),
    table,
  );
  container.classList.add("ef");
  const picture = element("div", { className: "ef-canvas" }, canvas);
  const keys = element("div", { className: "ef-keys" }, legend, scale);
  container.append(keys, picture, sentence, details);
  const chart = createEmissionChart(canvas, options);
  alternate(scale, (logarithmic) => {
    chart.setScale(logarithmic ? "logarithmic" : "linear");
    return logarithmic ? "Scale: steps of ten times" : "Scale: equal steps";
  });
  let latest: SeriesPayload | undefined;

  // Kept from update to update, so that the keyboard's focus stays on the button it is on.
  const items = new Map<string, LegendItem>();

  function showLegend(series: EmissionSeries[]): void {
    for (const [key, item] of items) {
      if (!series.some((one) => one.key === key)) {
        item.element.remove();
        items.delete(key);
      }
    }
    for (const one of series) {
      let item = items.get(one.key);
      if (item === undefined) {
        item = createLegendItem(one.label, () => chart.toggle(one.key));
        items.set(one.key, item);
        legend.append(item.element);
      }
      item.show(swatch(chart.markOf(one.key)), formatRate(digest(one.values).now));
    }
  }

  return {
    update(payload) {
      // The largest first: in the legend and the table as on the picture, from top to bottom.
      const series = payload.series.toSorted((a, b) => b.co2_kg - a.co2_kg);
      latest = fromFirstReading({ ...payload, series });
      chart.update(latest);
      showLegend(latest.series);
      sentence.textContent = sentenceOf(latest);
      canvas.setAttribute("aria-label", sentence.textContent);
      table.replaceChildren(seriesTable(latest));
    },
    setTheme(theme) {
      chart.setTheme(theme);
      if (latest !== undefined) showLegend(latest.series);
    },
    destroy() {
      chart.destroy();
      container.replaceChildren();
    },
  };
}

/** Make a button switch something on and off; `apply` returns what the button then says. */
function alternate(button: HTMLButtonElement, apply: (on: boolean) => string): void {
  let on = false;
  const show = () => {
    button.textContent = apply(on);
  };
  button.addEventListener("click", () => {
    on = !on;
    show();
  });
  show();
}

interface LegendItem {
  element: HTMLLIElement;
  show(sample: SVGSVGElement, rate: string): void;
}

/** A button for one line: shows or hides it, and tells its present rate. */
function createLegendItem(label: string, toggle: () => boolean): LegendItem {
  const sample = element("span");
  const rate = element("span", { className: "ef-rate" });
  const unit = element("span", { className: "ef-unit" }, " t/h");
  const button = element("button", { type: "button" }, sample, ` ${label} `, rate, unit);
  button.setAttribute("aria-pressed", "true");
  button.title = `Show or hide ${label}`;
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(toggle()));
  });
  return {
    element: element("li", {}, button),
    show(image, text) {
      sample.replaceChildren(image);
      rate.textContent = text;
    },
  };
}
