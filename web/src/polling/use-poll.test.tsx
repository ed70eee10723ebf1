import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { usePoll, type PollOptions } from "./use-poll";

const OPTIONS: PollOptions<unknown> = { everyMs: 2000, timeoutMs: 8000, paused: false };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

/** A load whose answers the test gives one by one. */
function slowLoad() {
  const asked: { answer: (text: string) => void; fail: (error: Error) => void; signal: AbortSignal }[] =
    [];
  const load = (signal: AbortSignal) =>
    new Promise<string>((answer, fail) => {
      asked.push({ answer, fail, signal });
    });
  return { asked, load };
}

describe("usePoll", () => {
  it("asks at once, and then on a steady beat", async () => {
    const load = vi.fn(() => Promise.resolve("answer"));
    const { result } = renderHook(() => usePoll("question", load, OPTIONS));
    await pass(0);
    expect(result.current.data).toBe("answer");
    await pass(1999);
    expect(load).toHaveBeenCalledTimes(1);
    await pass(1);
    expect(load).toHaveBeenCalledTimes(2);
    await pass(6000);
    expect(load).toHaveBeenCalledTimes(5);
  });

  it("asks four times as often while something is missing from the answer", async () => {
    const answers = ["not yet", "not yet", "there"];
    const load = vi.fn(() => Promise.resolve(answers.shift() ?? "there"));
    const isWaiting = (answer: unknown) => answer === "not yet";
    renderHook(() => usePoll("question", load, { ...OPTIONS, isWaiting }));
    await pass(999);
    expect(load).toHaveBeenCalledTimes(2);
    await pass(1);
    expect(load).toHaveBeenCalledTimes(3);
    await pass(1999);
    expect(load).toHaveBeenCalledTimes(3);
    await pass(1);
    expect(load).toHaveBeenCalledTimes(4);
  });

  it("never asks while a question is open, and then asks at once if it is late", async () => {
    const { asked, load } = slowLoad();
    renderHook(() => usePoll("question", load, OPTIONS));
    await pass(7000);
    expect(asked).toHaveLength(1);
    asked[0]?.answer("late");
    await pass(0);
    expect(asked).toHaveLength(2);
  });

  it("gives up a question that takes too long, and asks again", async () => {
    vi.useRealTimers(); // AbortSignal.timeout is the browser's own: no fake clock moves it
    const { asked, load } = slowLoad();
    renderHook(() => usePoll("question", load, { ...OPTIONS, everyMs: 5, timeoutMs: 20 }));
    expect(asked[0]?.signal.aborted).toBe(false);
    await vi.waitFor(() => {
      expect(asked[0]?.signal.aborted).toBe(true);
    });
    expect(asked).toHaveLength(1);
    asked[0]?.fail(new Error("given up"));
    await vi.waitFor(() => {
      expect(asked.length).toBeGreaterThan(1);
    });
  });

  it("keeps the last answer while questions fail, and forgets the error afterwards", async () => {
    const { asked, load } = slowLoad();
    const { result } = renderHook(() => usePoll("question", load, OPTIONS));
    asked[0]?.answer("first");
    await pass(2000);
    asked[1]?.fail(new Error("gone"));
    await pass(0);
    expect(result.current).toMatchObject({ data: "first", error: new Error("gone") });
    await pass(2000);
    asked[2]?.answer("second");
    await pass(0);
    expect(result.current).toMatchObject({ data: "second", error: undefined });
  });

  it("asks nothing while it is paused, and drops what is on its way", async () => {
    const { asked, load } = slowLoad();
    const { result, rerender } = renderHook((paused: boolean) => usePoll("question", load, { ...OPTIONS, paused }), {
      initialProps: false,
    });
    rerender(true);
    expect(asked[0]?.signal.aborted).toBe(true);
    asked[0]?.answer("too late");
    await pass(10_000);
    expect(asked).toHaveLength(1);
    expect(result.current.data).toBeUndefined();
    rerender(false);
    expect(asked).toHaveLength(2);
  });

  it("keeps its beat when every render brings new objects with the same content", async () => {
    const loads: string[] = [];
    const { rerender } = renderHook(
      (round: number) => {
        const load = () => Promise.resolve(loads.push(`round ${round}`));
        return usePoll({ sector: ["steel"] }, load, OPTIONS);
      },
      { initialProps: 0 },
    );
    for (let round = 1; round <= 10; round++) {
      await pass(500);
      rerender(round);
    }
    expect(loads).toEqual(["round 0", "round 3", "round 7"]); // each time the newest one
  });

  it("asks once for each step while it is paused, and once for a new question", async () => {
    const load = vi.fn(() => Promise.resolve("answer"));
    const other = vi.fn(() => Promise.resolve("other"));
    const { result, rerender } = renderHook(
      ({ question, load, paused }) => usePoll(question, load, { ...OPTIONS, paused }),
      { initialProps: { question: "first", load, paused: false } },
    );
    await pass(0);
    rerender({ question: "first", load, paused: true });
    act(() => {
      result.current.step();
    });
    await pass(10_000);
    expect(load).toHaveBeenCalledTimes(2);
    rerender({ question: "second", load: other, paused: true });
    await pass(10_000);
    expect(other).toHaveBeenCalledTimes(1);
    expect(result.current.data).toBe("other");
  });

  it("says since when a question is open", async () => {
    const { asked, load } = slowLoad();
    const { result } = renderHook(() => usePoll("question", load, OPTIONS));
    expect(result.current.askedAt).toBe(Date.now());
    asked[0]?.answer("first");
    await pass(0);
    expect(result.current.askedAt).toBeUndefined();
  });

  it("asks nothing while the tab is hidden", async () => {
    const load = vi.fn(() => Promise.resolve("answer"));
    const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
    renderHook(() => usePoll("question", load, OPTIONS));
    await pass(10_000);
    expect(load).not.toHaveBeenCalled();
    hidden.mockReturnValue(false);
    act(() => {
      document.dispatchEvent(new Event("visibilitychange"));
    });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("asks a new question at once, and ends with its component", async () => {
    const [first, second] = [slowLoad(), slowLoad()];
    const { rerender, unmount } = renderHook(
      ({ question, load }) => usePoll(question, load, OPTIONS),
      { initialProps: { question: "first", load: first.load } },
    );
    rerender({ question: "second", load: second.load });
    expect(first.asked[0]?.signal.aborted).toBe(true);
    expect(second.asked).toHaveLength(1);
    unmount();
    expect(second.asked[0]?.signal.aborted).toBe(true);
    await pass(10_000);
    expect(second.asked).toHaveLength(1);
  });
});
