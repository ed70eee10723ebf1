import type { ChartOptions } from "chart.js";

import type { Theme } from "./marks";
import { formatRate, formatTick } from "./units";

/** Equal steps, or steps of ten times: sectors differ by a factor of two hundred. */
export type Scale = "linear" | "logarithmic";

/** Lines to compare the sectors, or areas on top of each other to see what they add up to. */
export type Shape = "lines" | "stacked";

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

/** Unobtrusive axes with their units; only the lines are strong. */
export function chartOptions(
  theme: Theme,
  scale: Scale,
  shape: Shape = "lines",
  measure: Measure = EMISSIONS,
): ChartOptions<"line"> {
  const ink = INK[theme];
  const ticks = { color: ink.text, font: FONT };
  const title = { display: true, color: ink.text, font: FONT };
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
        title: { ...title, text: "local time" },
      },
      y: {
        // Areas add up only where every tonne is equally high.
        type: shape === "stacked" ? "linear" : scale,
        stacked: shape === "stacked",
        beginAtZero: true,
        grid: { color: ink.grid },
        border: { display: false },
        ticks: { ...ticks, maxTicksLimit: 7, callback: (value) => formatTick(Number(value)) },
        title: { ...title, text: measure.axis },
      },
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

function prefersStillness(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
