import type { ChartOptions } from "chart.js";

import type { Theme } from "./marks";
import { formatRate, formatTick } from "./units";

/** Equal steps, or steps of ten times: sectors differ by a factor of two hundred. */
export type Scale = "linear" | "logarithmic";

/**
 * A band for each line, with its own scale, so that each is seen to move; all lines on one scale, to
 * compare them; or areas on top of each other, to see what they add up to.
 */
export type Shape = "each" | "lines" | "stacked";

/** The least that a band's scale spans, as a share of its highest value: noise is not blown up. */
const LEAST_SPAN = 0.1;
/** Left free above a band's line, for its name, and below it, as shares of its span. */
const ABOVE = 0.85;
const BELOW = 0.2;
const BAND_AXIS_PX = 44;

const INK: Record<Theme, { text: string; grid: string; paper: string; line: string }> = {
  light: { text: "#4d5a63", grid: "#e3e8ea", paper: "#ffffff", line: "#c6d0d4" },
  dark: { text: "#a9b8c0", grid: "#25323a", paper: "#1b262d", line: "#3d4d57" },
};
const FONT = { family: "system-ui, sans-serif", size: 12 };

/** What the lines measure: the axis is named after it, and a point's figure ends in its unit. */
export interface Measure {
  axis: string;
  unit: string;
  format: (value: number | null) => string;
}
const EMISSIONS: Measure = { axis: "tonnes of CO₂ per hour (t/h)", unit: "t/h", format: formatRate };

/** The look of the chart; `bands` is how many lines are shown. */
export interface ChartLook {
  theme: Theme;
  scale: Scale;
  shape: Shape;
  bands: number;
  measure?: Measure | undefined;
}

/** Unobtrusive axes with their units; only the lines are strong. */
export function chartOptions({ theme, scale, shape, bands, measure = EMISSIONS }: ChartLook): ChartOptions<"line"> {
  const ink = INK[theme];
  const ticks = { color: ink.text, font: FONT };
  const title = { display: true, color: ink.text, font: FONT };
  const oneAxis = {
    y: {
      // Areas add up only where every tonne is equally high.
      type: shape === "stacked" ? ("linear" as const) : scale,
      stacked: shape === "stacked",
      beginAtZero: true,
      grid: { color: ink.grid },
      border: { display: false },
      ticks: { ...ticks, maxTicksLimit: 7, callback: (value: number | string) => formatTick(Number(value)) },
      title: { ...title, text: measure.axis },
    },
  };
  return {
    animation: prefersStillness() ? false : { duration: 450, easing: "easeOutCubic" },
    // Points slide along; they do not grow from the bottom, which would look like a fall to zero.
    animations: { y: { duration: 0 } },
    responsive: true,
    maintainAspectRatio: false,
    // Nothing was measured in a gap, so no line is drawn across it.
    spanGaps: false,
    interaction: { mode: "index", intersect: false },
    scales: {
      x: {
        grid: { display: false },
        border: { color: ink.line },
        // Clock times are equally wide: a few tell how many fit, and each that is measured costs time.
        ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 28, sampleSize: 4 },
        title: { ...title, display: shape !== "each", text: "local time" },
      },
      ...(shape === "each" ? bandAxes(bands, theme) : oneAxis),
    },
    plugins: {
      tooltip: {
        backgroundColor: ink.paper,
        borderColor: ink.line,
        borderWidth: 1,
        titleColor: ink.text,
        bodyColor: ink.text,
        usePointStyle: true,
        padding: 10,
        callbacks: {
          label: ({ dataset, parsed }) => ` ${dataset.label ?? ""}: ${measure.format(parsed.y)} ${measure.unit}`,
        },
        itemSort: (a, b) => (b.parsed.y ?? 0) - (a.parsed.y ?? 0),
      },
    },
  };
}

export const bandAxis = (place: number): string => `y${place}`;

/** An axis for each band, on top of each other; each is marked with its lowest and highest value only. */
function bandAxes(bands: number, theme: Theme): NonNullable<ChartOptions<"line">["scales"]> {
  const ink = INK[theme];
  const axes = Array.from({ length: Math.max(bands, 1) }, (_band, place) => [
    bandAxis(place),
    {
      type: "linear" as const,
      axis: "y" as const,
      stack: "bands",
      bounds: "data" as const,
      weight: bands - place, // the lightest is drawn at the bottom
      grid: { display: false },
      border: { display: false },
      ticks: { color: ink.text, font: { ...FONT, size: 10 }, callback: (value: number | string) => formatRate(Number(value)) },
      afterDataLimits: (axis: { min: number; max: number }) => {
        const { from, to } = bandRange(axis.min, axis.max);
        Object.assign(axis, { min: from - BELOW * (to - from), max: to + ABOVE * (to - from) });
      },
      // The layout would give each of many axes too little room for its figures.
      afterFit: (axis: { width: number }) => {
        axis.width = BAND_AXIS_PX;
      },
      afterBuildTicks: (axis: { min: number; max: number; ticks: { value: number }[] }) => {
        const span = (axis.max - axis.min) / (1 + ABOVE + BELOW);
        axis.ticks = [{ value: axis.min + BELOW * span }, { value: axis.max - ABOVE * span }];
      },
    },
  ]);
  return Object.fromEntries(axes) as NonNullable<ChartOptions<"line">["scales"]>;
}

/** What a band's scale spans: its values, and at least a tenth of the highest. */
export function bandRange(lowest: number, highest: number): { from: number; to: number } {
  if (!Number.isFinite(lowest) || !Number.isFinite(highest)) return { from: 0, to: 1 };
  const missing = Math.max(0, LEAST_SPAN * Math.abs(highest) - (highest - lowest)) || (highest === lowest ? 1 : 0);
  const from = lowest - missing / 2;
  // Nothing emits less than nothing.
  return lowest >= 0 && from < 0 ? { from: 0, to: highest + missing } : { from, to: highest + missing / 2 };
}

/** The colours of what is drawn around the lines. */
export const inkOf = (theme: Theme): { text: string; grid: string; paper: string } => INK[theme];

function prefersStillness(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
