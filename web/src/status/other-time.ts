import type { Dashboard } from "../polling/answers";

/** Readings that are this much older than their arrival are of another time. */
const OTHER_TIME_S = 120;

/**
 * By how many seconds the readings' time is behind the time at which they came in; null if it is the
 * present. Only the API's clock counts, not the browser's.
 */
export function behindS({ served_at, health }: Pick<Dashboard, "served_at" | "health">): number | null {
  if (health.newest_recorded_at === null || health.age_s === null) return null;
  const sinceRecordedS = (Date.parse(served_at) - Date.parse(health.newest_recorded_at)) / 1000;
  const behind = sinceRecordedS - health.age_s;
  return behind < OTHER_TIME_S ? null : behind;
}
