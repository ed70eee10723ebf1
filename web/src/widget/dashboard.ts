import { element } from "../chart/dom";
import { type RenderProps } from "./host";
import "./dashboard.css";

interface Traits {
  port: number;
  url: string;
  view: string;
  height_px: number;
}

/**
 * The web page in a frame. The browser may be far from the machine that the API runs on, so the
 * frame goes through the Jupyter server that the notebook came from: `<base>/proxy/<port>/`.
 */
function render({ model, el }: RenderProps<Traits>): void {
  const base = jupyterBase();
  const root = base === null ? model.get("url") : `${base}proxy/${model.get("port")}/`;
  const url = root + model.get("view");
  const link = element("a", { href: url, target: "_blank", rel: "noopener" }, "Open it in a tab");
  el.classList.add("labkit-widget");
  if (base !== null) {
    const frame = element("iframe", { src: url, title: "CO₂ live, the lab’s web page" });
    frame.className = "labkit-frame";
    frame.style.height = `${model.get("height_px")}px`;
    el.append(frame);
  }
  el.append(element("p", { className: "labkit-state" }, "The lab’s web page. ", link));
}

/** Where the Jupyter server is, as its own page says; null where no such server made the page. */
function jupyterBase(): string | null {
  const config = document.getElementById("jupyter-config-data")?.textContent;
  if (!config) return null;
  const { baseUrl } = JSON.parse(config) as { baseUrl?: string };
  return baseUrl ?? null;
}

export default { render };
