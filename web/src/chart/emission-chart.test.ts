import { describe, expect, it } from "vitest";

import { mergeDatasets, showsAlready, type LineDataset } from "./emission-chart";
import type { EmissionSeries } from "./series";

const line = (key: string, ...values: (number | null)[]): EmissionSeries => ({
  key,
  label: key,
  values,
  co2_kg: 0,
});
const create = ({ key, label, values }: EmissionSeries): LineDataset => ({
  key,
  label,
  data: [...values],
});

describe("showsAlready", () => {
  const drawn = mergeDatasets([], [line("steel", 1, null), line("waste", 7, 8)], null, create);

  it("knows the lines that are on the canvas", () => {
    expect(showsAlready(drawn, [line("steel", 1, null), line("waste", 7, 8)])).toBe(true);
  });

  it.each([
    ["another value", [line("steel", 1, null), line("waste", 7, 8.5)]],
    ["a gap that is filled", [line("steel", 1, 0), line("waste", 7, 8)]],
    ["one more bucket", [line("steel", 1, null, 3), line("waste", 7, 8, 9)]],
    ["another order", [line("waste", 7, 8), line("steel", 1, null)]],
    ["a line less", [line("steel", 1, null)]],
  ])("sees %s", (_what, series) => {
    expect(showsAlready(drawn, series)).toBe(false);
  });
});

describe("mergeDatasets", () => {
  const before = mergeDatasets([], [line("steel", 1, 2, 3), line("waste", 7, 8, 9)], null, create);

  it("moves a known line on in its own array, so that Chart.js slides it", () => {
    const [steel] = mergeDatasets(before, [line("steel", 2, 3, 4)], 1, create);
    expect(steel).toBe(before[0]);
    expect(steel?.data).toBe(before[0]?.data);
    expect(steel?.data).toEqual([2, 3, 4]);
  });

  it("takes over a bucket that a late reading has changed", () => {
    const [steel] = mergeDatasets(
      mergeDatasets([], [line("steel", 1, 2)], null, create),
      [line("steel", 2.5, null)],
      1,
      create,
    );
    expect(steel?.data).toEqual([2.5, null]);
  });

  it("follows a window that has become longer or shorter", () => {
    const start = mergeDatasets([], [line("steel", 1, 2)], null, create);
    expect(mergeDatasets(start, [line("steel", 1, 2, 3, 4)], 0, create)[0]?.data).toHaveLength(4);
    expect(mergeDatasets(start, [line("steel", 3)], 2, create)[0]?.data).toEqual([3]);
  });

  it("draws other times afresh", () => {
    const start = mergeDatasets([], [line("steel", 1, 2)], null, create);
    const drawn = start[0]?.data;
    const [steel] = mergeDatasets(start, [line("steel", 5, 6)], null, create);
    expect(steel).toBe(start[0]);
    expect(steel?.data).not.toBe(drawn);
    expect(steel?.data).toEqual([5, 6]);
  });

  it("adds new lines and drops those that are gone, whatever the order", () => {
    const after = mergeDatasets(before, [line("paper", 1), line("waste", 9)], null, create);
    expect(after.map(({ key }) => key)).toEqual(["paper", "waste"]);
    expect(after[1]).toBe(before[1]);
  });
});
