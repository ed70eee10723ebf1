import {
  CategoryScale,
  Chart,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type ChartDataset,
} from "chart.js";

import { chartOptions, type Scale } from "./chart-options";
import { MarkBook, type Mark, type Theme } from "./marks";
import { bucketsAhead, type EmissionSeries, type SeriesPayload } from "./series";
import { formatClock } from "./units";

// Only the parts that are used: the notebook's widget carries them in every message that opens it.
Chart.register(
  CategoryScale,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
);

/** A mark on every twelfth of the line is enough to tell lines apart, and leaves them readable. */
const MARKS_PER_LINE = 12;

export type LineDataset = ChartDataset<"line", (number | null)[]> & { key: string };

export interface EmissionChart {
  /** Show a new answer; lines that are known move on, they are not drawn anew. */
  update(payload: SeriesPayload): void;
  setTheme(theme: Theme): void;
  setScale(scale: Scale): void;
  /** Show or hide one line; tells whether it is visible now. */
  toggle(key: string): boolean;
  markOf(key: string): Mark;
  /** Chart.js keeps a hold on its canvas until it is destroyed. */
  destroy(): void;
}

/** Draw emission rates over time on a canvas: no framework, so page and notebook share it. */
export function createEmissionChart(
  canvas: HTMLCanvasElement,
  options: { theme: Theme },
): EmissionChart {
  const marks = new MarkBook();
  let { theme } = options;
  let scale: Scale = "linear";
  let times: string[] = [];
  let bucketMs = 1000;

  const chart = new Chart<"line", (number | null)[], string>(canvas, {
    type: "line",
    data: { labels: [], datasets: [] },
    options: chartOptions(theme, scale),
  });
  const datasets = () => chart.data.datasets as LineDataset[];

  function pointRadius(index: number, datasetIndex: number): number {
    const step = Math.max(1, Math.round(times.length / MARKS_PER_LINE));
    // Counted from the bucket's time, so that a mark travels with its line; each line's marks
    // are set off against its neighbours'.
    const bucket = Math.round(Date.parse(times[index] ?? "") / bucketMs);
    return (bucket + datasetIndex * 3) % step === 0 ? 3.5 : 0;
  }

  function dress(dataset: LineDataset): void {
    const { colour, dash, point } = marks.markOf(dataset.key, theme);
    Object.assign(dataset, {
      borderColor: colour,
      backgroundColor: colour,
      borderDash: dash,
      pointStyle: point,
    });
  }

  function newDataset(series: EmissionSeries): LineDataset {
    const dataset: LineDataset = {
      key: series.key,
      label: series.label,
      data: [...series.values],
      borderWidth: 2,
      pointRadius: ({ dataIndex, datasetIndex }) => pointRadius(dataIndex, datasetIndex),
      pointHitRadius: 8,
    };
    dress(dataset);
    return dataset;
  }

  return {
    update(payload) {
      const ahead = bucketsAhead(times, payload.times);
      bucketMs = payload.bucket_s * 1000;
      times = payload.times;
      chart.data.labels = times.map(formatClock);
      chart.data.datasets = mergeDatasets(datasets(), payload.series, ahead, newDataset);
      chart.update(ahead === null ? "none" : undefined);
    },
    setTheme(next) {
      theme = next;
      chart.options = chartOptions(theme, scale);
      datasets().forEach(dress);
      chart.update("none");
    },
    setScale(next) {
      scale = next;
      chart.options = chartOptions(theme, scale);
      chart.update("none");
    },
    toggle(key) {
      const index = datasets().findIndex((dataset) => dataset.key === key);
      if (index < 0) return false;
      const visible = !chart.isDatasetVisible(index);
      chart.setDatasetVisibility(index, visible);
      chart.update();
      return visible;
    },
    markOf: (key) => marks.markOf(key, theme),
    destroy() {
      chart.destroy();
    },
  };
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
