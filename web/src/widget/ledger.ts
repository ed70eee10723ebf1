import { element, tableHead, tableRow } from "../chart/dom";
import { formatCount } from "../chart/units";
import { follow, followKernel, followTheme, type RenderProps } from "./host";
import "./ledger.css";

interface Stage {
  key: string;
  label: string;
  note: string;
  records: number | null;
  grams: number | null;
}

interface Traits {
  snapshot: {
    stages: Stage[];
    dead_letters: number;
    /** What is in the topic and not stored yet; `share` is its part of the most that ever waited here. */
    waiting: { records: number; grams: number | null; share: number } | null;
    /** agrees, on the way, or the way in which it differs. */
    verdict: string;
    sentence: string;
    state: string;
  };
}

/** The carbon ledger: the same tonnes, counted at every stage of the journey. */
function render({ model, el }: RenderProps<Traits>): () => void {
  const verdict = element("p", { className: "labkit-verdict" });
  const state = element("p", { className: "labkit-state" });
  const table = element("table", { className: "labkit-ledger" });
  el.classList.add("labkit-widget");
  el.append(element("h3", {}, "Carbon ledger"), verdict, table, state);

  const endings = [
    followKernel(model, el),
    followTheme(el, () => undefined),
    follow(model, "snapshot", (snapshot) => {
      verdict.dataset.verdict = snapshot.verdict;
      verdict.textContent = snapshot.sentence;
      state.textContent = snapshot.state;
      table.replaceChildren(...tableOf(snapshot));
    }),
  ];
  return () => {
    for (const end of endings) end();
  };
}

function tableOf({ stages, dead_letters, waiting }: Traits["snapshot"]): Node[] {
  const most = Math.max(...stages.map((stage) => stage.grams ?? 0), 1);
  const rows = stages.map((stage) =>
    tableRow(stage.label, [
      barOf(stage, most),
      stage.records === null ? "–" : formatCount(stage.records),
      stage.grams === null ? "–" : tonnes(stage.grams),
    ]),
  );
  return [
    tableHead(["stage", "", "records", "tonnes of CO₂"]),
    element("tbody", {}, ...rows),
    element(
      "tfoot",
      {},
      ...(waiting === null ? [] : [waitingRow(waiting)]),
      tableRow("dead letters", ["set aside: not a valid reading", formatCount(dead_letters), "–"]),
    ),
  ];
}

/** The lag as its own bar: beside all the tonnes before it, it would be too short to be seen. */
function waitingRow({ records, grams, share }: Waiting): HTMLTableRowElement {
  const bar = element("div", { className: "labkit-bar labkit-bar-waiting" });
  bar.style.width = `${100 * share}%`;
  bar.hidden = records === 0;
  const note = element("span", { className: "labkit-note" }, "in the topic, not stored yet (a scale of its own)");
  return tableRow("waiting", [
    element("div", {}, bar, note),
    formatCount(records),
    grams === null ? "–" : tonnes(grams),
  ]);
}

type Waiting = NonNullable<Traits["snapshot"]["waiting"]>;

/** A bar as long as the stage's mass, and what the stage is; no bar where it is not known. */
function barOf({ grams, note }: Stage, most: number): HTMLDivElement {
  const cell = element("div", {}, element("span", { className: "labkit-note" }, note));
  if (grams !== null) {
    const bar = element("div", { className: "labkit-bar" });
    bar.style.width = `${(100 * grams) / most}%`;
    cell.prepend(bar);
  }
  return cell;
}

/** To the gram: a ledger that rounds cannot show that one record is missing. */
function tonnes(grams: number): string {
  return (grams / 1e6).toLocaleString("en", {
    minimumFractionDigits: 6,
    maximumFractionDigits: 6,
  });
}

export default { render };
