import { afterEach, describe, expect, it, vi } from "vitest";

import { parseView } from "../view/view";
import { snapshotLoader } from "./api";
import { ApiGone, ApiProblem } from "./get-json";

const signal = new AbortController().signal;
const VIEW = parseView("");
const SUMMARY = { by_sector: [], by_country: [{ key: "PL" }], by_fuel: [], by_facility: [] };
const DASHBOARD = {
  served_at: "2026-11-24T02:50:00.000Z",
  window: SUMMARY,
  series: { by: "sector" },
  pipeline: { latency: { reading: { reading_id: "one" } } },
};
const answer = (body: string, status: number, type: string) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(() =>
    Promise.resolve(new Response(body, { status, headers: { "content-type": type } })),
  );
const answerWith = (body: object) => answer(JSON.stringify({ ...SUMMARY, ...body }), 200, "application/json");

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a snapshot", () => {
  it("is one question, at a relative address, so that it works behind any prefix", async () => {
    const fetch = answerWith(DASHBOARD);
    const { facets } = await snapshotLoader()(VIEW, signal);
    expect(fetch.mock.calls.map(([address]) => address)).toEqual([
      "api/dashboard?window_s=300&limit=12&top=100",
    ]);
    expect(facets.country).toEqual([{ key: "PL" }]);
  });

  it("asks a filtered dimension once more without its own filter", async () => {
    const fetch = answerWith(DASHBOARD);
    await snapshotLoader()(parseView("?sector=power&country=PL"), signal);
    expect(fetch.mock.calls.map(([address]) => address as string).sort()).toEqual([
      "api/dashboard?sector=power&country=PL&window_s=300&limit=12&top=100",
      "api/series?country=PL&window_s=300",
      "api/summary?country=PL&window_s=300&top=100",
      "api/summary?sector=power&window_s=300&top=100",
    ]);
  });

  it("counts ages from when the answer was new, not from when it was confirmed", async () => {
    answerWith(DASHBOARD);
    const now = vi.spyOn(Date, "now").mockReturnValue(1000);
    const load = snapshotLoader();
    await load(VIEW, signal);
    now.mockReturnValue(3000);
    expect(await load(VIEW, signal)).toMatchObject({ heardAt: 1000, paintedAt: 1000 });
    vi.restoreAllMocks();
    answerWith({ ...DASHBOARD, served_at: "2026-11-24T02:50:04.000Z" });
    vi.spyOn(Date, "now").mockReturnValue(5000);
    expect(await load(VIEW, signal)).toMatchObject({ heardAt: 5000, paintedAt: 1000 });
  });
});

describe("what is no answer", () => {
  it("is a problem where the API says so", async () => {
    const problem = { title: "Unprocessable", detail: "window_s is too long", next: "window_s=60" };
    answer(JSON.stringify(problem), 422, "application/problem+json");
    const failed = await snapshotLoader()(VIEW, signal).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ApiProblem);
    expect(failed).toMatchObject({
      title: "Unprocessable",
      message: "window_s is too long",
      next: "window_s=60",
    });
  });

  it.each([
    [500, "text/html"],
    [502, "text/plain"],
    [200, "text/html"],
  ])("is an API that is gone where a proxy speaks for it (%d, %s)", async (status, type) => {
    answer("<h1>could not connect</h1>", status, type);
    await expect(snapshotLoader()(VIEW, signal)).rejects.toBeInstanceOf(ApiGone);
  });

  it("is an API that is gone where nobody speaks", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
    await expect(snapshotLoader()(VIEW, signal)).rejects.toBeInstanceOf(ApiGone);
  });

  it("is a slow API where the page gave up", async () => {
    const given = AbortSignal.timeout(0);
    await vi.waitFor(() => {
      expect(given.aborted).toBe(true);
    });
    vi.spyOn(globalThis, "fetch").mockRejectedValue(given.reason);
    await expect(snapshotLoader()(VIEW, given)).rejects.toMatchObject({ name: "TimeoutError" });
  });
});
