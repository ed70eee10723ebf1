import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createAnnouncer, PAUSE_MS } from "./announcer";

describe("createAnnouncer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("says the first at once, and then the latest after the pause", () => {
    const region = document.createElement("p");
    const announcer = createAnnouncer(region);
    expect(region.getAttribute("aria-live")).toBe("polite");
    announcer.say("one");
    announcer.say("two");
    announcer.say("three");
    expect(region.textContent).toBe("one");
    vi.advanceTimersByTime(PAUSE_MS);
    expect(region.textContent).toBe("three");
  });

  it("speaks at once again after a long silence", () => {
    const region = document.createElement("p");
    const announcer = createAnnouncer(region);
    announcer.say("one");
    vi.advanceTimersByTime(3 * PAUSE_MS);
    announcer.say("two");
    expect(region.textContent).toBe("two");
  });

  it("says nothing any more once it is destroyed", () => {
    const region = document.createElement("p");
    const announcer = createAnnouncer(region);
    announcer.say("one");
    announcer.say("two");
    announcer.destroy();
    vi.advanceTimersByTime(2 * PAUSE_MS);
    expect(region.textContent).toBe("one");
  });
});
