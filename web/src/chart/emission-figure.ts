import { element, setText } from "./dom";
import type { Scale, Shape } from "./chart-options";
import { createEmissionChart } from "./emission-chart";
import "./emission-figure.css";
import type { Mark, Theme } from "./marks";
import { digest, fromFirstReading, type EmissionSeries, type SeriesPayload } from "./series";
import { seriesTable, sentenceOf } from "./series-text";
import { swatch } from "./swatch";
import { formatRate } from "./units";

export interface EmissionFigure {
  update(payload: SeriesPayload): void;
  setTheme(theme: Theme): void;
  show(look: Look): void;
  destroy(): void;
}

const SHAPES: readonly { shape: Shape; name: string }[] = [
  { shape: "each", name: "One by one" },
  { shape: "lines", name: "Together" },
  { shape: "stacked", name: "Stacked" },
];

/** How the reader looks at the lines. */
export interface Look {
  shape: Shape;
  scale: Scale;
  hidden: ReadonlySet<string>;
}

/** Every line is seen, though one emits two hundred times as much as another. */
const DEFAULT_LOOK: Look = { shape: "each", scale: "linear", hidden: new Set() };

export interface FigureOptions {
  theme: Theme;
  /** What to do when the reader changes the look. Without it, the figure itself follows. */
  onLook?: ((look: Look) => void) | undefined;
}

/**
 * The chart with its legend and its text twin: one sentence and a table that say in words what
 * the lines show. The page and the notebook's widget put this same figure on the screen.
 */
export function createEmissionFigure(
  container: HTMLElement,
  options: FigureOptions,
): EmissionFigure {
  const legend = element("ul", { className: "ef-legend" });
  const shapes = SHAPES.map(({ shape, name }) => {
    const button = element("button", { type: "button", className: "ef-switch" }, name);
    button.addEventListener("click", () => {
      change({ ...look, shape });
    });
    return { shape, button };
  });
  const shapeGroup = element("div", { className: "ef-group", role: "group" }, ...shapes.map(({ button }) => button));
  shapeGroup.setAttribute("aria-label", "Shape of the chart");
  const scale = element("button", { type: "button", className: "ef-switch" });
  const canvas = element("canvas", { role: "img" });
  const sentence = element("p", { className: "ef-sentence" });
  const table = element("div", { className: "ef-table", tabIndex: 0, role: "group" });
  table.setAttribute("aria-label", "The lines as a table");
  const details = element("details", {}, element("summary", {}, "The same as a table"), table);
  container.classList.add("ef");
  const picture = element("div", { className: "ef-canvas" }, canvas);
  const unit = element("p", { className: "ef-note" });
  const switches = element("div", { className: "ef-switches" }, shapeGroup, scale, unit);
  container.append(switches, picture, legend, sentence, details);
  const chart = createEmissionChart(canvas, options);
  let look: Look = DEFAULT_LOOK;
  chart.setShape(look.shape);
  scale.addEventListener("click", () => {
    change({ ...look, scale: look.scale === "linear" ? "logarithmic" : "linear" });
  });

  function change(next: Look): void {
    (options.onLook ?? show)(next);
  }

  function show(next: Look): void {
    if (next.shape !== look.shape) chart.setShape(next.shape);
    if (next.scale !== look.scale) chart.setScale(next.scale);
    if (!sameKeys(next.hidden, look.hidden)) chart.setHidden(next.hidden);
    look = next;
    label();
  }

  function label(): void {
    for (const { shape, button } of shapes) button.setAttribute("aria-pressed", String(shape === look.shape));
    setText(scale, look.scale === "linear" ? "Scale: equal steps" : "Scale: steps of ten times");
    scale.hidden = look.shape !== "lines";
    setText(unit, look.shape === "each" ? "Tonnes of CO₂ per hour (t/h), each line on its own scale" : "");
    picture.dataset.shape = look.shape;
    const bands = [...items.keys()].filter((key) => !look.hidden.has(key)).length;
    picture.style.setProperty("--ef-bands", String(Math.max(bands, 1)));
    for (const [key, item] of items) item.press(!look.hidden.has(key));
  }
  let latest: SeriesPayload | undefined;

  /** A closed table is not built; an open one is updated with each answer. */
  function showTable(): void {
    if (details.open && latest !== undefined) table.replaceChildren(seriesTable(latest));
  }
  details.addEventListener("toggle", showTable);

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
        item = createLegendItem(one.label, () => {
          change({ ...look, hidden: toggled(look.hidden, one.key) });
        });
        items.set(one.key, item);
        legend.append(item.element);
      }
      item.show(chart.markOf(one.key), formatRate(digest(one.values).now));
    }
    order(series);
    label();
  }

  /** As on the picture, from top to bottom; but not under somebody's hands, who would lose the focus. */
  function order(series: EmissionSeries[]): void {
    const wanted = series.flatMap(({ key }) => items.get(key)?.element ?? []);
    const isRight = wanted.every((item, place) => legend.children[place] === item);
    if (!isRight && !legend.matches(":hover, :focus-within")) legend.append(...wanted);
  }

  label();
  return {
    update(payload) {
      // The largest first: in the legend and the table as on the picture, from top to bottom.
      const series = payload.series.toSorted((a, b) => b.co2_kg - a.co2_kg);
      latest = fromFirstReading({ ...payload, series });
      chart.update(latest);
      showLegend(latest.series);
      const said = sentenceOf(latest);
      setText(sentence, said);
      canvas.setAttribute("aria-label", said);
      showTable();
    },
    setTheme(theme) {
      chart.setTheme(theme);
      if (latest !== undefined) showLegend(latest.series);
    },
    show,
    destroy() {
      chart.destroy();
      container.replaceChildren();
    },
  };
}

const sameKeys = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((key) => b.has(key));

function toggled(keys: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(keys);
  if (!next.delete(key)) next.add(key);
  return next;
}

interface LegendItem {
  element: HTMLLIElement;
  show(mark: Mark, rate: string): void;
  press(visible: boolean): void;
}

/** A button for one line: shows or hides it, and shows its current rate. */
function createLegendItem(label: string, toggle: () => void): LegendItem {
  const sample = element("span");
  const rate = element("span", { className: "ef-rate" });
  const unit = element("span", { className: "ef-unit" }, " t/h");
  const button = element("button", { type: "button" }, sample, ` ${label} `, rate, unit);
  let mark: Mark | undefined;
  button.title = `Show or hide ${label}`;
  button.addEventListener("click", toggle);
  return {
    element: element("li", {}, button),
    show(next, text) {
      if (mark?.colour !== next.colour) sample.replaceChildren(swatch(next));
      mark = next;
      setText(rate, text);
    },
    press(visible) {
      button.setAttribute("aria-pressed", String(visible));
    },
  };
}
