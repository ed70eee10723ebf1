import { expect, it } from "vitest";

import { bandRange } from "./chart-options";

it.each([
  ["spans what was measured", 80, 120, 80, 120],
  ["does not blow noise up: a tenth of the highest at least", 100, 100, 95, 105],
  ["never goes below nothing", 0, 0.001, 0, 0.001],
  ["has a height also where all is zero", 0, 0, 0, 1],
])("a band's scale %s", (_what, lowest, highest, from, to) => {
  expect(bandRange(lowest, highest)).toEqual({ from, to });
});

it("has a scale also before the first value", () => {
  expect(bandRange(Infinity, -Infinity)).toEqual({ from: 0, to: 1 });
});
