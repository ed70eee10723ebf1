import { afterEach, describe, expect, it, vi } from "vitest";

import { ApiGone, ApiProblem, loadSnapshot } from "./api";

const signal = new AbortController().signal;
const answer = (body: string, status: number, type: string) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(() =>
    Promise.resolve(new Response(body, { status, headers: { "content-type": type } })),
  );

afterEach(() => {
  vi.restoreAllMocks();
});

describe("loadSnapshot", () => {
  it("asks relative addresses, so that it works behind any prefix", async () => {
    const fetch = answer("{}", 200, "application/json");
    await loadSnapshot(300, signal);
    const asked = fetch.mock.calls.map(([address]) => address as string);
    expect(asked).toContain("api/series?by=sector&window_s=300");
    expect(asked.every((address) => address.startsWith("api/"))).toBe(true);
  });

  it("takes a problem for what the API says", async () => {
    const problem = { title: "Bad Request", detail: "window_s is too long", next: "window_s=60" };
    answer(JSON.stringify(problem), 400, "application/problem+json");
    const failed = await loadSnapshot(300, signal).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ApiProblem);
    expect(failed).toMatchObject({ message: "window_s is too long", next: "window_s=60" });
  });

  it.each([
    [500, "text/html"],
    [502, "text/plain"],
    [200, "text/html"],
  ])("takes a proxy's own answer (%d, %s) for an API that is gone", async (status, type) => {
    answer("<h1>could not connect</h1>", status, type);
    await expect(loadSnapshot(300, signal)).rejects.toBeInstanceOf(ApiGone);
  });

  it("takes no answer at all for an API that is gone", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Failed to fetch"));
    await expect(loadSnapshot(300, signal)).rejects.toBeInstanceOf(ApiGone);
  });
});
