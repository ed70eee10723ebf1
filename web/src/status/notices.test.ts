import { describe, expect, it } from "vitest";

import type { Snapshot } from "../polling/api";
import { ApiGone, ApiProblem } from "../polling/get-json";
import type { Poll } from "../polling/use-poll";
import { parseView } from "../view/view";
import { noticeOf } from "./notices";

const NOW = 1_000_000;
const SNAPSHOT = {
  health: {
    status: "ok",
    topic: "co2-emissions",
    rows: 10,
    newest_recorded_at: "2026-11-23T22:13:04.123Z",
    age_s: 1,
    problems: [] as string[],
  },
  pipeline: { state: "running", producers: [] as { name: string }[] },
  window: { records: 10 },
  view: parseView(""),
  heardAt: NOW - 500,
} as unknown as Snapshot;
const poll = (changes: Partial<Poll<Snapshot>>): Poll<Snapshot> => ({
  data: SNAPSHOT,
  receivedAt: NOW - 500,
  error: undefined,
  askedAt: undefined,
  ...changes,
});
const withHealth = (health: Partial<Snapshot["health"]>): Snapshot => ({
  ...SNAPSHOT,
  health: { ...SNAPSHOT.health, ...health },
});

describe("noticeOf", () => {
  it("has nothing to say while all is well", () => {
    expect(noticeOf(poll({}), false, NOW)).toBeNull();
  });

  it("says that it is loading before the first answer", () => {
    const first = poll({ data: undefined, receivedAt: undefined });
    expect(noticeOf(first, false, NOW)?.kind).toBe("loading");
  });

  it("names the command that starts the readings where there are none", () => {
    const empty = noticeOf(poll({ data: withHealth({ rows: 0 }) }), false, NOW);
    expect(empty?.kind).toBe("empty");
    expect(empty?.commands.map(({ line }) => line)).toContain("labkit up");
  });

  it("says how old the figures are when the API is gone", () => {
    const gone = poll({ error: new ApiGone("The API does not answer"), receivedAt: NOW - 14_000 });
    const notice = noticeOf(gone, false, NOW);
    expect(notice?.kind).toBe("gone");
    expect(notice?.text).toContain("What you see is 14 s old.");
  });

  it("takes an answer that never came for a slow API", () => {
    const slow = poll({ error: new DOMException("timed out", "TimeoutError") });
    expect(noticeOf(slow, false, NOW)?.title).toBe("The API takes too long to answer");
  });

  it("has a word for an answer that takes long, and says how old the last one is", () => {
    const notice = noticeOf(poll({ askedAt: NOW - 6_000, receivedAt: NOW - 8_000 }), false, NOW);
    expect(notice?.kind).toBe("slow");
    expect(notice?.text).toContain("asked 6.0 s ago");
    expect(notice?.text).toContain("What you see is 8.0 s old.");
    expect(noticeOf(poll({ askedAt: NOW - 1_000 }), false, NOW)).toBeNull();
  });

  it("does not take filters that nothing passes for a lab without readings", () => {
    const data = { ...SNAPSHOT, view: parseView("?country=XX"), window: { records: 0 } } as Snapshot;
    expect(noticeOf(poll({ data }), false, NOW)?.kind).toBe("filtered");
  });

  it("shows a problem with the next line to type", () => {
    const problem = noticeOf(poll({ error: new ApiProblem("Not Found", "damaged", "labkit doctor") }), false, NOW);
    expect(problem).toMatchObject({ kind: "problem", title: "Not Found", text: "damaged" });
    expect(problem?.commands).toEqual([{ where: "next", line: "labkit doctor" }]);
  });

  it("takes an API that asks for patience for no problem", () => {
    const error = new ApiProblem("Service Unavailable", "The CSV is being read.", "ask again in a second", 503);
    expect(noticeOf(poll({ error, receivedAt: NOW - 3_000 }), false, NOW)).toMatchObject({
      kind: "loading",
      text: "The CSV is being read. The page asks again by itself. What you see is 3.0 s old.",
      commands: [],
    });
  });

  it("says that it is paused before anything else, for then nothing is asked", () => {
    const paused = noticeOf(poll({ error: new ApiGone("gone") }), true, NOW);
    expect(paused?.kind).toBe("paused");
  });

  it("passes on what the API finds wrong", () => {
    const data = withHealth({ problems: ["partition 1 is paused: disk full"] });
    expect(noticeOf(poll({ data }), false, NOW)).toMatchObject({
      kind: "warning",
      text: "partition 1 is paused: disk full",
    });
  });

  it("wonders about a silent producer, or a missing consumer", () => {
    const silent = poll({ data: withHealth({ age_s: 240 }) });
    expect(noticeOf(silent, false, NOW)?.commands[0]?.line).toContain("start_producer");
    const data = { ...withHealth({ age_s: 240 }), pipeline: { state: "stale", producers: [] } };
    expect(noticeOf(poll({ data: data as unknown as Snapshot }), false, NOW)?.commands[0]?.line).toContain("start_consumer");
  });

  it("misses the consumer at once while a producer sends", () => {
    const data = { ...SNAPSHOT, pipeline: { state: "stale", producers: [{ name: "producer" }] } };
    const notice = noticeOf(poll({ data: data as unknown as Snapshot }), false, NOW);
    expect(notice?.title).toBe("No consumer is storing readings");
    expect(notice?.text).toContain("The last consumer has stopped");
  });

  it("names the line that the API names", () => {
    const problems = ["No partition is being stored: No broker of this lab is running"];
    const data = withHealth({ problems, next: "labkit broker start" });
    expect(noticeOf(poll({ data }), false, NOW)?.commands).toEqual([{ where: "terminal", line: "labkit broker start" }]);
  });
});
