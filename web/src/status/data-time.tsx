import { formatAge, formatDayAndTime } from "../chart/units";
import type { Snapshot } from "../polling/api";
import { behindS } from "./other-time";

/** A badge that says which time "now" is, where that is not the time on the wall. */
export function DataTime({ snapshot }: { snapshot: Snapshot }) {
  const { clock, newest_recorded_at } = snapshot.health;
  const behind = behindS(snapshot);
  if (newest_recorded_at === null || (behind === null && !clock)) return null;
  return (
    <p className="badge" title={
        clock
          ? `The plants live in a simulated time, ${clock.speed} times as fast as real time.`
          : "The readings are of the past, as in a replay."
      }>
      Data time <strong>{formatDayAndTime(newest_recorded_at)}</strong>
      {clock ? ` × ${clock.speed}` : `, ${formatAge(behind ?? 0)} ago`}
    </p>
  );
}
