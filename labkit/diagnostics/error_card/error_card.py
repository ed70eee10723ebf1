"""The error card: an IPython extension that shows the cause of an error and what to type.

    %load_ext labkit

Python's own traceback stays as it is. Below an error of the lab, or one of the fifteen in
`labkit.diagnostics.known_problems`, it shows one sentence and one line; below others, nothing.

See: IPython documentation, "IPython Events", ``post_run_cell``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from labkit.core.errors import LabError
from labkit.core.next_step import Advice
from labkit.diagnostics.error_card import client_errors, connection_errors, topic_errors
from labkit.diagnostics.error_card.traceback_reader import Trace, chain
from labkit.diagnostics.known_problems import Answer

RECOGNIZERS: tuple[Callable[[Trace], Answer | None], ...] = (
    client_errors.wrong_client,
    client_errors.unknown_setting,
    client_errors.poison_pill,
    client_errors.commit_failed,
    topic_errors.topic_exists,
    topic_errors.too_few_brokers,
    topic_errors.no_offset,
    topic_errors.group_confusion,
    connection_errors.no_docker,
    connection_errors.port_taken,
    # A timeout may be about the broker, or about something that the broker does not have.
    connection_errors.unreachable,
    topic_errors.topic_missing,
    client_errors.interrupted,
)
"""The first one that recognizes an error answers it."""


def answer_to(
    error: BaseException, variables: Mapping[str, Any] | None = None, took_s: float = 0.0
) -> Answer | None:
    """Return the answer to an error, or to one that it was raised from.

    Parameters
    ----------
    error : BaseException
        With its traceback.
    variables : mapping, optional
        The notebook's variables; a client in them gives the answer its name.
    took_s : float
        How long the cell ran, in seconds.

    Returns
    -------
    Answer or None
        None if the error is not known.
    """
    for one in chain(error):
        if isinstance(one, LabError):
            said = f"{one.what[:1].upper()}{one.what[1:].rstrip('.')}."
            return Answer(None, said, one.next_line, type(one).__name__)
        if isinstance(one, OSError):
            from labkit.core.written_places import cannot_write  # it loads the settings' models

            if refused := cannot_write(one):
                return Answer(None, f"{refused.what}.", refused.next_line, type(one).__name__)
        trace = Trace(one, variables or {}, took_s)
        for recognize in RECOGNIZERS:
            # A recognizer may fail at an unusual object; the next one is tried.
            with contextlib.suppress(Exception):
                found = recognize(trace)
                if found is not None:
                    return replace(found, error=type(one).__name__)
    return None


class ErrorCards:
    """The callbacks that IPython calls before and after each cell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._began = time.monotonic()

    def before_cell(self, _info: Any) -> None:
        """Remember when the cell began."""
        self._began = time.monotonic()

    def after_cell(self, result: Any) -> None:
        """Show a card if the cell ended with a known error."""
        error = getattr(result, "error_in_exec", None)
        # The learner has an error already: one in here must not add another.
        with contextlib.suppress(Exception):
            took_s = time.monotonic() - self._began
            found = answer_to(error, self._shell.user_ns, took_s) if error is not None else None
            if found is not None:
                from IPython.display import display

                display(Advice(found.heading, found.sentence, found.next_line))  # type: ignore[no-untyped-call]


_loaded: dict[int, ErrorCards] = {}


def load(shell: Any) -> None:
    """Show error cards in an IPython shell; a second call changes nothing."""
    if id(shell) in _loaded:
        return
    cards = ErrorCards(shell)
    shell.events.register("pre_run_cell", cards.before_cell)
    shell.events.register("post_run_cell", cards.after_cell)
    _loaded[id(shell)] = cards


def unload(shell: Any) -> None:
    """Show no more error cards in an IPython shell."""
    cards = _loaded.pop(id(shell), None)
    if cards is not None:
        shell.events.unregister("pre_run_cell", cards.before_cell)
        shell.events.unregister("post_run_cell", cards.after_cell)
