import { element } from "../chart/dom";
import type { Theme } from "../chart/marks";
import { followTheme, hostTheme, type RenderProps } from "./host";
import "./dashboard.css";

interface Traits {
  port: number;
  url: string;
  view: string;
  height_px: number;
}

const AGAIN_MS = 2_000;
const SLOWEST_MS = 30_000;
const TALLEST_PX = 6_000;

/**
 * The web page in a frame. The browser may be far from the machine that the API runs on, so the
 * frame goes through the Jupyter server that the notebook came from: `<base>/proxy/<port>/`.
 */
function render({ model, el }: RenderProps<Traits>): () => void {
  const base = jupyterBase();
  const root = base === null ? model.get("url") : `${base}proxy/${model.get("port")}/`;
  const url = root + model.get("view");
  const link = element("a", { href: url, target: "_blank", rel: "noopener" }, "Open it in a tab");
  const notice = element("p", { className: "labkit-state" });
  notice.setAttribute("role", "status");
  el.classList.add("labkit-widget", "labkit-dashboard");
  el.append(notice, element("p", { className: "labkit-state" }, link));
  const endings: (() => void)[] = [];
  if (base === null) {
    endings.push(followTheme(el, () => undefined));
  } else {
    const frame = element("iframe", { title: "Web page", className: "labkit-frame" });
    frame.style.height = `${model.get("height_px")}px`;
    endings.push(
      followHeight(frame),
      followTheme(el, (theme) => {
        frame.contentWindow?.postMessage({ labkitTheme: theme }, window.location.origin);
      }),
      whenAnswered(
        url,
        () => {
          notice.textContent = "";
          frame.src = framed(url, hostTheme());
          el.prepend(frame);
        },
        () => {
          notice.textContent =
            `Nothing answers at ${model.get("url")}. Next: api = lab.start_api() ` +
            "The page appears here by itself once it does.";
        },
      ),
    );
  }
  return () => {
    for (const end of endings) end();
  };
}

/** Tell the lab's page that it is in a notebook, and the notebook's theme; other pages are not told. */
function framed(url: string, theme: Theme): string {
  const [path = "", query = ""] = url.split("?");
  if (!path.endsWith("/")) return url;
  const told = new URLSearchParams(query);
  told.set("frame", "notebook");
  told.set("theme", theme);
  return `${path}?${told.toString()}`;
}

/**
 * Wait until somebody answers: the proxy's own error page would be shown instead of the lab's, and
 * would stay. It is asked ever more rarely, because each failure is an error in the server's log.
 */
function whenAnswered(url: string, answered: () => void, missed: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let ended = false;
  async function ask(nextMs: number): Promise<void> {
    const ok = await fetch(url, { method: "HEAD", cache: "no-store" }).then(
      (response) => response.ok,
      () => false,
    );
    if (ended) return;
    if (ok) {
      answered();
      return;
    }
    missed();
    timer = setTimeout(() => void ask(Math.min(2 * nextMs, SLOWEST_MS)), nextMs);
  }
  void ask(AGAIN_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

/** Make the frame as tall as its page says it is, so that nobody scrolls within scrolling. */
function followHeight(frame: HTMLIFrameElement): () => void {
  const listener = ({ source, data }: MessageEvent<unknown>) => {
    const heightPx = (data as { labkitHeightPx?: unknown } | null)?.labkitHeightPx;
    if (source !== frame.contentWindow || typeof heightPx !== "number") return;
    frame.style.height = `${Math.min(heightPx, TALLEST_PX)}px`;
  };
  window.addEventListener("message", listener);
  return () => {
    window.removeEventListener("message", listener);
  };
}

/** Where the Jupyter server is, as its own page says; null where no such server made the page. */
function jupyterBase(): string | null {
  const config = document.getElementById("jupyter-config-data")?.textContent;
  if (!config) return null;
  const { baseUrl } = JSON.parse(config) as { baseUrl?: string };
  return baseUrl ?? null;
}

export default { render };
