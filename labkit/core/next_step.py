"""A piece of advice: heading, one sentence, one line to type; shown as text and as HTML."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from labkit.core.terminal_text import visible

# JupyterLab's own colour, which follows its theme; the second one is for other front ends.
COLOUR = "var(--jp-info-color1, #1976d2)"


@dataclass(frozen=True)
class Advice:
    """What an error card or the doctor's report shows."""

    heading: str
    sentence: str
    next_line: str = ""

    def __repr__(self) -> str:
        lines = [visible(self.heading), "  " + visible(self.sentence).replace("`", "")]
        if self.next_line:
            lines.append("  Next: " + visible(self.next_line).replace("\n", "\n        "))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # The text keeps the page's own colour, so it is readable in a light and in a dark theme.
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
    """Escape a text, and show what is between backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(visible(text)))
