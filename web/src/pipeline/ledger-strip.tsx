import { formatGrams } from "../chart/units";
import { Panel } from "../panel/panel";
import type { LedgerStage } from "../polling/answers";
import type { Snapshot } from "../polling/api";
import { isFiltered } from "../view/view";
import { many } from "../view/windows";
import { headlineOf, paintedStage, verdictOf } from "./verdict";

const NAMES = {
  emitted: "Emitted",
  acked: "Acknowledged",
  topic: "In the topic",
  csv: "In the CSV",
  served: "Served",
  painted: "On this page",
} as const;
const SIGNS = { agrees: "✓", "on the way": "→", unknown: "?", differs: "≠", "nothing to compare": "–" } as const;

/** The carbon ledger in one line: whether a gram was lost. Its six stages are shown on demand. */
export function LedgerStrip({ snapshot }: { snapshot: Snapshot }) {
  const { ledger } = snapshot;
  const painted = paintedStage(snapshot.all, isFiltered(snapshot.view.filters));
  const { state, sentence } = verdictOf(ledger, painted);
  const headline = headlineOf(state, ledger);
  return (
    <Panel id="ledger" title="Carbon ledger" className="ledger">
      <p className="verdict" data-verdict={state}>
        <span className="sign" aria-hidden="true">
          {SIGNS[state]}
        </span>{" "}
        {headline && <strong>{headline}</strong>} <span className="said">{sentence}</span>
      </p>
      <details>
        <summary>The six stages</summary>
        <ol className="stages">
          {[...ledger.stages, painted].map((stage) => (
            <Stage key={stage.stage} stage={stage} />
          ))}
        </ol>
        {ledger.dead_letters > 0 && (
          <p className="note">
            {many(ledger.dead_letters, "dead letter")}: invalid records, which weigh nothing and are set aside.
          </p>
        )}
      </details>
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
        {co2_g === null ? "not known" : <data value={co2_g}>{formatGrams(co2_g)} t</data>}
      </p>
      <p className="note">{records === null ? "not counted" : many(records, "record")}</p>
    </li>
  );
}
