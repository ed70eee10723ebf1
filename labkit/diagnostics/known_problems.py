"""Fifteen known problems of Kafka beginners, with what to type: the only source of these answers.

Their texts are in ``known_problems.toml``. The error card shows them below a traceback, ``labkit
doctor`` where there is none, and ``docs/troubleshooting.md`` lists them; a test keeps them equal.

See: kafka-python 3.0.12, ``kafka/errors.py``; Kafka 4.3 documentation, "Broker Configs",
"Consumer Configs". ``tests/integration/diagnostics/test_known_problems.py`` reproduces each.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from labkit.core.wording import capitalized

OTHER_CLIENTS = ("kafka-python-ng", "kafka")
"""Packages that also install a module ``kafka``: an archived fork, and one from 2017."""


def version_of(distribution: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def other_clients() -> list[str]:
    """Return which packages here install another module ``kafka``."""
    return [name for name in OTHER_CLIENTS if version_of(name)]


@dataclass(frozen=True)
class KnownProblem:
    """A problem: its symptom, its cause, and what to type.

    `symptom` is what a learner sees, `sentence` the cause, and `next_line` one line for a notebook
    cell, with example names; `answer` may replace it by one with the learner's own names.
    """

    number: int
    name: str
    symptom: str
    sentence: str
    next_line: str

    def answer(self, sentence: str = "", next_line: str = "") -> Answer:
        """Return an answer, by default with the general sentence and line."""
        return Answer(self, sentence or self.sentence, next_line or self.next_line)


@dataclass(frozen=True)
class Answer:
    """One sentence and one line to type.

    `error` is the name of the error that it answers. `problem` is None if an error of the lab has
    its own line. `name` is more exact than the problem's.
    """

    problem: KnownProblem | None
    sentence: str
    next_line: str
    error: str = ""
    name: str = ""

    @property
    def heading(self) -> str:
        """The name of the problem, if it has one."""
        said = self.name or (self.problem.name if self.problem else "")
        return capitalized(said)


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
KNOWN_PROBLEMS = tuple(KnownProblem(**row) for row in _TABLE.values())
(
    UNREACHABLE, ADVERTISED, WRONG_CLIENT, SEES_NOTHING, NO_FLUSH, POISON_PILL, TOPIC, GROUP,
    COMMIT_FAILED, DUPLICATES, TOO_FEW_BROKERS, STALE_STORAGE, DOCKER, PORT_TAKEN, HANGS,
) = KNOWN_PROBLEMS  # fmt: skip
INSTALL_CLIENT = WRONG_CLIENT.next_line.removeprefix("%").partition("   ")[0]
"""Installs the client that the lab is made for; in a notebook with a % before it."""
