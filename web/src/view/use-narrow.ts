import { useSyncExternalStore } from "react";

import { IN_NOTEBOOK } from "./frame";

const NARROW = window.matchMedia("(max-width: 44rem)");

/** Whether there is little room: on a phone, or in a notebook's frame. */
export function useNarrow(): boolean {
  return useSyncExternalStore(watch, () => IN_NOTEBOOK || NARROW.matches);
}

function watch(changed: () => void): () => void {
  NARROW.addEventListener("change", changed);
  return () => {
    NARROW.removeEventListener("change", changed);
  };
}
