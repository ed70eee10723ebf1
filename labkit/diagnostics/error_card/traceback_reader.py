"""Read a traceback: the error, the calls that led to it, and the Kafka clients in them.

kafka is not imported here, nor anywhere else in the package: errors are recognized by name, so
that an error card also answers a failing ``import kafka``.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from traceback import walk_tb
from types import FrameType
from typing import Any

CLIENTS = ("KafkaConsumer", "KafkaProducer", "KafkaAdminClient")
MOST_ERRORS = 20


@dataclass(frozen=True)
class Trace:
    """One error with its traceback, the notebook's variables, and how long its cell ran."""

    error: BaseException
    variables: Mapping[str, Any]
    took_s: float = 0.0

    @cached_property
    def frames(self) -> tuple[FrameType, ...]:
        """The frames of the calls: the learner's first, the one that raised last."""
        return tuple(frame for frame, _ in walk_tb(self.error.__traceback__))

    @property
    def own_line(self) -> str:
        """The line of the learner's that failed; empty if it is not known."""
        for frame, line in walk_tb(self.error.__traceback__):
            if not _is_in(frame, "IPython"):
                return linecache.getline(frame.f_code.co_filename, line).strip()
        return ""

    @property
    def last_line(self) -> str:
        """The line that raised the error; empty if it is not known."""
        for frame, line in reversed(list(walk_tb(self.error.__traceback__))):
            return linecache.getline(frame.f_code.co_filename, line).strip()
        return ""

    @property
    def is_kafka_error(self) -> bool:
        """Whether it is one of kafka-python's own errors."""
        return any(
            kind.__name__ == "KafkaError" and kind.__module__ == "kafka.errors"
            for kind in type(self.error).__mro__
        )

    def is_a(self, *names: str) -> bool:
        """Tell whether it is one of these errors of kafka-python, or of a subclass."""
        return self.is_kafka_error and any(
            kind.__name__ in names for kind in type(self.error).__mro__
        )

    def passed(self, package: str, function: str = "") -> bool:
        """Tell whether a call went through a package, or through a function of it."""
        return any(
            _is_in(frame, package) and function in ("", frame.f_code.co_name)
            for frame in self.frames
        )

    def local(self, name: str, package: str = "kafka") -> Any:
        """Return the local variable of this name in the first call into a package that has one."""
        for frame in self.frames:
            if _is_in(frame, package) and name in frame.f_locals:
                return frame.f_locals[name]
        return None

    @property
    def client(self) -> Any:
        """The Kafka client whose method was called, or None."""
        for frame in self.frames:
            one = frame.f_locals.get("self")
            if type(one).__name__ in CLIENTS and _is_in(frame, "kafka"):
                return one
        return None

    @property
    def is_interrupted_client(self) -> bool:
        """Whether the learner interrupted their own client, rather than one inside the lab."""
        return (
            isinstance(self.error, KeyboardInterrupt)
            and self.client is not None
            and not self.passed("labkit")
        )

    def name_of(self, thing: Any) -> str | None:
        """Return the name of the notebook's variable with this value."""
        for name, value in list(self.variables.items()):
            if value is thing and not name.startswith("_"):
                return name
        return None


def _is_in(frame: FrameType, package: str) -> bool:
    """Tell whether a frame is in this package or module."""
    return f"{frame.f_globals.get('__name__', '')}.".startswith(f"{package}.")


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, each once; the last raised comes first.

    An error in the learner's own ``except`` is another mistake than the one that was caught there,
    so that is left out. A library that raises another error in its ``except`` tells of the same.
    """
    todo: list[BaseException] = [error]
    seen: set[int] = set()
    while todo and len(seen) < MOST_ERRORS:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            todo.extend(one.exceptions)
        if one.__cause__ is not None:
            todo.append(one.__cause__)
        elif (
            one.__context__ is not None
            and not one.__suppress_context__
            and not _is_in_except_of(one.__context__, one)
        ):
            todo.append(one.__context__)


def _is_in_except_of(caught: BaseException, error: BaseException) -> bool:
    """Tell whether the frame that caught an error, and raised another, is the learner's own."""
    catchers = {frame for frame, _ in walk_tb(caught.__traceback__)}
    common = [frame for frame, _ in walk_tb(error.__traceback__) if frame in catchers]
    return bool(common) and common[-1].f_globals.get("__name__") == "__main__"


def call(client: Any, *, with_topics: bool = True, **changes: Any) -> str:
    """Return the line that creates a client like this one again, with some settings changed.

    It has only settings that differ from the client's defaults, and none that may be secret.
    """
    kind = type(client)
    settings = {
        name: client.config[name]
        for name in _SHOWN
        if name in client.config and client.config[name] != kind.DEFAULT_CONFIG.get(name)
    }
    settings.update(changes)
    topics = sorted(getattr(getattr(client, "_subscription", None), "subscription", None) or ())
    words = [
        *map(repr, topics if with_topics else ()),
        *(f"{name}={value!r}" for name, value in settings.items()),
    ]
    return f"{kind.__name__}({', '.join(words)})"


_SHOWN = (
    *("bootstrap_servers", "group_id", "auto_offset_reset", "enable_auto_commit"),
    *("max_poll_records", "max_poll_interval_ms", "consumer_timeout_ms"),
)
