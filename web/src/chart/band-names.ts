import type { Plugin } from "chart.js";

import { formatRate } from "./units";

const FONT = "600 12px system-ui, sans-serif";
const PAD = 4;

/** Write each band's name and present value above its line; null where there are no bands. */
export function bandNames(ink: () => { text: string; grid: string; paper: string } | null): Plugin<"line"> {
  return {
    id: "bandNames",
    afterDatasetsDraw(chart) {
      const colours = ink();
      if (colours === null) return;
      const { ctx, chartArea } = chart;
      ctx.save();
      Object.assign(ctx, { font: FONT, textBaseline: "top", lineWidth: 1, strokeStyle: colours.grid });
      for (const { index, yScale } of chart.getSortedVisibleDatasetMetas()) {
        const dataset = chart.data.datasets[index];
        if (yScale === undefined || dataset === undefined) continue;
        const newest = dataset.data.at(-1);
        const name = `${dataset.label ?? ""}  ${formatRate(typeof newest === "number" ? newest : null)}`;
        const [left, top] = [chartArea.left + PAD, yScale.top + 3];
        ctx.beginPath();
        ctx.moveTo(chartArea.left, yScale.bottom);
        ctx.lineTo(chartArea.right, yScale.bottom);
        ctx.stroke();
        // On its own ground, so that a line behind it does not cross it out.
        ctx.globalAlpha = 0.82;
        ctx.fillStyle = colours.paper;
        ctx.fillRect(left - PAD, top - 2, ctx.measureText(name).width + 22, 15);
        ctx.globalAlpha = 1;
        ctx.fillStyle = typeof dataset.borderColor === "string" ? dataset.borderColor : colours.text;
        ctx.fillRect(left, top + 2, 9, 9);
        ctx.fillStyle = colours.text;
        ctx.fillText(name, left + 14, top);
      }
      ctx.restore();
    },
  };
}
