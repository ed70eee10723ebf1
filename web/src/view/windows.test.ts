import { expect, it } from "vitest";

import { formatWindow } from "./windows";

it.each([
  [60, "minute"],
  [300, "5 minutes"],
  [3600, "hour"],
  [5400, "90 minutes"],
  [86_400, "24 hours"],
  [90, "90 seconds"],
])("writes %d s as the last %s", (seconds, text) => {
  expect(formatWindow(seconds)).toBe(text);
});
