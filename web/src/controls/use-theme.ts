import { useEffect, useLayoutEffect, useState, useSyncExternalStore } from "react";

import type { Theme } from "../chart/marks";
import { firstNotebookTheme, watchNotebookTheme } from "../view/frame";

const STORED = "labkit-theme";
const PREFERS_DARK = window.matchMedia("(prefers-color-scheme: dark)");

/**
 * The theme: in a notebook the notebook's; otherwise the reader's choice on this page, or the
 * system's. It follows when that changes.
 */
export function useTheme(): [Theme, () => void] {
  const system = useSyncExternalStore(watchSystem, () => (PREFERS_DARK.matches ? "dark" : "light"));
  const [choice, setChoice] = useState<Theme | null>(readChoice);
  const [notebook, setNotebook] = useState(firstNotebookTheme);
  const theme = notebook ?? choice ?? system;

  useEffect(() => watchNotebookTheme(setNotebook), []);

  // Before the first picture: a dark notebook shows no white page for a moment.
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);

  const toggle = () => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem(STORED, next);
    setChoice(next);
  };
  return [theme, toggle];
}

function watchSystem(changed: () => void): () => void {
  PREFERS_DARK.addEventListener("change", changed);
  return () => {
    PREFERS_DARK.removeEventListener("change", changed);
  };
}

function readChoice(): Theme | null {
  const stored = localStorage.getItem(STORED);
  return stored === "dark" || stored === "light" ? stored : null;
}
