import { Panel } from "../panel/panel";
import { formatAge, formatCount, formatNumber } from "../chart/units";
import type { Pipeline } from "../polling/answers";
import type { Snapshot } from "../polling/api";
import { PartitionTable } from "./partition-table";

const STATES: Record<Pipeline["state"], string> = {
  running: "writing",
  stale: "silent",
  absent: "not started",
};

/** How the readings got here: the consumer that stores what it reads from Kafka. */
export function PipelineStrip({ snapshot }: { snapshot: Snapshot }) {
  const { health, pipeline } = snapshot;
  const { state, group_id, totals, partitions } = pipeline;
  const lagging = totals.lag !== null && totals.lag_s !== null && totals.lag > 0;
  return (
    <Panel id="pipeline" title="The way through Kafka" folds>
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
        <Item name="Rows stored" value={formatCount(health.rows)} note={rates(pipeline)} />
        <Item
          name="Lag"
          value={totals.lag === null ? "unknown" : `${formatCount(totals.lag)} records`}
          note={
            lagging ? `not stored yet; ${formatAge(totals.lag_s ?? 0)} behind` : "in the topic, not stored yet"
          }
        />
        <Item
          name="Dead letters"
          value={formatCount(totals.dead_letters)}
          note="invalid records, set aside"
          flag={totals.dead_letters > 0 ? "stale" : undefined}
        />
      </dl>
      {partitions.length > 0 && <PartitionTable partitions={partitions} />}
    </Panel>
  );
}

function rates({ totals: { rate_per_s, acked_per_s } }: Pipeline): string {
  if (rate_per_s === null) return "readings in the CSV files";
  const sent = acked_per_s === null ? "" : `, ${formatNumber(acked_per_s)} sent`;
  return `${formatNumber(rate_per_s)} a second${sent}`;
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
