import type { Theme } from "../chart/marks";

const given = new URLSearchParams(window.location.search);

/** Whether the page is in a notebook's frame, as `lab.show_dashboard()` asks for it. */
export const IN_NOTEBOOK = given.get("frame") === "notebook" && window.parent !== window;

/** The theme of the notebook around the page, when it was opened. */
export const firstNotebookTheme = (): Theme | null => (IN_NOTEBOOK ? themeOf(given.get("theme")) : null);

/** Report each change of the notebook's theme; returns a function that ends that. */
export function watchNotebookTheme(show: (theme: Theme) => void): () => void {
  const listener = ({ source, origin, data }: MessageEvent<unknown>) => {
    if (source !== window.parent || origin !== window.location.origin) return;
    const theme = themeOf((data as { labkitTheme?: unknown } | null)?.labkitTheme);
    if (theme !== null) show(theme);
  };
  window.addEventListener("message", listener);
  return () => {
    window.removeEventListener("message", listener);
  };
}

/** Tell the notebook how tall the page is, so that the frame needs no scroll bar of its own. */
export function reportHeight(): void {
  if (!IN_NOTEBOOK) return;
  const report = () => {
    const heightPx = Math.ceil(document.body.getBoundingClientRect().height);
    window.parent.postMessage({ labkitHeightPx: heightPx }, window.location.origin);
  };
  new ResizeObserver(report).observe(document.body);
}

const themeOf = (value: unknown): Theme | null => (value === "dark" || value === "light" ? value : null);
