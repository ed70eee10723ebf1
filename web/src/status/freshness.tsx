import { formatAge } from "../chart/units";
import type { Snapshot } from "../polling/api";
import type { Poll } from "../polling/use-poll";
import { QUIET_AFTER_S } from "./notices";
import { useNow } from "./use-now";

/**
 * How long ago the newest reading was stored, and a dot that pulses with every reading that arrives.
 *
 * A reading of a replay is stored now, whatever time it is of. The API gives the age by its own clock; the browser only adds what has passed since it answered,
 * so a wrong clock on either side does no harm.
 */
export function Freshness({ poll, paused }: { poll: Poll<Snapshot>; paused: boolean }) {
  const now = useNow(500);
  const { data, error } = poll;
  const age = data?.health.age_s ?? null;
  if (age === null || data === undefined) return null;
  const ageNow = age + Math.max(0, now - data.heardAt) / 1000;
  const live = !paused && error === undefined && ageNow < QUIET_AFTER_S;
  return (
    <p className="freshness" data-live={live}>
      {/* A new key makes a new element, and its animation plays once more. */}
      <span className="pulse" key={data.health.newest_recorded_at} aria-hidden="true" />
      <span>
        newest reading <strong>{formatAge(ageNow)}</strong> ago
      </span>
    </p>
  );
}
