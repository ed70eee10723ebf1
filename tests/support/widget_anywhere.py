"""A widget outside of JupyterLab, as in VS Code: any page can show it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from labkit.widgets.live_widget import bundled

HOST = """<!doctype html><html lang="en"><title>host</title>
<body data-vscode-theme-kind="{kind}"><main><h1>host</h1>
<h2>cell</h2><div id="cell"></div></main>"""
# What anywidget asks of a host: a model with `get`, `on` and `off`, and a place on the page.
SHOW = """async ([code, css, snapshot]) => {
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  const listeners = new Set();
  const model = {
    get: (name) => ({ snapshot })[name],
    on: (_event, listener) => listeners.add(listener),
    off: (_event, listener) => listeners.delete(listener),
  };
  window.tell = (next) => { snapshot = next; for (const listener of listeners) listener(); };
  window.listeners = listeners;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  window.end = widget.render({ model, el: document.querySelector("#cell") });
}"""


def show(page: Page, bundle: str, snapshot: dict[str, Any], kind: str) -> None:
    page.set_content(HOST.format(kind=kind))
    page.evaluate(SHOW, [bundled(f"{bundle}.js"), bundled(f"{bundle}.css"), snapshot])
