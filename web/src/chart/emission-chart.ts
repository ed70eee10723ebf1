import {
  CategoryScale,
  Chart,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type ChartDataset,
} from "chart.js";

import { bandNames } from "./band-names";
import { bandAxis, chartOptions, inkOf, type Measure, type Scale, type Shape } from "./chart-options";
import { lineMarks } from "./line-marks";
import { MarkBook, type Mark, type Theme } from "./marks";
import { bucketsAhead, type EmissionSeries, type SeriesPayload } from "./series";
import { formatClock } from "./units";

// Only the parts that are used: the notebook's widget carries them in every message that opens it.
Chart.register(
  CategoryScale,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
);

/** A longer window than this does not slide. */
const LONGEST_SLIDING_S = 900;
/** Twice as long as a slide takes: lines that change sooner are drawn once, not in thirty frames. */
const CALM_MS = 900;

export type LineDataset = ChartDataset<"line", (number | null)[]> & { key: string };

export interface EmissionChart {
  /** Show a new answer; lines that are known move on and are not redrawn. */
  update(payload: SeriesPayload): void;
  setTheme(theme: Theme): void;
  setScale(scale: Scale): void;
  setShape(shape: Shape): void;
  /** Show all lines but these. */
  setHidden(keys: ReadonlySet<string>): void;
  markOf(key: string): Mark;
  /** Chart.js keeps a hold on its canvas until it is destroyed. */
  destroy(): void;
}

/** Draw emission rates over time on a canvas: no framework, so page and notebook share it. */
export function createEmissionChart(
  canvas: HTMLCanvasElement,
  options: { theme: Theme; measure?: Measure | undefined },
): EmissionChart {
  const marks = new MarkBook();
  const { measure } = options;
  let { theme } = options;
  let scale: Scale = "linear";
  let shape: Shape = "lines";
  let hidden: ReadonlySet<string> = new Set();
  let times: string[] = [];
  let arranged = "";

  let bucketMs = 1000;
  let movedAt = -Infinity;
  const marksOnLines = lineMarks(() => Math.round(Date.parse(times[0] ?? "") / bucketMs));
  const chart = new Chart<"line", (number | null)[], string>(canvas, {
    type: "line",
    data: { labels: [], datasets: [] },
    options: chartOptions({ theme, scale, shape, bands: 0, measure }),
    plugins: [bandNames(() => (shape === "each" ? inkOf(theme) : null)), marksOnLines],
  });
  const datasets = () => chart.data.datasets as LineDataset[];
  const shown = () => datasets().filter(({ key }) => !hidden.has(key));

  function dress(dataset: LineDataset): void {
    const { colour, dash, point } = marks.markOf(dataset.key, theme);
    Object.assign(dataset, {
      borderColor: colour,
      backgroundColor: shape === "stacked" ? `${colour}55` : colour,
      // A band has its name beside it; elsewhere dashes and marks tell the lines apart.
      borderDash: shape === "each" ? [] : dash,
      pointStyle: shape === "each" ? false : point,
      fill: shape === "stacked" ? "stack" : false,
    });
  }

  /** Give each line its axis: a band's own, or the one that all share. */
  function arrange(): void {
    const inBands = shown();
    for (const dataset of datasets()) {
      dataset.yAxisID = shape === "each" ? bandAxis(Math.max(0, inBands.indexOf(dataset))) : "y";
    }
    const look = `${theme} ${scale} ${shape} ${shape === "each" ? inBands.length : ""}`;
    if (look === arranged) return;
    arranged = look;
    chart.options = chartOptions({ theme, scale, shape, bands: inBands.length, measure });
  }

  function redress(): void {
    chart.stop(); // a new look shows at once, also in the middle of a slide
    datasets().forEach(dress);
    arrange();
    chart.update("none");
  }

  function hide(): void {
    datasets().forEach(({ key }, index) => {
      chart.setDatasetVisibility(index, !hidden.has(key));
    });
    arrange();
  }

  function newDataset(series: EmissionSeries): LineDataset {
    const dataset: LineDataset = {
      key: series.key,
      label: series.label,
      data: [...series.values],
      borderWidth: 2,
      pointRadius: 0, // `lineMarks` draws those that are seen
      pointHitRadius: 8,
    };
    dress(dataset);
    return dataset;
  }

  return {
    update(payload) {
      const ahead = bucketsAhead(times, payload.times);
      if (ahead === 0 && showsAlready(datasets(), payload.series)) return;
      bucketMs = payload.bucket_s * 1000;
      times = payload.times;
      chart.data.labels = times.map(formatClock);
      chart.data.datasets = mergeDatasets(datasets(), payload.series, ahead, newDataset);
      hide();
      const isCalm = performance.now() - movedAt > CALM_MS;
      if (ahead !== 0) movedAt = performance.now();
      if (!isCalm) chart.stop(); // what still slides is there at once
      chart.update(isCalm && slides(payload, ahead) ? undefined : "none");
    },
    setTheme(next) {
      theme = next;
      redress();
    },
    setScale(next) {
      scale = next;
      redress();
    },
    setShape(next) {
      shape = next;
      redress();
    },
    setHidden(keys) {
      hidden = keys;
      hide();
      chart.update("none");
    },
    markOf: (key) => marks.markOf(key, theme),
    destroy() {
      chart.destroy();
    },
  };
}

/** In a long window a slide is a pixel wide, and each frame of it costs a redraw. */
function slides({ window_s }: SeriesPayload, ahead: number | null): boolean {
  return ahead !== null && ahead > 0 && window_s <= LONGEST_SLIDING_S;
}

/** Whether these lines are already drawn: in a long window most answers have no new bucket. */
export function showsAlready(drawn: LineDataset[], series: EmissionSeries[]): boolean {
  return (
    drawn.length === series.length &&
    series.every(({ key, label, values }, place) => {
      const line = drawn[place];
      if (line?.key !== key || line.label !== label || line.data.length !== values.length) return false;
      return values.every((value, bucket) => value === line.data[bucket]);
    })
  );
}

/**
 * Return the datasets for a new answer: those whose key is known are the same objects, changed
 * in place. Chart.js listens to `shift` and `push` on their data: points that left on the left and
 * came on the right make the rest slide, where a new array would make every point jump.
 */
export function mergeDatasets(
  before: LineDataset[],
  series: EmissionSeries[],
  ahead: number | null,
  create: (series: EmissionSeries) => LineDataset,
): LineDataset[] {
  return series.map((one) => {
    const dataset = before.find((candidate) => candidate.key === one.key);
    if (dataset === undefined) return create(one);
    dataset.label = one.label;
    if (ahead === null) dataset.data = [...one.values];
    else moveOn(dataset.data, one.values, ahead);
    return dataset;
  });
}

function moveOn(data: (number | null)[], values: (number | null)[], ahead: number): void {
  for (let gone = 0; gone < ahead; gone++) data.shift();
  // A late reading may still change a bucket that is drawn already.
  data.forEach((_value, index) => (data[index] = values[index] ?? null));
  data.push(...values.slice(data.length));
  while (data.length > values.length) data.pop();
}
