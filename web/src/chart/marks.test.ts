import { describe, expect, it } from "vitest";

import { COLOURS, MarkBook, type Theme } from "./marks";

const PAPER: Record<Theme, string> = { light: "#ffffff", dark: "#1b262d" };

/** Relative luminance after WCAG 2.2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(["light", "dark"] as const)("the %s theme", (theme) => {
  it.each(COLOURS[theme])("%s stands out from its background", (colour) => {
    expect(contrast(colour, PAPER[theme])).toBeGreaterThanOrEqual(3);
  });

  it("gives each of 24 facilities looks of its own, also without colour for the first six", () => {
    const book = new MarkBook();
    const marks = Array.from({ length: 24 }, (_, place) => book.markOf(`plant-${place}`, theme));
    expect(new Set(marks.map((mark) => JSON.stringify(mark))).size).toBe(24);
    const first = marks.slice(0, 6).map(({ dash, point }) => JSON.stringify([dash, point]));
    expect(new Set(first).size).toBe(6);
  });
});

describe("MarkBook", () => {
  it("gives a key the same looks each time, whatever was asked before", () => {
    const [one, other] = [new MarkBook(), new MarkBook()];
    other.markOf("waste", "light");
    expect(one.markOf("power", "light")).toEqual(other.markOf("power", "light"));
    expect(one.markOf("power", "light")).toEqual(one.markOf("power", "light"));
  });
});
