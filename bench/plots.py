"""The figures as pictures: two bars each, for the lab and for what one would write instead.

python -m bench.plots       draws docs/images/bench-*.svg from bench/results.json

Each is an SVG that suits light and dark pages.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.table import RESULTS, ROOT, in_words, said

IMAGES = ROOT / "docs" / "images"
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2937 }
  .small { font-size: 11px; fill: #6b7280 }
  .card { fill: #ffffff }
  .lab { fill: #0f766e }
  .peer { fill: #9ca3af }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb }
    .small { fill: #9ca3af }
    .card { fill: #111827 }
    .lab { fill: #2dd4bf }
    .peer { fill: #6b7280 }
  }
"""
WIDTH, LEFT, BARS, ROW = 860, 20, 400, 74
UNITS = {
    "throughput": ("records/s", "rows/s"),
    "times": ("ms",),
}
TITLES = {
    "throughput": "Records and rows a second: longer is better",
    "times": "Milliseconds, each row on its own scale: shorter is better",
}


def draw(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what there are figures for, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, units in UNITS.items():
        figures = [one for one in content["figures"] if one["unit"] in units]
        if figures:
            files.append(folder / f"bench-{name}.svg")
            own_scale = name == "times"
            files[-1].write_text(picture(TITLES[name], figures, own_scale), encoding="utf-8")
    return files


def picture(title: str, figures: Sequence[Mapping[str, Any]], own_scale: bool) -> str:
    """Return two bars for each figure: the lab's, and its peer's below."""
    height = 50 + ROW * len(figures)
    longest = max(max(one["value"], one["peer_value"]) for one in figures)
    body = []
    for number, one in enumerate(figures):
        if own_scale:
            longest = max(one["value"], one["peer_value"])
        top = 44 + ROW * number
        body.append(_text(LEFT, top + 12, f"{one['name']}: {in_words(one)}"))
        for place, (kind, value, what) in enumerate(
            (
                ("lab", one["value"], "the lab"),
                ("peer", one["peer_value"], one["peer"]),
            )
        ):
            y = top + 18 + 21 * place
            length = max(2.0, BARS * value / longest)
            body.append(
                f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.0f}" height="17"/>'
            )
            words = f"{said(value)} {one['unit']}, {what}"
            body.append(_text(LEFT + length + 6, y + 12, words, "small"))
    says = "; ".join(f"{one['name']}: {in_words(one)}" for one in figures)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}"><title>{html.escape(f"{title}. {says}")}</title>'
        f'<style>{STYLE}</style><rect class="card" width="{WIDTH}" height="{height}" rx="8"/>'
        f"{_text(LEFT, 28, title)}{''.join(body)}</svg>\n"
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    shown = words if len(words) <= 100 else f"{words[:99]}…"
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{html.escape(shown)}</text>'


def main() -> None:
    """Draw the pictures of the documentation."""
    for path in draw(json.loads(RESULTS.read_text(encoding="utf-8")), IMAGES):
        print(f"Drawn: {path}")


if __name__ == "__main__":
    main()
