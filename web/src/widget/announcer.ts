/** The least time between two announcements: a screen reader has to be able to finish one. */
export const PAUSE_MS = 5_000;

export interface Announcer {
  say(text: string): void;
  destroy(): void;
}

/**
 * Tell a polite live region what is new, at most every few seconds: the latest, not all of it.
 * The screen may change twice a second; announcements may not.
 */
export function createAnnouncer(region: HTMLElement, pauseMs = PAUSE_MS): Announcer {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let latest = "";

  function tell(): void {
    timer = undefined;
    if (region.textContent === latest) return;
    region.textContent = latest;
    timer = setTimeout(tell, pauseMs);
  }

  region.setAttribute("aria-live", "polite");
  return {
    say(text) {
      latest = text;
      if (timer === undefined) tell();
    },
    destroy() {
      clearTimeout(timer);
    },
  };
}
