import { formatAge } from "../chart/units";
import type { Snapshot } from "../polling/api";
import { ApiGone, ApiProblem } from "../polling/get-json";
import type { Poll } from "../polling/use-poll";
import { IN_NOTEBOOK } from "../view/frame";
import { isFiltered } from "../view/view";

export interface Notice {
  kind: "loading" | "empty" | "gone" | "problem" | "paused" | "slow" | "filtered" | "warning";
  title: string;
  text: string;
  /** Lines to type, where typing helps. */
  commands: { where: string; line: string }[];
}

/** A producer that has been silent this long is mentioned. */
export const QUIET_AFTER_S = 30;
/** The status with which the API asks for patience, while it reads a large CSV for the first time. */
const NOT_READY = 503;
/** A request that has been open this long is mentioned, too. */
export const SLOW_AFTER_S = 4;

/** What the reader has to know about the current state; null while all is well. */
export function noticeOf(poll: Poll<Snapshot>, paused: boolean, now: number): Notice | null {
  const { data, error, receivedAt } = poll;
  const age = receivedAt === undefined ? "" : formatAge((now - receivedAt) / 1000);
  // While the reader has paused the page, nothing is requested and nothing can fail.
  if (paused) {
    const shown = age ? `What you see is ${age} old. ` : "";
    return notice("paused", "Paused", `${shown}Press Resume to follow the readings again.`);
  }
  if (error instanceof ApiProblem) {
    if (error.status === NOT_READY) return notReady(error, age);
    const commands = error.next ? [{ where: "next", line: error.next }] : [];
    return notice("problem", error.title, error.message, commands);
  }
  if (error !== undefined) return gone(error, age);
  const waitedS = poll.askedAt === undefined ? 0 : (now - poll.askedAt) / 1000;
  if (waitedS > SLOW_AFTER_S) return slow(waitedS, age);
  if (data === undefined) return notice("loading", "Loading", "Asking the API for readings …");
  if (data.health.rows === 0) return EMPTY;
  if (data.health.problems.length > 0) {
    return notice("warning", "Something needs a look", data.health.problems.join("; "), [
      { where: "terminal", line: data.health.next || "labkit doctor" },
    ]);
  }
  if (data.pipeline.state !== "running" && data.pipeline.producers.length > 0) return noConsumer(data);
  if (data.window.records === 0 && isFiltered(data.view.filters)) return FILTERED;
  const silence = (data.health.age_s ?? 0) + (now - data.heardAt) / 1000;
  return silence > QUIET_AFTER_S ? quiet(data, silence) : null;
}

function gone(error: unknown, age: string): Notice {
  const reason = error instanceof ApiGone ? error.message : "The API takes too long to answer";
  const shown = age ? `What you see is ${age} old. ` : "";
  return notice(
    "gone",
    reason,
    `${shown}The page asks again ${IN_NOTEBOOK ? "" : "every two seconds "}and goes on by itself. If you stopped the API, start it:`,
    [IN_NOTEBOOK ? { where: "notebook", line: "api = lab.start_api()" } : { where: "terminal", line: "labkit up" }],
  );
}

/** Said at once, for readings are piling up; with a consumer that is merely silent, the page waits. */
function noConsumer({ health, pipeline }: Snapshot): Notice {
  const known = pipeline.state === "stale" ? "The last consumer has stopped, or was killed. " : "";
  return notice(
    "warning",
    "No consumer is storing readings",
    `${known}A producer sends, and its readings wait in Kafka; none is lost. Start a consumer:`,
    [
      { where: "terminal", line: "labkit consume" },
      { where: "notebook", line: `lab.start_consumer("${health.topic}")` },
    ],
  );
}

/** Nothing is wrong, and nothing is to be typed. */
function notReady({ message }: ApiProblem, age: string): Notice {
  const shown = age ? ` What you see is ${age} old.` : "";
  return notice("loading", "The API is not ready yet", `${message} The page asks again by itself.${shown}`);
}

function slow(waitedS: number, age: string): Notice {
  const shown = age ? ` What you see is ${age} old.` : "";
  return notice("slow", "The API is slow", `It has been asked ${formatAge(waitedS)} ago and has not answered yet.${shown}`);
}

const FILTERED = notice(
  "filtered",
  "No reading passes the filters",
  "There are readings, but none in this window that fits all filters at once. Take one away, choose a longer window, or",
);

const EMPTY = notice(
  "empty",
  "No readings yet",
  "Nothing has been stored so far. Start the simulated plants and the consumer that stores their readings; they appear here by themselves.",
  [
    { where: "terminal", line: "labkit up" },
    { where: "notebook", line: 'lab.start_producer("co2-emissions"); lab.start_consumer("co2-emissions")' },
  ],
);

function quiet({ health, pipeline }: Snapshot, silence: number): Notice {
  const consumer = pipeline.state === "running";
  return notice(
    "warning",
    `No new reading for ${formatAge(silence)}`,
    consumer
      ? "The consumer is at work, so it is the plants that are silent. Start them:"
      : "No consumer is storing readings at the moment. Start one:",
    [
      {
        where: "notebook",
        line: consumer ? `lab.start_producer("${health.topic}")` : `lab.start_consumer("${health.topic}")`,
      },
    ],
  );
}

function notice(
  kind: Notice["kind"],
  title: string,
  text: string,
  commands: Notice["commands"] = [],
): Notice {
  return { kind, title, text, commands };
}
