import { Scrolls } from "../panel/scrolls";
import { formatAge, formatCount } from "../chart/units";
import type { PartitionStatus } from "../polling/answers";

/** Kafka's own view: for each partition how far the log goes, and how far the consumer is in it. */
export function PartitionTable({ partitions }: { partitions: PartitionStatus[] }) {
  return (
    <Scrolls label="Table of the partitions">
      <table className="rows figures-right">
        <thead>
          <tr>
            {["Partition", "State", "Position", "End", "Lag", "Behind", "Dead letters"].map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {partitions.map((one) => (
            <tr key={one.partition} data-trouble={one.state === "failed" || one.state === "paused"}>
              <th scope="row">{one.partition}</th>
              <td title={one.reason ?? one.waiting ?? undefined}>{one.state}</td>
              <td>{count(one.position)}</td>
              <td>{count(one.end_offset)}</td>
              <td>{count(one.lag)}</td>
              <td>{one.lag_s === null ? "–" : formatAge(one.lag_s)}</td>
              <td>{formatCount(one.dead_letters)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolls>
  );
}

const count = (value: number | null): string => (value === null ? "–" : formatCount(value));
