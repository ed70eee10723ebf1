import { Panel } from "../panel/panel";
import { formatCount, formatGrams } from "../chart/units";
import type { LedgerStage } from "../polling/answers";
import type { Snapshot } from "../polling/api";
import { isFiltered } from "../view/view";
import { paintedStage, verdictOf } from "./verdict";

const NAMES = {
  emitted: "Emitted",
  acked: "Acknowledged",
  topic: "In the topic",
  csv: "In the CSV",
  served: "Served",
  painted: "On this page",
} as const;
const SIGNS = { agrees: "✓", "on the way": "→", unknown: "?", differs: "≠", "nothing to compare": "–" } as const;

/** The carbon ledger: the same tonnes at every stage of the journey, and finally on this page. */
export function LedgerStrip({ snapshot }: { snapshot: Snapshot }) {
  const { ledger } = snapshot;
  const painted = paintedStage(snapshot.all, isFiltered(snapshot.view.filters));
  const { state, sentence } = verdictOf(ledger, painted);
  return (
    <Panel id="ledger" title="Carbon ledger" className="ledger">
      <p className="verdict" data-verdict={state}>
        <span aria-hidden="true">{SIGNS[state]}</span> {sentence}
      </p>
      <ol className="stages">
        {[...ledger.stages, painted].map((stage) => (
          <Stage key={stage.stage} stage={stage} />
        ))}
      </ol>
      {ledger.dead_letters > 0 && (
        <p className="note">
          {formatCount(ledger.dead_letters)} dead letters are set aside: they were no possible readings, and weigh
          nothing.
        </p>
      )}
    </Panel>
  );
}

interface StageProps {
  stage: Omit<LedgerStage, "stage"> & { stage: keyof typeof NAMES };
}

function Stage({ stage: { stage, meaning, records, co2_g, note } }: StageProps) {
  return (
    <li data-stage={stage} title={note || meaning}>
      <h3>{NAMES[stage]}</h3>
      <p className="stage-mass">
        {co2_g === null ? "not weighed" : <data value={co2_g}>{formatGrams(co2_g)} t</data>}
      </p>
      <p className="note">{records === null ? "not counted" : `${formatCount(records)} records`}</p>
    </li>
  );
}
