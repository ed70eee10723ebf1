import { useEffect, useState, useSyncExternalStore } from "react";

export interface Poll<T> {
  /** The last good answer; it stays while later questions go unanswered. */
  data: T | undefined;
  /** When it came, on the browser's clock. */
  receivedAt: number | undefined;
  /** Why the last question failed; undefined once one has been answered again. */
  error: unknown;
}

export interface PollOptions {
  everyMs: number;
  /** A question that takes longer is given up. */
  timeoutMs: number;
  paused: boolean;
}

/**
 * Ask again and again, and hold the last answer.
 *
 * The next question is asked only after the last one has been answered or given up, so polls never
 * overlap, however slow the API is. A hidden tab asks nothing: nobody is looking.
 * Give `load` a stable identity (`useCallback`): a new one is asked at once.
 */
export function usePoll<T>(
  load: (signal: AbortSignal) => Promise<T>,
  { everyMs, timeoutMs, paused }: PollOptions,
): Poll<T> {
  const [poll, setPoll] = useState<Poll<T>>({
    data: undefined,
    receivedAt: undefined,
    error: undefined,
  });
  const hidden = useTabHidden();

  useEffect(() => {
    if (paused || hidden) return;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout>;

    async function ask() {
      const askedAt = performance.now();
      try {
        const data = await load(AbortSignal.any([ended.signal, AbortSignal.timeout(timeoutMs)]));
        if (!ended.signal.aborted) setPoll({ data, receivedAt: Date.now(), error: undefined });
      } catch (error) {
        if (!ended.signal.aborted) setPoll((last) => ({ ...last, error }));
      }
      // Counted from the question, not from the answer: a steady beat.
      const rest = Math.max(0, everyMs - (performance.now() - askedAt));
      if (!ended.signal.aborted) timer = setTimeout(() => void ask(), rest);
    }

    void ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
    };
  }, [load, everyMs, timeoutMs, paused, hidden]);

  return poll;
}

function useTabHidden(): boolean {
  return useSyncExternalStore(
    (changed) => {
      document.addEventListener("visibilitychange", changed);
      return () => {
        document.removeEventListener("visibilitychange", changed);
      };
    },
    () => document.hidden,
  );
}
