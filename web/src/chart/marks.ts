export type PointName = "circle" | "triangle" | "rect" | "rectRot" | "star" | "crossRot";
export type Theme = "light" | "dark";

/** How one series looks: colour is never its only mark. */
export interface Mark {
  colour: string;
  dash: number[];
  point: PointName;
}

/**
 * Eight hues after Okabe and Ito, which people with any common colour blindness can tell apart,
 * darkened for a white background and lightened for a black one: each has a contrast of at least 3 : 1 with
 * its background (WCAG 1.4.11; a test calculates it).
 */
export const COLOURS: Record<Theme, readonly string[]> = {
  light: ["#0b63a5", "#c24a00", "#00775a", "#a63f83", "#8a6400", "#3a87b8", "#4a4f57", "#6f6a00"],
  dark: ["#5eb1f2", "#ff8a57", "#3fcaa2", "#ec9fcd", "#f0b840", "#a5dbf7", "#d6dae0", "#e8df6b"],
};
const DASHES: readonly number[][] = [[], [9, 4], [2, 3], [10, 3, 2, 3], [5, 3], [14, 4], [1, 4]];
const POINTS: readonly PointName[] = ["circle", "triangle", "rect", "rectRot", "star", "crossRot"];

/** A sector keeps its looks in every chart and at every visit. */
const SECTORS = ["power", "steel", "cement", "refining", "chemicals", "paper", "waste"];

const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** Hands out marks: one per key, the same one each time it is asked. */
export class MarkBook {
  readonly #places = new Map(SECTORS.map((sector, place) => [sector, place]));
  #next = 0;

  markOf(key: string, theme: Theme): Mark {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#next++;
      this.#places.set(key, place);
    }
    return {
      colour: pick(COLOURS[theme], place),
      // Lists of different lengths: with more series than colours the pairs still differ.
      dash: pick(DASHES, place),
      point: pick(POINTS, place),
    };
  }
}
