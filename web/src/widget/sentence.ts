import { element } from "../chart/dom";
import { createAnnouncer } from "./announcer";

export interface Sentence {
  element: HTMLElement;
  say(text: string): void;
  destroy(): void;
}

/** A sentence that is always current on screen, and announced every few seconds at most. */
export function createSentence(className: string): Sentence {
  const seen = element("p", { className });
  const heard = element("span", { className: "labkit-spoken" });
  const announcer = createAnnouncer(heard);
  return {
    element: element("div", {}, seen, heard),
    say(text) {
      seen.textContent = text;
      announcer.say(text);
    },
    destroy() {
      announcer.destroy();
    },
  };
}
