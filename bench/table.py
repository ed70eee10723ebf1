"""The figures as tables: for a terminal, and in Markdown for the documentation.

python -m bench.table       writes the table of docs/performance.md from bench/results.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.figures import Figure

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.json"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

WORDS = {True: "yes", False: "no", None: "–"}


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures as a table for a terminal."""
    shown = Table("figure", "lab", "peer", "ratio", "from … to", "reach", "reached")
    for one in figures:
        shown.add_row(
            one.name,
            f"{said(one.value)} {one.unit}",
            f"{said(one.peer_value)} {one.unit}\n{one.peer}",
            f"{said(one.ratio)}",
            f"{said(one.ratio_min)} … {said(one.ratio_max)}",
            str(one.bar or "–"),
            WORDS[one.is_met],
        )
    return shown


def said(value: float) -> str:
    """Return a number with three significant digits, and no exponent."""
    return f"{value:,.2f}" if value < 10 else f"{float(f'{value:.3g}'):,.0f}"


def markdown(content: Mapping[str, Any]) -> str:
    """Return the table of ``results.json``."""
    head = ["figure", "lab", "compared with", "ratio", "from … to", "reach", "reached"]
    rows = [head, ["---"] * len(head)]
    for one in content["figures"]:
        rows.append(
            [
                f"{one['name']} ({one['note']})" if one["note"] else one["name"],
                f"{said(one['value'])} {one['unit']}",
                f"{said(one['peer_value'])} {one['unit']}: {one['peer']}",
                in_words(one),
                f"{said(one['ratio_min'])} … {said(one['ratio_max'])}",
                one["bar"] or "–",
                WORDS[one["is_met"]],
            ]
        )
    machine = content["machine"]
    under = (
        f"({machine['cores']} cores, {machine['system'].split('-')[0]}, Python "
        f"{machine['python']}; medians of {content['figures'][0]['rounds']} rounds in turn; "
        "a ratio is the median of the rounds' ratios; "
        f"all of it took {content['took_s'] / 60:.0f} minutes.)"
    )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + f"\n\n{under}\n"


def in_words(figure: Mapping[str, Any]) -> str:
    """Return a ratio with what it says: how many times faster, or the lab's share of the peer."""
    times = "×" if figure["quotient"] == "lab/peer" else " times less"
    return f"{said(figure['ratio'])}{times}"


def main() -> None:
    """Write the table into docs/performance.md, between its marks."""
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = ROOT / "docs" / "performance.md"
    table = f"{BEGIN}\n{markdown(content)}{END}"
    text = page.read_text(encoding="utf-8")
    text = re.sub(f"{BEGIN}.*{END}", lambda _: table, text, flags=re.DOTALL)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
