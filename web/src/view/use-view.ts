import { useCallback, useMemo, useSyncExternalStore } from "react";

import { formatView, parseView, type View } from "./view";

const CHANGED = "labkit-view";

/** The view, which lives in the page's address: the back button and a shared link need nothing more. */
export function useView(): [View, (next: View) => void] {
  const search = useSyncExternalStore(watchAddress, () => window.location.search);
  const view = useMemo(() => parseView(search), [search]);
  const setView = useCallback((next: View) => {
    history.pushState(null, "", window.location.pathname + formatView(next));
    // The browser reports steps back and forward, but not this one.
    window.dispatchEvent(new Event(CHANGED));
  }, []);
  return [view, setView];
}

function watchAddress(changed: () => void): () => void {
  const events = ["popstate", CHANGED];
  for (const name of events) window.addEventListener(name, changed);
  return () => {
    for (const name of events) window.removeEventListener(name, changed);
  };
}
