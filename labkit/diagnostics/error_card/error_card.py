"""The error card: an IPython extension that shows the cause of an error and what to type.

    %load_ext labkit

An error of the lab or of kafka-python, and each of the fifteen in
`labkit.diagnostics.known_problems`, is short: the learner's own lines, one sentence, and the next
line to type. The whole traceback is a click away, and ``%tb`` shows it. Other errors stay as they
are.

See: IPython documentation, "IPython Events", ``post_run_cell``.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from labkit.core.errors import LabError, TopicNotFound
from labkit.core.next_step import Advice
from labkit.core.notebook_lines import in_notebook
from labkit.core.wording import sentence
from labkit.diagnostics.error_card import (
    client_errors,
    connection_errors,
    topic_errors,
    usage_errors,
)
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
    usage_errors.unassigned_partition,
    usage_errors.missing_codec,
    usage_errors.too_large,
    usage_errors.frozen_reading,
    usage_errors.closed_client,
    usage_errors.empty_iterator,
    usage_errors.unknown_argument,
    usage_errors.unknown_name,
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
        trace = Trace(one, variables or {}, took_s)
        if isinstance(one, TopicNotFound) and one.topic:
            return replace(usage_errors.no_topic(one, trace), error=type(one).__name__)
        if isinstance(one, LabError):
            line = in_notebook(one.next_line)
            return Answer(None, sentence(one.what), line, type(one).__name__)
        if isinstance(one, OSError):
            from labkit.core.written_places import cannot_write  # it loads the settings' models

            if refused := cannot_write(one):
                line = in_notebook(refused.next_line)
                return Answer(None, sentence(refused.what), line, type(one).__name__)
        if type(one).__name__.endswith("AuthorizationFailedError"):
            from labkit.broker.denied_access import denied_access

            if (denied := denied_access(one)) is not None:
                return Answer(
                    None, sentence(denied.what), in_notebook(denied.next_line), type(one).__name__
                )
        for recognize in RECOGNIZERS:
            # A recognizer may fail at an unusual object; the next one is tried.
            with contextlib.suppress(Exception):
                found = recognize(trace)
                if found is not None:
                    line = in_notebook(found.next_line)
                    return replace(found, error=type(one).__name__, next_line=line)
        if trace.is_kafka_error:
            about = getattr(type(one), "description", None) or "The Kafka client raised this error."
            return Answer(None, sentence(str(about)), "lab.doctor()", type(one).__name__)
    return None


def own_words(error: BaseException) -> str:
    """Return what an error says below its name; an error of the lab says it in its card.

    kafka-python's errors begin with their own name, and some end with ``None``.
    """
    if isinstance(error, LabError):
        return ""
    name = type(error).__name__
    said = re.sub(rf"^(\[Error -?\d+\] )?{name}(: )?", "", str(error))
    return "" if said == "None" else said


class ErrorCards:
    """What IPython calls before and after each cell, and when a cell has failed."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._began = time.monotonic()
        self._answer: Answer | None = None
        self._told: set[int] = set()  # consumers whose topic was said to be missing
        self.show_whole = shell.showtraceback

    def before_cell(self, _info: Any) -> None:
        """Remember when the cell began."""
        self._began = time.monotonic()
        self._answer = None

    def show_traceback(
        self, exc_tuple: Any = None, *options: Any, running_compiled_code: bool = False, **more: Any
    ) -> None:
        """Show a known error of a cell in short; IPython's own function shows all others.

        IPython calls this in place of `InteractiveShell.showtraceback`; ``%tb`` does so, too, but
        not from a cell's code.
        """
        error = sys.exc_info()[1]
        lines: list[str] = []
        if running_compiled_code and error is not None and not self._shell.call_pdb:
            # The learner has an error already: one in here must not add another.
            with contextlib.suppress(Exception):
                took_s = time.monotonic() - self._began
                self._answer = answer_to(error, self._shell.user_ns, took_s)
                if self._answer is not None:
                    lines = self._in_short(error)
        if not lines or error is None:
            self.show_whole(
                exc_tuple, *options, running_compiled_code=running_compiled_code, **more
            )
            return
        # What %tb and %debug look at.
        sys.last_type, sys.last_value, sys.last_traceback = (
            type(error), error, error.__traceback__,
        )  # fmt: skip
        self._shell._showtraceback(type(error), error, lines)

    def _in_short(self, error: BaseException) -> list[str]:
        """Return a traceback, as IPython formats it, with the learner's own lines only.

        Chained errors are left out, so the one that is formatted is another, with the same name.
        """
        own = None
        for part in reversed(list(_parts(error.__traceback__))):
            if self._is_own(part.tb_frame.f_code.co_filename):
                own = TracebackType(own, part.tb_frame, part.tb_lasti, part.tb_lineno)
        if own is None:
            return []
        kind = type(type(error).__name__, (Exception,), {"__module__": "builtins"})
        lines: list[str] = self._shell.InteractiveTB.structured_traceback(
            kind, kind(own_words(error)), own
        )
        return [*lines[:-1], re.sub(r": ((?:\x1b\[[\d;]*m)*)$", r"\1", lines[-1])]

    def _is_own(self, file: str) -> bool:
        """Whether a file is a cell, or a module of the learner's beside the notebook."""
        if self._shell.compile.format_code_name(file) or file.startswith("<ipython-input"):
            return True
        path = Path(file)
        return path.parent == Path.cwd() and path.suffix == ".py"

    def after_cell(self, result: Any) -> None:
        """Show a card if the cell ended with a known error, or read a topic that is not there."""
        with contextlib.suppress(Exception):
            error = getattr(result, "error_in_exec", None)
            if isinstance(error, SystemExit):  # IPython shows one line of it
                self._answer = answer_to(error, self._shell.user_ns)
            found = self._answer if error is not None else self._silent_consumer(result)
            if found is not None:
                from IPython.display import display

                whole = "".join(traceback.format_exception(error)) if error is not None else ""
                display(Advice(found.heading, found.sentence, found.next_line, whole))  # type: ignore[no-untyped-call]

    def _silent_consumer(self, result: Any) -> Answer | None:
        """Answer a cell that polled a topic that does not exist: Kafka says nothing about it."""
        code = str(getattr(getattr(result, "info", None), "raw_cell", ""))
        for name, value in list(self._shell.user_ns.items()):
            if type(value).__name__ != "KafkaConsumer" or id(value) in self._told:
                continue
            if re.search(rf"\b{re.escape(name)}\.poll\(|\bin {re.escape(name)}\b", code):
                found = usage_errors.missing_topic(value)
                if found is not None:
                    self._told.add(id(value))
                    return found
        return None


def _parts(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


_loaded: dict[int, ErrorCards] = {}


def load(shell: Any) -> None:
    """Show error cards in an IPython shell; a second call changes nothing."""
    if id(shell) in _loaded:
        return
    cards = ErrorCards(shell)
    shell.events.register("pre_run_cell", cards.before_cell)
    shell.events.register("post_run_cell", cards.after_cell)
    shell.showtraceback = cards.show_traceback
    _loaded[id(shell)] = cards


def unload(shell: Any) -> None:
    """Show no more error cards in an IPython shell."""
    cards = _loaded.pop(id(shell), None)
    if cards is not None:
        shell.events.unregister("pre_run_cell", cards.before_cell)
        shell.events.unregister("post_run_cell", cards.after_cell)
        shell.showtraceback = cards.show_whole
