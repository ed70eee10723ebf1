"""A piece of advice: heading, one sentence, one line to type; shown as text and as HTML."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from labkit.core.terminal_text import visible, without_colours

# JupyterLab's own colour, which follows its theme; the second one is for other front ends.
COLOUR = "var(--jp-info-color1, #1976d2)"


@dataclass(frozen=True)
class Advice:
    """What an error card or the doctor's report shows."""

    heading: str
    sentence: str
    next_line: str = ""
    traceback: str = ""
    """The whole traceback, shown at a click; a text names the magic that shows it."""

    def __repr__(self) -> str:
        heading, sentence, next_line = map(_plain, (self.heading, self.sentence, self.next_line))
        lines = [*([heading] if heading else []), "  " + sentence.replace("`", "")]
        if next_line:
            lines.append("  Next: " + next_line.replace("\n", "\n        "))
        if self.traceback:
            lines.append("  The whole traceback: %tb")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # The text keeps the page's own colour, so it is readable in a light and in a dark theme.
        said = f"<strong>{_marked_up(self.heading)}</strong><br>" if self.heading else ""
        said += _marked_up(self.sentence)
        if self.next_line:
            line = html.escape(_plain(self.next_line))
            said += (
                '<div style="margin-top: 0.3em">Next: '
                f'<code style="white-space: pre-wrap">{line}</code></div>'
            )
        if self.traceback:
            said += (
                '<details style="margin-top: 0.3em"><summary>The whole traceback</summary>'
                f'<pre style="overflow-x: auto">{html.escape(_plain(self.traceback))}</pre>'
                "</details>"
            )
        return (
            '<div role="note" aria-label="A note of the lab" '
            f'style="border-left: 4px solid {COLOUR}; padding: 0.2em 0.8em; margin: 0.2em 0">'
            f"{said}</div>"
        )


def _marked_up(text: str) -> str:
    """Escape a text, and show what is between backticks as code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(_plain(text)))


def _plain(text: str) -> str:
    """Return a text without colours, which a quoted program may have used."""
    return visible(without_colours(text))
