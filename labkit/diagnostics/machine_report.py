"""The doctor's report on a machine: `Check`, and all checks as text, HTML and a terminal table."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labkit.core.terminal_text import visible

if TYPE_CHECKING:
    from rich.table import Table

Verdict = Literal["ok", "note", "broken"]
SIGNS = {"ok": "✔", "note": "!", "broken": "✘"}


@dataclass(frozen=True)
class Check:
    """The result of one check.

    ``ok``: as it should be; ``note``: worth knowing, and the lab works; ``broken``: it does not.
    """

    name: str
    verdict: Verdict
    sentence: str
    next_line: str = ""


@dataclass(frozen=True)
class MachineReport:
    """The results of all checks, as text and as a table in a notebook."""

    checks: tuple[Check, ...]

    @property
    def summary(self) -> str:
        """How many checks found something, in one sentence."""
        broken, notes = (
            sum(check.verdict == verdict for check in self.checks) for verdict in ("broken", "note")
        )
        return f"{len(self.checks)} checks: {broken} broken, {notes} worth a note."

    def __repr__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [self.summary]
        for check in self.checks:
            lines.append(f"{check.verdict:<6}  {check.name:<{width}}  {visible(check.sentence)}")
            if check.next_line:
                lines.append(f"{'':<{width + 10}}Next: {visible(check.next_line)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        rows = ""
        for check in self.checks:
            said = html.escape(visible(check.sentence))
            if check.next_line:
                said += f"<br>Next: <code>{html.escape(visible(check.next_line))}</code>"
            rows += (
                f"<tr><td {left}>{SIGNS[check.verdict]} {check.verdict}</td>"
                f'<th scope="row" {left}>{html.escape(check.name)}</th><td {left}>{said}</td></tr>'
            )
        return f"<p>{self.summary}</p><table><tbody>{rows}</tbody></table>"


def report(checks: list[Check]) -> Table:
    """Return the checks as a table for the terminal; each colour also has a word."""
    from rich.markup import escape
    from rich.table import Table

    colours = {"ok": "green", "note": "yellow", "broken": "bold red"}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        text = escape(visible(check.sentence))
        if check.next_line:
            text += f"\n[bold]Next:[/] {escape(visible(check.next_line))}"
        colour = colours[check.verdict]
        table.add_row(f"[{colour}]{check.verdict}[/]", f"[bold]{check.name}[/]", text)
    return table
