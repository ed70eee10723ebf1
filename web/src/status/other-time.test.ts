import { expect, it } from "vitest";

import type { Health } from "../polling/answers";
import { behindS } from "./other-time";

const at = (newest_recorded_at: string | null, age_s: number | null) => ({
  served_at: "2026-11-30T12:00:00.000Z",
  health: { newest_recorded_at, age_s } as Health,
});

it.each([
  ["a reading of this moment", "2026-11-30T11:59:59.000Z", 1, null],
  ["an old reading, after which none came", "2026-11-30T09:00:00.000Z", 10_800, null],
  ["a reading of the past that came in just now", "2026-11-30T09:00:00.000Z", 1, 10_799],
  ["no reading", null, null, null],
])("tells %s", (_what, recordedAt, age, behind) => {
  expect(behindS(at(recordedAt, age))).toBe(behind);
});
