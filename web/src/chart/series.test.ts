import { describe, expect, it } from "vitest";

import { bucketsAhead, digest, fromFirstReading, sumOf, withoutGaps } from "./series";

describe("digest", () => {
  it("leaves gaps out of the lowest and the highest, and calls the last bucket now", () => {
    expect(digest([null, 3, 1, null, 2])).toEqual({ now: 2, lowest: 1, highest: 3 });
  });
  it("does not take an old value for the present one", () => {
    expect(digest([5, null])).toEqual({ now: null, lowest: 5, highest: 5 });
  });
  it("knows nothing of a line without readings", () => {
    expect(digest([null, null])).toEqual({ now: null, lowest: null, highest: null });
  });
});

describe("fromFirstReading", () => {
  const payload = (...lines: (number | null)[][]) => ({
    by: "sector",
    unit: "t/h",
    window_s: 4,
    bucket_s: 1,
    as_of: null,
    times: ["a", "b", "c", "d"],
    series: lines.map((values, place) => ({ key: `${place}`, label: "", values, co2_kg: 0 })),
  });

  it("begins where the first line begins, and keeps later gaps", () => {
    const cut = fromFirstReading(payload([null, null, 1, null], [null, 0, null, 2]));
    expect(cut.times).toEqual(["b", "c", "d"]);
    expect(cut.series.map(({ values }) => values)).toEqual([
      [null, 1, null],
      [0, null, 2],
    ]);
  });

  it("leaves a full window and an empty one as they are", () => {
    const [full, empty] = [payload([1, 2, 3, 4]), payload([null, null, null, null])];
    expect(fromFirstReading(full)).toBe(full);
    expect(fromFirstReading(empty)).toBe(empty);
  });
});

describe("bucketsAhead", () => {
  it("tells how far the window has moved", () => {
    expect(bucketsAhead(["a", "b", "c"], ["a", "b", "c"])).toBe(0);
    expect(bucketsAhead(["a", "b", "c"], ["b", "c", "d"])).toBe(1);
  });
  it("is null where nothing overlaps, or the buckets are others", () => {
    expect(bucketsAhead([], ["a"])).toBeNull();
    expect(bucketsAhead(["a"], [])).toBeNull();
    expect(bucketsAhead(["a", "b"], ["x", "y"])).toBeNull();
    expect(bucketsAhead(["a", "b", "c"], ["a", "c", "e"])).toBeNull();
  });
});

describe("a time without readings", () => {
  const night = {
    by: "sector",
    unit: "t/h",
    window_s: 5,
    bucket_s: 1,
    as_of: null,
    times: ["a", "b", "c", "d", "e"],
    series: [
      { key: "power", label: "Power", values: [1, null, null, null, 5], co2_kg: 6 },
      { key: "steel", label: "Steel", values: [2, null, null, null, null], co2_kg: 2 },
    ],
  };

  it("is left as one empty bucket, however long it was", () => {
    const { times, series } = withoutGaps(night);
    expect(times).toEqual(["a", "b", "e"]);
    expect(series.map(({ values }) => values)).toEqual([
      [1, null, 5],
      [2, null, null],
    ]);
  });

  it("adds up to nothing known, not to zero", () => {
    expect(sumOf(night)).toEqual([3, null, null, null, 5]);
  });
});
