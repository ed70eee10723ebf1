import type { Theme } from "../chart/marks";
import "./host.css";

/** What anywidget hands to `render`: the Python object's traits, and a place on the screen. */
export interface RenderProps<Traits> {
  model: Model<Traits>;
  el: HTMLElement;
}

interface Model<Traits> {
  get<K extends keyof Traits>(key: K): Traits[K];
  on(event: `change:${string & keyof Traits}` | "comm_live_update", listener: () => void): void;
  off(event: `change:${string & keyof Traits}` | "comm_live_update", listener: () => void): void;
  /** Send the Python object a custom message. */
  send(content: unknown): void;
}

/** Call `show` with a trait now and at each change; returns a function that ends that. */
export function follow<Traits, K extends string & keyof Traits>(
  model: Model<Traits>,
  key: K,
  show: (value: Traits[K]) => void,
): () => void {
  const listener = () => {
    show(model.get(key));
  };
  model.on(`change:${key}`, listener);
  // A view that is opened late finds the last snapshot in the trait.
  listener();
  return () => {
    model.off(`change:${key}`, listener);
  };
}

/**
 * JupyterLab and Notebook say on <body> which theme they show, and so does VS Code, in words such
 * as "vscode-high-contrast-light"; elsewhere the system's preference counts.
 */
export function hostTheme(): Theme {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight !== undefined) return jpThemeLight === "false" ? "dark" : "light";
  if (vscodeThemeKind !== undefined) return vscodeThemeKind.endsWith("light") ? "light" : "dark";
  return window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** Report the theme now and whenever the host changes it; returns a function that ends that. */
export function followTheme(el: HTMLElement, show: (theme: Theme) => void): () => void {
  const apply = () => {
    const theme = hostTheme();
    el.dataset.theme = theme;
    show(theme);
  };
  const observer = new MutationObserver(apply);
  observer.observe(document.body, {
    attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"],
  });
  apply();
  return () => {
    observer.disconnect();
  };
}

/**
 * Say below a widget that it is no longer live, when its kernel has been restarted or has ended.
 * ipywidgets tells the model; `comm_live_update` is its event.
 */
export function followKernel(model: Kernelled, el: HTMLElement): () => void {
  const note = document.createElement("p");
  note.className = "labkit-not-live";
  note.setAttribute("role", "status");
  const tell = () => {
    el.dataset.live = "false";
    note.textContent = "No longer live: its kernel has ended. Run the cell again.";
    el.prepend(note);
  };
  model.on("comm_live_update", tell);
  return () => {
    model.off("comm_live_update", tell);
  };
}

interface Kernelled {
  on(event: "comm_live_update", listener: () => void): void;
  off(event: "comm_live_update", listener: () => void): void;
}
