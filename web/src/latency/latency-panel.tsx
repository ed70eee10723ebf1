import { Panel } from "../panel/panel";
import type { Latency } from "../polling/answers";
import { formatMs, waterfallOf } from "./waterfall";

/** How long one reading took to reach this page, stage by stage. */
export function LatencyPanel({ latency, paintedAt }: { latency: Latency; paintedAt: number }) {
  const steps = waterfallOf(latency, paintedAt);
  const total = steps.at(-1)?.toMs ?? 0;
  const slowest = steps.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs))[0];
  const stored = latency.last_minute.find(({ stage }) => stage === "stored");
  if (slowest === undefined || latency.reading === null) return null;
  return (
    <Panel id="latency" title="The route of one reading" folds>
      <p className="how">
        Offset {latency.reading.offset} of partition {latency.reading.partition} took {formatMs(total)}. The longest
        step was until it was {slowest.name}: {formatMs(slowest.toMs - slowest.fromMs)}.
      </p>
      <table className="bars waterfall">
        <thead className="unseen">
          <tr>
            <th scope="col">step</th>
            <th scope="col">took</th>
            <th scope="col">since it was made</th>
          </tr>
        </thead>
        <tbody>
          {steps.map(({ stage, name, fromMs, toMs }) => (
            <tr key={stage}>
              <th scope="row">
                {name}
                <div
                  className="bar"
                  style={{ marginInlineStart: `${(100 * fromMs) / total}%`, width: `${(100 * (toMs - fromMs)) / total}%` }}
                />
              </th>
              <td>+ {formatMs(toMs - fromMs)}</td>
              <td>{formatMs(toMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {stored && (
        <p className="note">
          In the last minute half of {latency.samples} traced readings were stored within {formatMs(stored.p50_ms)}, and
          99 % within {formatMs(stored.p99_ms)}.
        </p>
      )}
    </Panel>
  );
}
