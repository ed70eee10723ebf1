import { expect, it } from "vitest";

import type { Latency } from "../polling/answers";
import { formatMs, waterfallOf } from "./waterfall";

const AT = "2026-11-24T02:50:00.000Z";
const latency = (...stages: [string, number][]): Latency => ({
  reading: {
    reading_id: "one",
    partition: 0,
    offset: 7,
    stages: stages.map(([stage, after_ms]) => ({ stage, after_ms, at: AT })) as never,
  },
  last_minute: [],
  samples: 1,
});
const FULL = latency(["created", 0], ["acked", 12], ["polled", 15], ["stored", 20], ["served", 900]);

it("is a step for each stage, from the one before to this one", () => {
  const steps = waterfallOf(FULL, Date.parse(AT) + 950);
  expect(steps.map(({ stage, fromMs, toMs }) => [stage, fromMs, toMs])).toEqual([
    ["acked", 0, 12],
    ["polled", 12, 15],
    ["stored", 15, 20],
    ["served", 20, 900],
    ["painted", 900, 950],
  ]);
});

it("leaves out what is not known, and a paint that another clock sets too early", () => {
  const stages = waterfallOf(latency(["created", 0], ["stored", 20]), Date.parse(AT) + 950);
  expect(stages.map(({ stage }) => stage)).toEqual(["stored"]);
  expect(waterfallOf(FULL, Date.parse(AT) + 10).map(({ stage }) => stage)).not.toContain("painted");
});

it("is empty where no reading was followed", () => {
  expect(waterfallOf({ reading: null, last_minute: [], samples: 0 }, 0)).toEqual([]);
});

it.each([
  [4.25, "4.3 ms"],
  [12.6, "13 ms"],
  [1530, "1.53 s"],
])("writes %d ms as %s", (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});
