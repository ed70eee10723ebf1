import { formatAge, formatCount } from "../chart/units";
import type { Pipeline, Snapshot } from "../polling/api";

const STATES: Record<Pipeline["state"], string> = {
  running: "writing",
  stale: "silent",
  absent: "not started",
};

/** How the readings got here: the consumer that stores what it reads from Kafka. */
export function PipelineStrip({ snapshot }: { snapshot: Snapshot }) {
  const { health, pipeline } = snapshot;
  const { state, group_id, totals } = pipeline;
  const lagging = totals.lag !== null && totals.lag_s !== null && totals.lag > 0;
  return (
    <section className="panel" aria-labelledby="pipeline-title">
      <h2 id="pipeline-title">The way through Kafka</h2>
      <p className="how">
        A consumer reads every record of topic <code>{pipeline.topic}</code> and stores it as a row
        of a CSV file, which this page’s API serves.
      </p>
      <dl className="strip">
        <Item
          name="Consumer"
          value={STATES[state]}
          flag={state}
          note={group_id ? `group ${group_id}` : "no consumer group has written here yet"}
        />
        <Item
          name="Rows stored"
          value={formatCount(health.rows)}
          note="readings in the CSV files"
        />
        <Item
          name="Lag"
          value={totals.lag === null ? "unknown" : `${formatCount(totals.lag)} records`}
          note={
            lagging ? `in the topic, not stored yet; ${formatAge(totals.lag_s ?? 0)} behind` : "in the topic, not stored yet"
          }
        />
        <Item
          name="Dead letters"
          value={formatCount(totals.dead_letters)}
          note="records that were no possible reading, set aside"
          flag={totals.dead_letters > 0 ? "stale" : undefined}
        />
      </dl>
    </section>
  );
}

interface ItemProps {
  name: string;
  value: string;
  note: string;
  flag?: Pipeline["state"] | undefined;
}

function Item({ name, value, note, flag }: ItemProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="strip-value" data-flag={flag}>
        {value}
      </dd>
      <dd className="note">{note}</dd>
    </div>
  );
}
