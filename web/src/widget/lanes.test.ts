import { describe, expect, it } from "vitest";

import { arrowOf, gapBefore, hiddenBefore, leaderText, recordLabel, timeText, type Lane } from "./lanes";

const record = (offset: number) => ({
  offset,
  place: 0,
  mark: "A",
  key: "PL-COAL-001",
  value: "{}",
  size_bytes: 20,
  timestamp_ms: 1_000,
  headers: [],
});
const lane = (offsets: number[], more: Partial<Lane> = {}): Lane => ({
  partition: 0,
  leader: 1,
  in_sync: [1],
  out_of_sync: [],
  start: 0,
  end: (offsets.at(-1) ?? -1) + 1,
  records: offsets.map(record),
  groups: [],
  ...more,
});
const at = (position: number, lag: number | null = 0) => ({ group: "g", position, lag });

describe("arrowOf", () => {
  it.each([
    ["the record that is read next", at(6), 1],
    ["the place of the next record, at the end", at(8), 3],
    ["the first record", at(5), 0],
    ["before what is shown", at(2), -1],
  ])("points at %s", (_what, standing, slot) => {
    expect(arrowOf(standing, lane([5, 6, 7])).slot).toBe(slot);
  });

  it("points past a gap at the record that comes next", () => {
    expect(arrowOf(at(6), lane([5, 9])).slot).toBe(1);
  });

  it("points at the first record where all before it has expired, and says how much", () => {
    const arrow = arrowOf(at(2, 6), lane([5, 6, 7], { start: 5 }));
    expect(arrow).toEqual({ group: "g", slot: 0, text: "g: lag 6, 3 gone unread" });
  });

  it("points at the end of an empty lane", () => {
    expect(arrowOf(at(0), lane([])).slot).toBe(0);
  });

  it("says that the lag is not known where the leader is silent", () => {
    expect(arrowOf(at(5, null), lane([5, 6])).text).toBe("g: lag not known");
  });
});

describe("gaps", () => {
  it("counts the offsets that no record has", () => {
    const { records } = lane([5, 6, 9]);
    expect([0, 1, 2, 3].map((index) => gapBefore(records, index))).toEqual([0, 0, 2, 0]);
  });

  it("counts what lies before the first record shown", () => {
    expect(hiddenBefore(lane([5, 6]))).toBe(5);
    expect(hiddenBefore(lane([5, 6], { start: 5 }))).toBe(0);
    expect(hiddenBefore(lane([], { start: null, end: null }))).toBe(0);
  });
});

describe("words", () => {
  it("marks a replica that is not in sync with more than a colour", () => {
    expect(leaderText(lane([], { in_sync: [1, 2], out_of_sync: [3] }))).toBe(
      "leader 1 · in sync 1 2 · not ✕3",
    );
    expect(leaderText(lane([], { leader: null, in_sync: [] }))).toBe("no leader · in sync nobody");
  });

  it("names a record", () => {
    expect(recordLabel(record(7), 2)).toBe("A 7: key PL-COAL-001, partition 2, 20 bytes");
  });

  it("knows that a record may have no timestamp", () => {
    expect(timeText(-1)).toBe("none");
    expect(timeText(1_007)).toMatch(/1970.*\.007$/);
  });
});
