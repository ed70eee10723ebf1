"""A note of the lab: what it is about, one sentence, one line to type; as text and as HTML."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from labkit.core.terminal_text import visible

# JupyterLab's own colour, which follows its theme; the second one is for every other front end.
COLOUR = "var(--jp-info-color1, #1976d2)"


@dataclass(frozen=True)
class Note:
    """What stands below a traceback, or in the doctor's report."""

    heading: str
    sentence: str
    next_line: str = ""

    def __repr__(self) -> str:
        lines = [visible(self.heading), "  " + visible(self.sentence).replace("`", "")]
        if self.next_line:
            lines.append("  Next: " + visible(self.next_line).replace("\n", "\n        "))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # The text keeps the page's own colour, so it is read in a light theme and in a dark one.
        said = f"<strong>{_marked_up(self.heading)}</strong><br>{_marked_up(self.sentence)}"
        if self.next_line:
            line = html.escape(visible(self.next_line))
            said += (
                '<div style="margin-top: 0.3em">Next: '
                f'<code style="white-space: pre-wrap">{line}</code></div>'
            )
        return (
            '<div role="note" aria-label="A note of the lab" '
            f'style="border-left: 4px solid {COLOUR}; padding: 0.2em 0.8em; margin: 0.2em 0">'
            f"{said}</div>"
        )


def _marked_up(text: str) -> str:
    """Escape a text, and show as code what stands between backticks."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(visible(text)))
