"""Problems with the client: the wrong package, a poison pill, a lost group, a long wait."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from labkit.core.similar_names import similar_name
from labkit.diagnostics import known_problems
from labkit.diagnostics.error_card.traceback_reader import Trace, call
from labkit.diagnostics.known_problems import Answer, other_clients, version_of

DEFAULT_POLL_INTERVAL_MS = 300_000
SPIN_MS = 2_000
"""A poll that overruns its timeout by this much does not wait: it spins."""
GONE = {"NoBrokersAvailable": "KafkaTimeoutError"}
"""Names of kafka-python 2 that web pages still use, and those of version 3."""


def wrong_client(trace: Trace) -> Answer | None:
    """Answer an import that finds no kafka, another kafka, or lacks a name."""
    error = trace.error
    if isinstance(error, SyntaxError):
        is_theirs = "kafka" in Path(error.filename or "").parts[-4:-1]
        return _reinstall() if is_theirs else None
    if isinstance(error, AttributeError):
        module = getattr(error, "obj", None)
        is_theirs = isinstance(module, ModuleType) and _is_kafka(module.__name__)
        return _gone(str(error.name), module.__name__) if is_theirs and module else None
    if not isinstance(error, ImportError) or not _is_kafka(error.name or ""):
        return None
    if error.name == "kafka" and isinstance(error, ModuleNotFoundError):
        return known_problems.WRONG_CLIENT.answer(
            f"This kernel's Python, {sys.executable}, has no kafka-python: it was installed into "
            "another one.",
        )
    # Python has the name in `name_from` since 3.12; in 3.11 only in the message.
    said = re.search(r"cannot import name '(\w+)'", str(error))
    return _shadow() or _gone(said[1] if said else "", str(error.name))


def _is_kafka(module: str) -> bool:
    return module.partition(".")[0] == "kafka"


def _shadow() -> Answer | None:
    """Answer what hides kafka-python; None if `kafka` is kafka-python 3."""
    found = find_spec("kafka")
    place = Path(found.origin) if found and found.origin else None
    if place is not None and place.name == "kafka.py":
        return known_problems.WRONG_CLIENT.answer(
            f"`import kafka` finds your own file {place}, and not kafka-python.",
            f"import os; os.rename({str(place)!r}, {str(place.with_name('my_kafka.py'))!r})   "
            "(then restart the kernel)",
        )
    version = version_of("kafka-python")
    return _reinstall() if other_clients() or not (version or "").startswith("3.") else None


def _reinstall() -> Answer:
    found = [f"{name} {version_of(name)}" for name in other_clients()]
    older = version_of("kafka-python")
    what = " and ".join(found) or (f"kafka-python {older}" if older else "another package")
    remove = f"%pip uninstall -y {' '.join(other_clients())}\n" if other_clients() else ""
    return known_problems.WRONG_CLIENT.answer(
        f"`import kafka` is {what} here; this needs kafka-python 3.0.12 or newer.",
        f"{remove}{known_problems.WRONG_CLIENT.next_line}",
    )


def _gone(name: str, module: str) -> Answer:
    version = version_of("kafka-python")
    said = f"kafka-python {version} has no {name or module!r} "
    if name in GONE:
        return known_problems.WRONG_CLIENT.answer(
            f"kafka-python {version} has no {name} any more: a client that finds nobody raises "
            f"{GONE[name]}.",
            f"from {module} import {GONE[name]}",
        )
    there = dir(sys.modules[module]) if module in sys.modules else []
    if near := similar_name(name, there):
        return known_problems.WRONG_CLIENT.answer(
            f"{said}in {module}. Did you mean {near}?", f"from {module} import {near}"
        )
    return known_problems.WRONG_CLIENT.answer(
        f"{said}(any more): what you read was written for another version.",
        "import kafka; help(kafka)",
    )


def unknown_setting(trace: Trace) -> Answer | None:
    """Answer a setting that this version of the client does not have."""
    said = str(trace.error)
    if "Unrecognized configs: " not in said or not trace.passed("kafka", "__init__"):
        return None
    client = trace.client
    if client is None:
        return None
    named = said.partition("Unrecognized configs: ")[2]
    words = [one.strip(" '\"{}()[]") for one in named.replace(":", ",").split(",")]
    known = list(type(client).DEFAULT_CONFIG)
    near = [match for word in words if (match := similar_name(word, known))]
    return known_problems.WRONG_CLIENT.answer(
        f"kafka-python {version_of('kafka-python')} has no such setting: {named}"
        + (f". Did you mean {near[0]}?" if near else "; other versions had."),
        f"sorted({type(client).__name__}.DEFAULT_CONFIG)   (all that it takes)",
    )


def poison_pill(trace: Trace) -> Answer | None:
    """Answer bytes that cannot be decoded, by a deserializer or in the learner's loop."""
    error = trace.error
    if trace.passed("kafka.consumer.fetcher", "_deserialize") and not trace.is_kafka_error:
        return _rebuild(trace, f"A record of {trace.local('topic', 'kafka.consumer.fetcher')!r} is")
    if isinstance(error, TypeError) and trace.passed("kafka.producer"):
        return _not_bytes(trace)
    record = _record(trace)
    if record is None:
        return None
    place = f"partition {record.partition}, offset {record.offset} of {record.topic!r}"
    is_none = record.value is None and "NoneType" in str(error)
    if is_none and isinstance(error, (TypeError, AttributeError)):
        return known_problems.POISON_PILL.answer(
            f"The record at {place} has no value: a tombstone, which deletes its key from a "
            "compacted topic.",
            "if record.value is None: continue   (first in your loop)",
        )
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)) and _is_its_value(
        error, record.value
    ):
        return known_problems.POISON_PILL.answer(
            f"The value at {place} is not what your loop expects; set it aside, and go on.",
            f"producer.send({record.topic + '.dlq'!r}, record.value, key=record.key)   "
            "(in an `except ValueError`)",
        )
    return None


def _record(trace: Trace) -> Any:
    """Return the record that the learner's own code was handling when it failed."""
    for frame in reversed(trace.frames):
        for name in frame.f_code.co_names + frame.f_code.co_varnames:
            value = frame.f_locals.get(name)
            if type(value).__name__ == "ConsumerRecord":
                return value
    return None


def _is_its_value(error: ValueError, value: Any) -> bool:
    seen = getattr(error, "doc", None) or getattr(error, "object", None)
    if isinstance(value, bytes) and isinstance(seen, str):
        return value.decode(errors="replace") == seen
    return bool(value == seen)


def _rebuild(trace: Trace, subject: str) -> Answer:
    consumer = trace.client
    name = trace.name_of(consumer) or "consumer"
    made = call(consumer) if consumer is not None else "KafkaConsumer(topic)"
    return known_problems.POISON_PILL.answer(
        f"{subject} not what `value_deserializer` expects, and the next `poll()` would spin on it "
        "without end: read bytes, and decode them in your own loop.",
        f"{name}.close(); {name} = {made}",
    )


def _not_bytes(trace: Trace) -> Answer | None:
    said = str(trace.error)
    if not said.startswith("Unsupported type for serialized "):
        return None
    what = "key" if "serialized key" in said else "value"
    thing = trace.local(what, "kafka.producer")
    encoded = f"{what}.encode()" if isinstance(thing, str) else f"json.dumps({what}).encode()"
    name = trace.name_of(trace.client) or "producer"
    rest = f"value, key={encoded}" if what == "key" else encoded
    return Answer(
        None,
        f"Kafka stores bytes, and this {what} is a {type(thing).__name__}: the producer does not "
        "guess how to write it.",
        f"{name}.send({trace.local('topic', 'kafka.producer')!r}, {rest})",
    )


def commit_failed(trace: Trace) -> Answer | None:
    """Answer a commit after the consumer had left its group."""
    if not trace.is_a("CommitFailedError", "IllegalGenerationError", "UnknownMemberIdError"):
        return None
    consumer = trace.client
    if type(consumer).__name__ != "KafkaConsumer":
        return known_problems.COMMIT_FAILED.answer()
    name = trace.name_of(consumer) or "consumer"
    if not getattr(consumer._coordinator, "_joined_subscription", True):
        return known_problems.COMMIT_FAILED.answer(
            "This consumer subscribes to a topic, and is not in its group yet: it joins in "
            "`poll()`. To commit without reading, make a consumer without the topic.",
            f"{name}.close(autocommit=False); {name} = {call(consumer, with_topics=False)}",
        )
    interval_ms = consumer.config["max_poll_interval_ms"]
    changes = {"max_poll_records": max(1, consumer.config["max_poll_records"] // 10)}
    if interval_ms < DEFAULT_POLL_INTERVAL_MS:
        changes["max_poll_interval_ms"] = DEFAULT_POLL_INTERVAL_MS
    return known_problems.COMMIT_FAILED.answer(
        "This consumer was out of its group when it committed: most often, because more than "
        f"max_poll_interval_ms = {interval_ms:,} ms passed between two polls. Take fewer records "
        "at a time.",
        f"{name}.close(autocommit=False); {name} = {call(consumer, **changes)}",
    )


def interrupted(trace: Trace) -> Answer | None:
    """Answer the interruption of a waiting consumer."""
    consumer = trace.client
    if type(consumer).__name__ != "KafkaConsumer" or not trace.is_interrupted_client:
        return None
    asked_ms = trace.local("timeout_ms", "kafka.consumer.group")
    is_loop = trace.passed("kafka.consumer.group", "__next__")
    spins = asked_ms is not None and trace.took_s * 1000 > asked_ms + SPIN_MS
    if spins and not is_loop and consumer.config["value_deserializer"] is not None:
        return _rebuild(trace, f"This poll was to end after {asked_ms:,} ms: a record is")
    name = trace.name_of(consumer) or "consumer"
    if is_loop and consumer.config["consumer_timeout_ms"] == float("inf"):
        return known_problems.HANGS.answer(
            "You interrupted a loop over a consumer: it waits for records without end, unless "
            "consumer_timeout_ms is set.",
            f"{name}.close(); {name} = {call(consumer, consumer_timeout_ms=5_000)}",
        )
    topics = sorted(getattr(consumer._subscription, "subscription", None) or ("...",))
    words = [f"topic={topics[0]!r}"]
    if consumer.config["group_id"]:
        words.append(f"group_id={consumer.config['group_id']!r}")
    return known_problems.SEES_NOTHING.answer(
        "You interrupted a poll that waited for records. If none came before, the doctor sees why.",
        f"lab.doctor({', '.join(words)})",
    )
