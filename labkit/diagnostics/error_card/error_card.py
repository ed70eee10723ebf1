"""The error lens: below a traceback, what is behind it and what to type.

    %load_ext labkit

Python's own traceback stays as it is. Where the error is one of the lab's, or one of the fifteen
in `labkit.diagnostics.known_problems`, one sentence and one line follow; below any other error
nothing is shown.

See: IPython documentation, "IPython Events", ``post_run_cell``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from labkit.core.advice import Advice
from labkit.core.errors import LabError
from labkit.diagnostics.error_card import client_errors, connection_errors, topic_errors
from labkit.diagnostics.error_card.traceback_reader import Trace, chain
from labkit.diagnostics.known_problems import Answer

SIGNS: tuple[Callable[[Trace], Answer | None], ...] = (
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
    # What waited may have waited for a broker, or for something that the broker does not have.
    connection_errors.unreachable,
    topic_errors.topic_missing,
    client_errors.interrupted,
)
"""How pains are recognised; the first that knows an error answers it."""


def answer_to(
    error: BaseException, variables: Mapping[str, Any] | None = None, took_s: float = 0.0
) -> Answer | None:
    """Recognise an error, or one that it was raised from.

    Parameters
    ----------
    error : BaseException
        With its traceback.
    variables : mapping, optional
        The notebook's variables, in which the clients are looked for.
    took_s : float
        How long the cell ran, in seconds.

    Returns
    -------
    Answer or None
        None where it is none of the lab's business.
    """
    for one in chain(error):
        if isinstance(one, LabError):
            return Answer(None, _sentence(one.what), one.next_line).to(one)
        trace = Trace(one, variables or {}, took_s)
        for sign in SIGNS:
            # One that trips over a stranger's object knows nothing of it; the next one may.
            with contextlib.suppress(Exception):
                found = sign(trace)
                if found is not None:
                    return found.to(one)
    return None


def _sentence(what: str) -> str:
    return f"{what[:1].upper()}{what[1:].rstrip('.')}."


class Lens:
    """What IPython calls before and after each cell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._began = time.monotonic()

    def begin(self, _info: Any) -> None:
        """Remember when the cell began."""
        self._began = time.monotonic()

    def look(self, result: Any) -> None:
        """Answer the cell's error, if it ended with one that the lab knows."""
        error = getattr(result, "error_in_exec", None)
        # Whatever fails in here, the learner has an error already and needs no second one.
        with contextlib.suppress(Exception):
            took_s = time.monotonic() - self._began
            found = answer_to(error, self._shell.user_ns, took_s) if error is not None else None
            if found is not None:
                from IPython.display import display

                display(Advice(found.heading, found.sentence, found.next_line))  # type: ignore[no-untyped-call]


_lenses: dict[int, Lens] = {}


def load(shell: Any) -> None:
    """Put the lens into an IPython shell; a second time changes nothing."""
    if id(shell) in _lenses:
        return
    lens = Lens(shell)
    shell.events.register("pre_run_cell", lens.begin)
    shell.events.register("post_run_cell", lens.look)
    _lenses[id(shell)] = lens


def unload(shell: Any) -> None:
    """Take the lens out of an IPython shell."""
    lens = _lenses.pop(id(shell), None)
    if lens is not None:
        shell.events.unregister("pre_run_cell", lens.begin)
        shell.events.unregister("post_run_cell", lens.look)
