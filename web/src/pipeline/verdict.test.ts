import { describe, expect, it } from "vitest";

import type { Ledger, Summary } from "../polling/answers";
import { headlineOf, paintedStage, verdictOf } from "./verdict";

const ledger = (state: Ledger["state"], grams: number | null = 5000, records = 2): Ledger => ({
  stages: [
    { stage: "csv", meaning: "", records: 2, co2_g: 5000, note: "" },
    { stage: "served", meaning: "", records, co2_g: grams, note: "" },
  ],
  dead_letters: 0,
  state,
  sentence: `It ${state}.`,
});
const painted = paintedStage({ records: 2, co2_g: 5000 } as Summary, false);

describe("the verdict on the ledger", () => {
  it("is the API's while the page agrees with it", () => {
    expect(verdictOf(ledger("agrees"), painted)).toEqual({ state: "agrees", sentence: "It agrees." });
  });

  it.each(["unreported", "phantom", "altered"] as const)("is a difference when tonnes are %s", (state) => {
    expect(verdictOf(ledger(state), painted)).toEqual({ state: "differs", sentence: `It ${state}.` });
  });

  it.each([
    [5001, 2],
    [5000, 3],
  ])("is a difference when the page shows other grams or records than %d, %d", (grams, records) => {
    const verdict = verdictOf(ledger("agrees", grams, records), painted);
    expect(verdict.state).toBe("differs");
    expect(verdict.sentence).toContain("This page shows other tonnes");
  });

  it("waits while readings are on the way", () => {
    expect(verdictOf(ledger("on the way", 4000), painted).state).toBe("on the way");
  });

  it("does not weigh a part of the plants against all of them", () => {
    const part = paintedStage({ records: 1, co2_g: 3000 } as Summary, true);
    expect(verdictOf(ledger("agrees"), part).state).toBe("agrees");
  });

  it("does not judge by a stage that was not weighed", () => {
    expect(verdictOf(ledger("agrees", null), painted).state).toBe("nothing to compare");
  });

  it("does not praise what nobody could compare", () => {
    const alone = { ...ledger("agrees"), stages: ledger("agrees").stages.slice(1) };
    expect(verdictOf(alone, painted).state).toBe("nothing to compare");
  });
});

describe("the ledger in a few words", () => {
  const stages = (emitted: number | null, csv: number): Ledger => ({
    ...ledger("agrees"),
    stages: [
      { stage: "emitted", meaning: "", records: 3, co2_g: emitted, note: "" },
      { stage: "csv", meaning: "", records: 2, co2_g: csv, note: "" },
    ],
  });

  it("says that nothing is lost once the stages agree", () => {
    expect(headlineOf("agrees", stages(656_600_000, 656_600_000))).toBe("0 g lost of 656.6 t.");
  });

  it("promises nothing while readings are on the way, or where nobody counted what was sent", () => {
    expect(headlineOf("on the way", stages(7_000_000, 5_000_000))).toBe("5.00 t stored.");
    expect(headlineOf("agrees", stages(null, 5_000_000))).toBe("5.00 t stored.");
    expect(headlineOf("agrees", stages(5_000_001, 5_000_000))).toBe("5.00 t stored.");
  });

  it("leaves a difference to the sentence", () => {
    expect(headlineOf("differs", stages(7_000_000, 5_000_000))).toBe("");
  });
});
