"""An exercise: a question, a check that asks the real thing, hints, and a solution."""

from __future__ import annotations

import dis
import inspect
import textwrap
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from labkit.core.errors import LabError
from labkit.core.notebook_lines import error_in_notebook
from labkit.exercises.engine.learner_functions import Watched, named, raised_by, repeat, unusable
from labkit.exercises.engine.learner_progress import save_attempt, save_help_taken
from labkit.exercises.engine.outcome import NotAttempted, NotYet, Outcome, Result, box

BLANK = ...
"""The placeholder for an answer: three dots, which Python accepts anywhere."""

Check = Callable[..., str]

CANNOT_COMPARE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
"""What Python raises in a check that was given another kind of answer than it takes."""


class Task:
    """What exercises and predictions share: the id, the question and the solution."""

    def __init__(self, function: Callable[..., Any], solution: str) -> None:
        lesson = function.__module__.rpartition("_")[2]
        self.exercise_id = f"{lesson}.{function.__name__}"
        self.question = inspect.getdoc(function) or ""
        self.solution_code = textwrap.dedent(solution).strip()
        self.__doc__ = function.__doc__
        self.__wrapped__ = function  # so that `ex.q1??` shows the check itself

    def __repr__(self) -> str:
        return f"{self.exercise_id}: {self.question}"


class Exercise(Task):
    """One question of a lesson; made by the decorator `exercise`.

    Parameters
    ----------
    check : callable
        Takes the learner's answers; returns a sentence that says what is right, or raises `NotYet`
        or `NotAttempted`. Its docstring is the question.
    hints : sequence of str
        From a small hint to nearly the answer.
    solution : str
        Code that solves it, to replace the blank in the learner's cell.
    """

    def __init__(self, check: Check, hints: Sequence[str], solution: str) -> None:
        super().__init__(check, solution)
        self.hints = tuple(hints)
        self._check = check
        self._hints_given = 0

    def check(self, *answers: Any) -> Result:
        """Mark an attempt: ask the broker, the CSV or the API, and say what was found.

        Returns
        -------
        Result
            *correct*, *not yet* with the reason and what was observed, *error*, or *not attempted*.
        """
        result = self._mark(answers)
        save_attempt(result)
        return result

    def _mark(self, answers: tuple[Any, ...]) -> Result:
        if any(is_blank(answer) for answer in answers):
            dots = "Replace the three dots `...` with your answer, and run both cells again."
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, dots)
        wanted = [*inspect.signature(self._check).parameters]
        if len(answers) != len(wanted):
            call = f"`ex.{self.exercise_id.partition('.')[2]}.check({', '.join(wanted)})`"
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, f"Write {call}.")
        watched = [Watched(one) if inspect.isfunction(one) else one for one in answers]
        try:
            message = f"{repeat(answers)}{self._check(*watched)}"
            return Result(self.exercise_id, Outcome.CORRECT, message)
        except NotAttempted as none:
            return Result(self.exercise_id, Outcome.NOT_ATTEMPTED, str(none))
        except NotYet as reason:
            return Result(self.exercise_id, Outcome.NOT_YET, str(reason))
        except LabError as error:
            return Result(self.exercise_id, Outcome.ERROR, error_in_notebook(error))
        except Exception as error:  # a learner's function may raise anything; the lesson continues
            return self._explain(error, answers, [one for one in watched if type(one) is Watched])

    def _explain(
        self, error: Exception, answers: Sequence[Any], functions: Sequence[Watched]
    ) -> Result:
        """Return a lesson about an error: the learner's own line, and never the check's."""
        if said := raised_by(functions, error):
            return Result(self.exercise_id, Outcome.ERROR, said)
        if answers and isinstance(error, CANNOT_COMPARE):
            return Result(self.exercise_id, Outcome.NOT_YET, unusable(answers, functions))
        said = f"The check could not ask: `{named(error)}`. Run it again in a moment."
        return Result(self.exercise_id, Outcome.ERROR, said)

    def hint(self) -> Help:
        """Return the next hint; the last one is nearly the answer."""
        number = min(self._hints_given, len(self.hints) - 1)
        self._hints_given += 1
        save_help_taken(self.exercise_id, hints=number + 1)
        more = len(self.hints) - number - 1
        rest = f"(Again for the next of {more} more.)" if more else "(The last hint.)"
        return Help(f"{self.exercise_id} · hint {number + 1}", f"{self.hints[number]}\n{rest}")

    def solution(self) -> Help:
        """Return code that solves it. Type it rather than pasting it: you will notice more."""
        save_help_taken(self.exercise_id, solution_seen=True)
        return Help(f"{self.exercise_id} · a solution", self.solution_code, is_code=True)

    def _repr_html_(self) -> str:
        return box(f"{self.exercise_id} · your turn", self.question)


@dataclass(frozen=True)
class Help:
    """A hint or a solution, as text and as a small box in a notebook."""

    heading: str
    text: str
    is_code: bool = False

    def __repr__(self) -> str:
        return f"{self.heading}:\n{self.text}"

    def _repr_html_(self) -> str:
        if not self.is_code:
            return box(self.heading, self.text)
        # One pair of backticks for each line: `box` shows a line as code, and not several.
        lines = self.text.replace(" ", "\u00a0").splitlines()
        return box(self.heading, "\n".join(f"`{line}`" if line else "" for line in lines))


def exercise(check: Check) -> Exercise:
    """Turn a check function into an exercise of the same name: ``q1`` in ``lesson_02`` is 02.q1.

    Its hints and its solution are in ``lesson_02.toml``, so ``ex.q1??`` does not give them away.
    """
    help_file = files("labkit.exercises") / f"{check.__module__.rpartition('.')[2]}.toml"
    known = tomllib.loads(help_file.read_text(encoding="utf-8"))[check.__name__]
    return Exercise(check, known["hints"], known["solution"])


def is_blank(answer: Any) -> bool:
    """Tell whether an answer is blank: three dots, or a function whose body is three dots."""
    if answer is BLANK:
        return True
    return inspect.isfunction(answer) and _steps(answer) == _steps(_empty)


def _empty() -> Any: ...


def _steps(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """Return a function's bytecode instructions; a docstring makes no difference."""
    steps = dis.get_instructions(function)
    return [(step.opname, step.argval) for step in steps]
