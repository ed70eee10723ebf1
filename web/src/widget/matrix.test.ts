import { describe, expect, it } from "vitest";

import { cellsOf, columnsOf, isAssigned, shortId, type MatrixSnapshot } from "./matrix";

const member = (place: number, assigned: Record<string, number[]>) => ({
  place,
  letter: "AB".charAt(place),
  client_id: "labkit",
  name: "labkit",
  member_id: `labkit-00000${place}`,
  host: "127.0.0.1",
  assigned,
  idle: "",
});
const snapshot: MatrixSnapshot = {
  title: "Group g",
  group_id: "g",
  group_state: "Stable",
  meaning: "",
  assignor: "range",
  topics: [
    { topic: "one", partitions: 2 },
    { topic: "two", partitions: 1 },
  ],
  members: [member(0, { one: [0] }), member(1, { two: [0] })],
  unassigned: [["one", 1]],
  sentence: "",
  state: "",
  fresh: true,
};

describe("the matrix", () => {
  it("has a column for each partition of each topic, and knows which nobody reads", () => {
    expect(columnsOf(snapshot)).toEqual([
      { topic: "one", partition: 0, isUnassigned: false },
      { topic: "one", partition: 1, isUnassigned: true },
      { topic: "two", partition: 0, isUnassigned: false },
    ]);
  });

  it("keeps partitions of one number in two topics apart", () => {
    const columns = columnsOf(snapshot).filter(({ partition }) => partition === 0);
    const table = snapshot.members.map((who) => columns.map((column) => isAssigned(who, column)));
    expect(table).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it("names each filled cell", () => {
    expect([...cellsOf(snapshot)]).toEqual(["labkit-000000/one/0", "labkit-000001/two/0"]);
  });

  it("shortens a member id to what differs", () => {
    expect(shortId("labkit-5c607aae-31d4-451a-8029-4f91ccf5de9e")).toBe("…f5de9e");
  });
});
