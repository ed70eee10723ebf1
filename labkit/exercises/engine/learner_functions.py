"""A learner's function in a check: what it returned, and what an error in it or around it says."""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import re
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import FrameType
from typing import Any

from labkit.exercises.engine.answer_kinds import COLLECTIONS, PLAIN, described, plain, shown
from labkit.exercises.engine.outcome import NotYet

NEVER = object()
REPEATED = (*PLAIN, *COLLECTIONS)
ELSE = ", and the question asks for something else. Read it again, or take a hint."
LONGEST_ERROR = 200


class Watched:
    """A learner's function; it remembers what it returned last, for the message of a check."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self.code = function.__code__
        self.returned: Any = NEVER
        self._function = function

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function."""
        self.returned = NEVER
        self.returned = self._function(*arguments, **named)
        return self.returned

    def is_called_in(self, frame: FrameType) -> bool:
        """Tell whether a frame is the one in which the function is called."""
        return frame.f_code is type(self).__call__.__code__ and frame.f_locals["self"] is self


def within(seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a learner's function that waits for Kafka, and return what it returns.

    Parameters
    ----------
    seconds : float
        How long it may take, in seconds. After that, it is left alone in its thread.
    function : callable
        The learner's function.
    *arguments : object
        What it is called with.

    Raises
    ------
    NotYet
        It has not returned in that time.
    Exception
        What the function raises.
    """
    outcome: Future[Any] = Future()

    def call() -> None:
        try:
            outcome.set_result(function(*arguments))
        except Exception as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome.done():
        called = f"{function.__name__}({', '.join(map(repr, arguments))})"
        raise NotYet(
            f"`{called}` has not returned for {seconds:.0f} seconds. How does its loop end when no "
            "more records come?"
        )
    return outcome.result()


def repeat(answers: Sequence[Any]) -> str:
    """Return which values were checked, for an answer cell that failed keeps its old value."""
    values = [shown(one) for one in map(plain, answers) if isinstance(one, REPEATED)]
    return f"You gave {', '.join(values)}. " if values else ""


def raised_by(functions: Sequence[Watched], error: Exception) -> str:
    """Return what a learner's function has raised, and in which line; empty if none of them did."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for one in functions:
        lines = [frame.f_lineno for frame in frames if frame.f_code is one.code]
        if lines:
            line = linecache.getline(one.code.co_filename, lines[-1]).strip()
            return f"Your `{one.name}` raised `{named(error)}`, in the line `{line}`."
        if one.is_called_in(frames[-1]):  # it does not take as many arguments
            return f"Your `{one.name}` raised `{named(error)}`."
    return ""


def unusable(answers: Sequence[Any], functions: Sequence[Watched]) -> str:
    """Return what was given to a check that it cannot compare with anything."""
    for one in functions:
        if one.returned is None:
            return f"Your `{one.name}` {returned_nothing(one)}"
        if one.returned is not NEVER:
            return f"Your `{one.name}` returned {described(one.returned)}{ELSE}"
    return f"You gave {' and '.join(map(described, answers))}{ELSE}"


def returned_nothing(function: Watched) -> str:
    """Return how a function comes to return None: without a ``return``, or not on each way."""
    source = ""
    with contextlib.suppress(OSError, TypeError):  # a function without a source
        source = inspect.getsource(function.code)
    if re.search(r"\breturn[ (\[{]+\S", source):
        return "returned nothing for this. Each way through it has to end with `return`."
    return "returned nothing. It has to end with `return`."


def named(error: Exception) -> str:
    """Return an error with its type, in one short line."""
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return said.replace("\n", " ")[:LONGEST_ERROR]
