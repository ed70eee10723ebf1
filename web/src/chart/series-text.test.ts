import { describe, expect, it } from "vitest";

import type { SeriesPayload } from "./series";
import { sentenceOf, seriesTable } from "./series-text";

const PAYLOAD: SeriesPayload = {
  by: "sector",
  unit: "t/h",
  window_s: 60,
  bucket_s: 1,
  as_of: "2026-11-23T22:13:04.123Z",
  times: ["2026-11-23T22:13:02.000Z", "2026-11-23T22:13:03.000Z"],
  series: [
    { key: "power", label: "Power", values: [4500, 4510], co2_kg: 2503 },
    { key: "paper", label: "Paper", values: [22, 21.5], co2_kg: 12 },
    { key: "steel", label: "Steel", values: [800, null], co2_kg: 222 },
  ],
};

describe("the text twin", () => {
  it("says in one sentence who emits most and least, of those that are known", () => {
    const sentence = sentenceOf(PAYLOAD);
    expect(sentence).toContain("4,532 t/h in all");
    expect(sentence).toContain("Power most, 4,510 t/h, and Paper least, 21.50 t/h.");
  });

  it("says so when there is nothing to tell", () => {
    expect(sentenceOf({ ...PAYLOAD, times: [], series: [] })).toBe(
      "No readings in this window yet.",
    );
  });

  it("has a row for each line, with a dash where nothing is known", () => {
    const rows = [...seriesTable(PAYLOAD).querySelectorAll("tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(rows).toEqual([
      ["Power", "4,510", "4,500", "4,510", "2.50 t"],
      ["Paper", "21.50", "21.50", "22.00", "12.00 kg"],
      ["Steel", "–", "800.0", "800.0", "222.0 kg"],
    ]);
  });

  it("never reads a label as HTML", () => {
    const series = [{ key: "x", label: "<img src=x onerror=alert(1)>", values: [1], co2_kg: 1 }];
    const table = seriesTable({ ...PAYLOAD, series });
    expect(table.querySelector("img")).toBeNull();
    expect(table.textContent).toContain("<img");
  });
});
