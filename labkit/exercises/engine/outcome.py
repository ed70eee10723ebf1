"""The result of a check: an outcome, and the reason.

*Not attempted* is not a mistake: a lesson can be run from top to bottom with its blanks (``...``)
left in.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum

from labkit.core.wording import capitalized


class Outcome(StrEnum):
    """What became of an attempt."""

    CORRECT = "correct"
    NOT_AS_PREDICTED = "not as predicted"
    """Of a prediction that was made and revealed; only in overviews."""
    NOT_YET = "not yet"
    ERROR = "error"
    NOT_ATTEMPTED = "not attempted"

    @property
    def is_done(self) -> bool:
        """Whether nobody is sent back to it: a wrong prediction is done, too."""
        return self in (Outcome.CORRECT, Outcome.NOT_AS_PREDICTED)


SIGNS = {
    Outcome.CORRECT: "✔",
    Outcome.NOT_AS_PREDICTED: "≠",
    Outcome.NOT_YET: "✘",
    Outcome.ERROR: "!",
    Outcome.NOT_ATTEMPTED: "○",
}
# JupyterLab's own colours, which follow its theme; the second one is for every other front end.
_COLOURS = {
    Outcome.CORRECT: "var(--jp-success-color1, #2e7d32)",
    Outcome.NOT_YET: "var(--jp-warn-color1, #b35900)",
    Outcome.ERROR: "var(--jp-error-color1, #c62828)",
    Outcome.NOT_ATTEMPTED: "var(--jp-border-color1, #888)",
}


class NotYet(Exception):
    """Raised by a check when the answer is not right; says why, and what was observed."""


class NotAttempted(Exception):
    """Raised by a check when nothing has been tried, such as when its topic does not exist."""


@dataclass(frozen=True)
class Result:
    """The verdict on one attempt, as text and as a small box in a notebook.

    `heading` replaces the outcome's name where it would not fit, as for a prediction.
    """

    exercise_id: str
    outcome: Outcome
    message: str
    heading: str = ""

    def __post_init__(self) -> None:
        # A message may begin with a computed part, such as a record's place.
        object.__setattr__(self, "message", capitalized(self.message))

    @property
    def is_correct(self) -> bool:
        """Whether the attempt was right."""
        return self.outcome is Outcome.CORRECT

    def __repr__(self) -> str:
        heading = self.heading or self.outcome.capitalize()
        return f"{SIGNS[self.outcome]} {self.exercise_id} · {heading}: {self.message}"

    def _repr_html_(self) -> str:
        sign = f"{SIGNS[self.outcome]} {self.heading or self.outcome.capitalize()}"
        return box(f"{self.exercise_id} · {sign}", self.message, _COLOURS[self.outcome])


def box(heading: str, text: str, colour: str = _COLOURS[Outcome.NOT_ATTEMPTED]) -> str:
    """Return a note for a notebook: a heading, a line of colour at its side, and the text.

    In the text, ```code``` between backticks is shown as code, and line breaks stay.
    """
    body = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html.escape(text)).replace("\n", "<br>")
    return (
        f'<div role="status" style="border-left: 4px solid {colour}; padding: 0.2em 0.8em; '
        f'margin: 0.2em 0"><strong>{html.escape(heading)}</strong><br>{body}</div>'
    )
