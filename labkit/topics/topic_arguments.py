"""What a topic may be asked for: the types and ranges of arguments, before anything is sent.

The client packs numbers into the request's bytes, and what is not a number fails deep inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real

from labkit.core.errors import TopicRefused

MOST_PARTITIONS = 10_000
"""Kafka's controller creates no more partitions in one request."""
MOST_REPLICAS = 32_767
"""The request has 16 bits for them."""


def refuse_wrong_arguments(
    call: str,
    name: object,
    num_partitions: object = None,
    replication_factor: object = None,
    config: object = None,
) -> None:
    """Raise `TopicRefused` for arguments that no cluster takes.

    Parameters
    ----------
    call : str
        The function that was given them, such as ``ensure_topic``; it is in the next line.
    name, num_partitions, replication_factor, config : object
        The arguments; None is a default.
    """
    if not isinstance(name, str):
        msg = f"a topic's name is text, not {name!r}"
        raise TopicRefused(msg, f'lab.{call}("co2-emissions")')
    _refuse_wrong_number(call, name, "num_partitions", num_partitions, MOST_PARTITIONS)
    _refuse_wrong_number(call, name, "replication_factor", replication_factor, MOST_REPLICAS)
    example = f'lab.{call}({name!r}, config={{"retention.ms": 3_600_000}})'
    if config is not None and not isinstance(config, Mapping):
        msg = f"config must be a dictionary of settings and their values, not {config!r}"
        raise TopicRefused(msg, example)
    for key, value in (config or {}).items():
        if not isinstance(key, str):
            raise TopicRefused(f"a setting's name is text, not {key!r}", example)
        is_reset = value is None and call == "alter_topic"
        if not (isinstance(value, str | Real) or is_reset):
            msg = f"the value of {key!r} must be text, a number, True or False, not {value!r}"
            raise TopicRefused(msg, example)


def _refuse_wrong_number(call: str, name: str, what: str, value: object, most: int) -> None:
    if isinstance(value, Mapping):
        msg = f"the argument {what} must be a whole number; a dictionary of settings is the config"
        raise TopicRefused(msg, f"lab.{call}({name!r}, config={dict(value)!r})")
    if value is None:
        return
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_whole or not 1 <= int(value) <= most:  # type: ignore[call-overload]
        msg = f"the argument {what} must be a whole number from 1 to {most:,}, not {value!r}"
        raise TopicRefused(msg, f"lab.{call}({name!r}, {what}={_whole(value, most)})")


def _whole(value: object, most: int) -> int:
    """Return the number that a refused one most likely means: 3 for "3" and for 3.0."""
    try:
        return min(max(int(value), 1), most)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 1
