import { expect, it } from "vitest";

import { createHeatStrip, heatSentence, stepOf } from "./heat-strip";
import type { SeriesPayload } from "./series";

const PAYLOAD: SeriesPayload = {
  by: "sector",
  unit: "t/h",
  window_s: 180,
  bucket_s: 60,
  as_of: null,
  times: ["2026-11-24T02:50:00.000Z", "2026-11-24T02:51:00.000Z", "2026-11-24T02:52:00.000Z"],
  series: [
    { key: "waste", label: "Waste", values: [null, 5, 10], co2_kg: 1 },
    { key: "power", label: "Power", values: [null, null, 200], co2_kg: 9 },
  ],
};

it.each([
  [null, 0, 10, null],
  [0, 0, 10, 1],
  [5, 0, 10, 4],
  [10, 0, 10, 6],
  [99, 99, 100, 6], // a steady row: its noise is not blown up
  [0, 0, 0, 1],
])("takes %s, between %d and %d, for step %s", (value, lowest, highest, step) => {
  expect(stepOf(value, { now: null, lowest, highest })).toBe(step);
});

it("draws the largest first, from the first reading on, each row by its own measure", () => {
  const place = document.createElement("div");
  createHeatStrip(place).update(PAYLOAD);
  const rows = [...place.querySelectorAll(".hs-row")];
  expect(rows.map((row) => row.querySelector(".hs-name")?.textContent)).toEqual(["Power", "Waste"]);
  const steps = rows.map((row) =>
    [...row.querySelectorAll<HTMLElement>(".hs-cell")].map((cell) => cell.dataset.step),
  );
  expect(steps).toEqual([
    [undefined, "6"],
    ["1", "6"],
  ]);
});

it("says the same in a sentence", () => {
  expect(heatSentence({ ...PAYLOAD, series: PAYLOAD.series.slice(1) })).toMatch(/Power was highest at .*, 200\.0 t\/h\.$/);
  expect(heatSentence({ ...PAYLOAD, times: [] })).toBe("The first whole piece of time is still being filled.");
});
