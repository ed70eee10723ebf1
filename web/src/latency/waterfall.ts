import type { Latency, LatencyStage } from "../polling/answers";

export interface Step {
  stage: LatencyStage | "painted";
  name: string;
  /** Since the reading was made. */
  fromMs: number;
  toMs: number;
}

const NAMES: Record<Step["stage"], string> = {
  created: "created",
  acked: "acknowledged by the broker",
  polled: "polled by the consumer",
  stored: "stored in the CSV",
  served: "served by the API",
  painted: "painted on this page",
};

/** The steps of one reading, one after the other; `paintedAt` is the browser's clock. */
export function waterfallOf({ reading }: Latency, paintedAt: number): Step[] {
  const created = reading?.stages.find(({ stage }) => stage === "created");
  if (reading === null || created === undefined) return [];
  const known: { stage: Step["stage"]; after_ms: number }[] = reading.stages.toSorted(
    (a, b) => a.after_ms - b.after_ms,
  );
  const paintedMs = paintedAt - Date.parse(created.at);
  const last = known.at(-1);
  // A browser elsewhere may have another clock: a time before "served" is left out.
  if (last?.stage === "served" && paintedMs >= last.after_ms) known.push({ stage: "painted", after_ms: paintedMs });
  return known.slice(1).map(({ stage, after_ms }, index) => ({
    stage,
    name: NAMES[stage],
    fromMs: known[index]?.after_ms ?? 0,
    toMs: after_ms,
  }));
}

export const formatMs = (ms: number): string => (ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`);
