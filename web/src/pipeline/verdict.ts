import { formatMass } from "../chart/units";
import type { Ledger, StageName, Summary } from "../polling/answers";

export interface PaintedStage {
  stage: "painted";
  meaning: string;
  records: number | null;
  co2_g: number | null;
  note: string;
}

export interface Verdict {
  state: "agrees" | "on the way" | "unknown" | "differs" | "nothing to compare";
  sentence: string;
}

/** The last stage: what this page has received, and shows as "Emitted in total". */
export function paintedStage({ records, co2_g }: Summary, filtered: boolean): PaintedStage {
  const stage = { stage: "painted", meaning: "received and shown by this page" } as const;
  // With a filter, the total of some plants cannot be compared with that of all plants.
  if (filtered) return { ...stage, records: null, co2_g: null, note: "filters are on" };
  return { ...stage, records, co2_g, note: "" };
}

/**
 * The API's verdict on its five stages, unless the page itself differs from what was served.
 *
 * While the ledger says "on the way" or "unknown", a difference is only that.
 */
export function verdictOf(ledger: Ledger, painted: PaintedStage): Verdict {
  const served = ledger.stages.find(({ stage }) => stage === "served");
  const differs =
    painted.co2_g !== null &&
    served?.co2_g != null &&
    (served.co2_g !== painted.co2_g || served.records !== painted.records);
  if (ledger.state === "on the way" || ledger.state === "unknown") {
    return { state: ledger.state, sentence: ledger.sentence };
  }
  if (ledger.state !== "agrees") return { state: "differs", sentence: ledger.sentence };
  const weighed = ledger.stages.filter(({ co2_g }) => co2_g !== null).length;
  if (!differs) return { state: weighed > 1 ? "agrees" : "nothing to compare", sentence: ledger.sentence };
  return {
    state: "differs",
    sentence: "This page shows other tonnes than the API says it served: load the page again.",
  };
}

/**
 * The ledger in a few words. Nobody can say that nothing is lost while readings are on the way, so
 * the line then says how much is stored, and the sentence what is not. Empty where the sentence says it all.
 */
export function headlineOf(state: Verdict["state"], ledger: Ledger): string {
  const grams = (name: StageName) => ledger.stages.find(({ stage }) => stage === name)?.co2_g ?? null;
  const [emitted, stored] = [grams("emitted"), grams("csv") ?? grams("served")];
  if (stored === null || state === "differs") return "";
  if (state === "agrees" && emitted === stored) return `0 g lost of ${formatMass(stored / 1000)}.`;
  return `${formatMass(stored / 1000)} stored.`;
}
