import { formatAge, formatDayAndTime } from "../chart/units";
import type { Health } from "../polling/answers";
import type { Snapshot } from "../polling/api";
import type { Poll } from "../polling/use-poll";
import { QUIET_AFTER_S } from "./notices";
import { useNow } from "./use-now";

/**
 * The age of the newest reading, and a dot that pulses with every reading that arrives.
 *
 * The API gives the age by its own clock; the browser only adds what has passed since it answered,
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
      newest reading <strong>{formatAge(ageNow)}</strong> old
      {data.health.clock ? <SimulatedTime clock={data.health.clock} /> : null}
    </p>
  );
}

/** What time it is for the plants, by the reader's time zone, as on the chart's axis. */
function SimulatedTime({ clock }: { clock: NonNullable<Health["clock"]> }) {
  return (
    <>
      {" "}· simulated time <time dateTime={clock.simulated_at}>{formatDayAndTime(clock.simulated_at)}</time>, {clock.speed}{" "}
      times real time
    </>
  );
}
