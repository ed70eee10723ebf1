import { useCallback, useEffect, useEffectEvent, useState, useSyncExternalStore } from "react";

export interface Poll<T> {
  /** The last good answer; it stays while later requests fail. */
  data: T | undefined;
  /** When it came, on the browser's clock. */
  receivedAt: number | undefined;
  /** Why the last request failed; undefined once one has succeeded again. */
  error: unknown;
  /** When the open request was sent; undefined if none is open. */
  askedAt: number | undefined;
}

export interface PollOptions<T> {
  everyMs: number;
  /** Whether an answer lacks what is waited for: then the next question comes four times as soon. */
  isWaiting?: (data: T) => boolean;
  /** A request that takes longer is aborted. */
  timeoutMs: number;
  paused: boolean;
  /** Whether the interval doubles with each request that fails, up to half a minute. */
  slowsDown?: boolean;
}

const SLOWEST_MS = 30_000;

const NOTHING = { data: undefined, receivedAt: undefined, error: undefined, askedAt: undefined };

/**
 * Poll, and keep the last answer; `step` asks once while paused.
 *
 * The next request is sent only after the last one was answered or aborted, so polls never
 * overlap, however slow the API is. A hidden tab asks nothing: nobody is looking.
 *
 * `question` is what `load` asks. A question with other content is asked at once, paused or not. It
 * is compared as JSON, so it does not matter if every render makes new objects and functions.
 */
export function usePoll<T>(
  question: unknown,
  load: (signal: AbortSignal) => Promise<T>,
  { everyMs, isWaiting, timeoutMs, paused, slowsDown = false }: PollOptions<T>,
): Poll<T> & { step: () => void } {
  const [poll, setPoll] = useState<Poll<T>>(NOTHING);
  const [step, setStep] = useState(0);
  // The last request when the pause began, or during it: it is not sent again.
  const [restAt, setRestAt] = useState<string | null>(null);
  const hidden = useTabHidden();
  const request = JSON.stringify({ question, step });
  if (paused !== (restAt !== null)) setRestAt(paused ? request : null);
  const resting = hidden || (paused && restAt === request);
  const loadNow = useEffectEvent(load);

  useEffect(() => {
    if (resting) return;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    let failures = 0;

    async function ask() {
      const askedAt = performance.now();
      let interval = everyMs;
      setPoll((last) => ({ ...last, askedAt: Date.now() }));
      try {
        const data = await loadNow(AbortSignal.any([ended.signal, AbortSignal.timeout(timeoutMs)]));
        if (ended.signal.aborted) return;
        failures = 0;
        if (isWaiting?.(data)) interval /= 4;
        setPoll({ data, receivedAt: Date.now(), error: undefined, askedAt: undefined });
      } catch (error) {
        if (ended.signal.aborted) return;
        failures += 1;
        if (slowsDown) interval = Math.min(everyMs * 2 ** failures, SLOWEST_MS);
        setPoll((last) => ({ ...last, error, askedAt: undefined }));
      }
      if (paused) {
        setRestAt(request);
        return;
      }
      // Counted from the request, not from the answer: a steady interval.
      const rest = Math.max(0, interval - (performance.now() - askedAt));
      timer = setTimeout(() => void ask(), rest);
    }

    void ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
      setPoll((last) => ({ ...last, askedAt: undefined }));
    };
  }, [request, everyMs, isWaiting, timeoutMs, paused, resting, slowsDown]);

  return {
    ...poll,
    step: useCallback(() => {
      setStep((before) => before + 1);
    }, []),
  };
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
