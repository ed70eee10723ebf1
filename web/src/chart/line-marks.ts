import type { Element, Plugin, PointOptions } from "chart.js";
import { drawPoint } from "chart.js/helpers";

/** A mark on every twelfth of the line is enough to tell lines apart, and leaves them readable. */
const MARKS_PER_LINE = 12;
const RADIUS = 3.5;
type Drawn = Element & { skip: boolean };

/**
 * Draw a few marks on each line; `firstBucket` is the number of the bucket at the left edge.
 *
 * Chart.js has a radius for each point, but works out the looks of every point of every line as soon
 * as two differ: a quarter of a redraw, for marks of which most are not seen.
 */
export function lineMarks(firstBucket: () => number): Plugin<"line"> {
  return {
    id: "lineMarks",
    afterDatasetDraw({ ctx, chartArea }, { index, meta }) {
      const points = meta.data as Drawn[];
      const { borderColor, backgroundColor, pointStyle } = meta.controller.getStyle(0, false) as PointOptions;
      // A band's line has its name beside it, and no marks.
      if (pointStyle === false) return;
      const step = Math.max(1, Math.round(points.length / MARKS_PER_LINE));
      // Counted from the bucket's time, so that a mark travels with its line; each line's marks
      // are set off against its neighbours'.
      const before = (firstBucket() + index * 3) % step;
      ctx.save();
      Object.assign(ctx, { strokeStyle: borderColor, fillStyle: backgroundColor, lineWidth: 2 });
      for (let place = (step - before) % step; place < points.length; place += step) {
        const point = points[place];
        if (point === undefined || point.skip || point.x < chartArea.left || point.x > chartArea.right) continue;
        drawPoint(ctx, { pointStyle, radius: RADIUS, borderWidth: 2 }, point.x, point.y);
      }
      ctx.restore();
    },
  };
}
