import { expect, it } from "vitest";

import { formatAge, formatMass, formatRate, formatShare } from "./units";

it.each([
  [0, "0.00 kg"],
  [999.5, "999.5 kg"],
  [1_000, "1.00 t"],
  [254_912, "254.9 t"],
  [12_345_678, "12.35 kt"],
  [32_700_000_000, "32.70 Mt"],
])("writes %d kg as %s", (kg, text) => {
  expect(formatMass(kg)).toBe(text);
});

it.each([
  [null, "–"],
  [0, "0.00"],
  [21.774, "21.77"],
  [821.04, "821.0"],
  [6142.4, "6,142"],
])("writes a rate of %s as %s", (rate, text) => {
  expect(formatRate(rate)).toBe(text);
});

it.each([
  [-0.2, "0.0 s"],
  [2.64, "2.6 s"],
  [61, "61 s"],
  [600, "10 min"],
  [7_200, "2 h"],
  [864_000, "10 days"],
])("writes an age of %d s as %s", (age, text) => {
  expect(formatAge(age)).toBe(text);
});

it("writes a share in per cent", () => {
  expect(formatShare(0.34127)).toBe("34.1 %");
});
