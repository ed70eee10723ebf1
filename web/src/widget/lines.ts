import { element, tableHead, tableRow } from "../chart/dom";
import { createEmissionChart } from "../chart/emission-chart";
import "../chart/emission-figure.css";
import { swatch } from "../chart/swatch";
import { createSentence } from "./sentence";
import { follow, followKernel, followTheme, hostTheme, type RenderProps } from "./host";

interface Line {
  key: string;
  label: string;
  values: (number | null)[];
}

interface Traits {
  snapshot: {
    title: string;
    unit: string;
    state: string;
    sentence: string;
    /** Each line in words: its name, now, lowest, highest. */
    rows: string[][];
    lines: { window_s: number; bucket_s: number; times: string[]; series: Line[] };
  };
}

const FEW_DIGITS = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const format = (value: number | null): string => (value === null ? "–" : FEW_DIGITS.format(value));

/** Lines from Kafka's offsets, lag or throughput: the page's chart with another axis. */
function render({ model, el }: RenderProps<Traits>): () => void {
  const { unit } = model.get("snapshot");
  const title = element("h3");
  const state = element("p", { className: "labkit-state" });
  const legend = element("ul", { className: "ef-legend" });
  const canvas = element("canvas", { role: "img" });
  const sentence = createSentence("ef-sentence");
  const table = element("div", { className: "ef-table" });
  const details = element("details", {}, element("summary", {}, "The same as a table"), table);
  const picture = element("div", { className: "ef-canvas" }, canvas);
  el.classList.add("labkit-widget");
  el.append(title, state, element("div", { className: "ef" }, legend, picture, sentence.element, details));
  const chart = createEmissionChart(canvas, {
    theme: hostTheme(),
    measure: { axis: unit, unit, format },
  });
  const hidden = new Set<string>();
  const items = new Map<string, LegendItem>();

  function toggle(key: string): void {
    if (!hidden.delete(key)) hidden.add(key);
    chart.setHidden(hidden);
    items.get(key)?.press(!hidden.has(key));
  }

  function showLegend({ rows, lines }: Traits["snapshot"]): void {
    const kept = lines.series.map(({ key }) => key);
    for (const [key, item] of items) {
      if (!kept.includes(key)) {
        item.element.remove();
        items.delete(key);
      }
    }
    lines.series.forEach(({ key, label }, place) => {
      let item = items.get(key);
      if (item === undefined) {
        item = createLegendItem(label, () => {
          toggle(key);
        });
        items.set(key, item);
        legend.append(item.element);
      }
      item.show(swatch(chart.markOf(key)), rows[place]?.[1] ?? "–");
      item.press(!hidden.has(key));
    });
  }

  const endings = [
    followKernel(model, el),
    followTheme(el, (theme) => {
      chart.setTheme(theme);
      showLegend(model.get("snapshot"));
    }),
    follow(model, "snapshot", (snapshot) => {
      const { lines, rows } = snapshot;
      title.textContent = snapshot.title;
      state.textContent = snapshot.state;
      sentence.say(snapshot.sentence);
      canvas.setAttribute("aria-label", `${snapshot.title}. ${snapshot.sentence}`);
      const series = lines.series.map((line) => ({ ...line, co2_kg: 0 }));
      chart.update({ ...lines, by: "line", unit, as_of: null, series });
      showLegend(snapshot);
      const body = rows.map(([name, ...figures]) => tableRow(name ?? "", figures));
      table.replaceChildren(
        element(
          "table",
          {},
          element("caption", {}, `${snapshot.title}, in ${unit}`),
          tableHead(["line", "now", "lowest", "highest"]),
          element("tbody", {}, ...body),
        ),
      );
    }),
  ];
  return () => {
    for (const end of endings) end();
    sentence.destroy();
    chart.destroy();
  };
}

interface LegendItem {
  element: HTMLLIElement;
  show(sample: SVGSVGElement, figure: string): void;
  press(visible: boolean): void;
}

/** A button for one line: shows or hides it, and shows its current figure. */
function createLegendItem(label: string, toggle: () => void): LegendItem {
  const sample = element("span");
  const figure = element("span", { className: "ef-rate" });
  const button = element("button", { type: "button" }, sample, ` ${label} `, figure);
  button.title = `Show or hide ${label}`;
  button.addEventListener("click", toggle);
  return {
    element: element("li", {}, button),
    show(image, text) {
      sample.replaceChildren(image);
      figure.textContent = text;
    },
    press(visible) {
      button.setAttribute("aria-pressed", String(visible));
    },
  };
}

export default { render };
