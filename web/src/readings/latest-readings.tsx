import { Panel } from "../panel/panel";
import { Scrolls } from "../panel/scrolls";
import { formatClock, formatCount, formatMass, formatNumber } from "../chart/units";
import type { Snapshot } from "../polling/api";

/** The newest rows of the CSV, newest first, with the place in the topic that each came from. */
export function LatestReadings({ snapshot }: { snapshot: Snapshot }) {
  const { readings, choices } = snapshot;
  const labels = Object.fromEntries(choices.country.map(({ key, label }) => [key, label]));
  return (
    <Panel id="readings" title="Latest readings" folds>
      <p className="how">The newest rows of the CSV files; partition and offset say where each lay in Kafka.</p>
      <Scrolls label="Table of the latest readings">
        <table className="rows">
          <thead>
            <tr>
              {["Time", "Plant", "Country", "Fuel", "Load", "CO₂", "Partition", "Offset"].map((column) => (
                <th scope="col" key={column}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {readings.toReversed().map((reading) => (
              <tr key={`${reading.partition}-${reading.offset}`}>
                <td>{formatClock(reading.recorded_at)}</td>
                <th scope="row">
                  {reading.facility} <span className="note whole">{reading.facility_id}</span>
                </th>
                <td>{labels[reading.country] ?? reading.country}</td>
                <td>{reading.fuel}</td>
                <td>{formatNumber(reading.load_mw)} MW</td>
                <td>{formatMass(reading.co2_kg)}</td>
                <td>{reading.partition}</td>
                <td>{formatCount(reading.offset)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolls>
    </Panel>
  );
}
