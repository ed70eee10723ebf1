"""Mistakes in how a client or a reading is used: each has one right way, which the answer shows."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import re
from typing import Any

from labkit.core.errors import TopicNotFound
from labkit.core.similar_names import similar_name
from labkit.core.wording import sentence
from labkit.diagnostics.error_card.traceback_reader import Trace, call
from labkit.diagnostics.known_problems import Answer

CODEC_PACKAGES = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}


def unassigned_partition(trace: Trace) -> Answer | None:
    """Answer a seek in a partition that the consumer does not read."""
    consumer, said = trace.client, str(trace.error)
    is_theirs = isinstance(trace.error, ValueError) and trace.passed("kafka.consumer")
    if not is_theirs or not said.startswith("Unassigned partition") or consumer is None:
        return None
    asked = re.search(r"partition=(\d+)", said)
    one = trace.local("partition", "kafka.consumer")
    number = asked[1] if asked else getattr(one, "partition", "")
    held = sorted(consumer.assignment())
    has = ", ".join(f"partition {one.partition} of {one.topic!r}" for one in held)
    name = trace.name_of(consumer) or "consumer"
    return Answer(
        None,
        f"Partition {number} is not assigned to this consumer, so it has no position in it. It "
        f"has {has or 'no partition yet: with subscribe(), they come with the first poll()'}. "
        "`assign()` takes a list of all the partitions that you want to read.",
        f"{name}.assignment()" if held else f"{name}.poll(timeout_ms=5_000); {name}.assignment()",
    )


def missing_codec(trace: Trace) -> Answer | None:
    """Answer a compression whose library is not installed."""
    said = re.search(r"Libraries for (\w+) compression codec not found", str(trace.error))
    if said is None or not trace.passed("kafka"):
        return None
    package = CODEC_PACKAGES.get(said[1], said[1])
    return Answer(
        None,
        f"compression_type={said[1]!r} needs the package {package}, which is not installed here. "
        "Every consumer of the topic needs it too. `gzip` needs none.",
        f"%pip install {package}   (then restart the kernel)",
    )


def too_large(trace: Trace) -> Answer | None:
    """Answer a record, or a batch, that is larger than a limit."""
    if not trace.is_a("MessageSizeTooLargeError", "RecordListTooLargeError"):
        return None
    client = trace.client
    limit = client.config.get("max_request_size") if client is not None else None
    if limit is not None and trace.passed("kafka.producer", "_ensure_valid_record_size"):
        return Answer(
            None,
            f"This record is larger than the producer's `max_request_size`, {limit:,} bytes, so it "
            "was not sent. Kafka is made for small records: send less, or compress the value.",
            "len(value)",
        )
    topic = _topic_of_future(trace)
    whose = f"of {topic!r}" if topic else "of its topic"
    limit_bytes = _max_message_bytes(topic) if topic else 0
    limit = f", {limit_bytes:,} bytes" if limit_bytes else ""
    more = {"max.message.bytes": max(2 * limit_bytes, 2_000_000)}
    return Answer(
        None,
        f"The broker refuses a batch that is larger than `max.message.bytes` {whose}{limit}. Kafka "
        "is made for small records; a limit can be raised per topic. After such a refusal, an "
        "idempotent producer (the default) sends nothing more.",
        f"lab.alter_topic({topic!r}, config={more})   (then make a new producer)"
        if topic
        else f"lab.alter_topic(topic, config={more})   (with the name of its topic)",
    )


def _topic_of_future(trace: Trace) -> str:
    """Return the topic of the record whose future failed; empty if it is not known."""
    result = getattr(trace.local("self", "kafka.producer"), "_produce_future", None)
    return str(getattr(getattr(result, "topic_partition", None), "topic", ""))


def _max_message_bytes(topic: str) -> int:
    """Return the limit of a topic, as the cluster says it; 0 if it does not."""
    from labkit.topics.topic_metadata import cluster, read_configs

    with contextlib.suppress(Exception), cluster() as client:
        return int(read_configs(client, [topic], "all")[topic]["max.message.bytes"] or 0)
    return 0


def frozen_reading(trace: Trace) -> Answer | None:
    """Answer an assignment to a field of a reading."""
    error: Any = trace.error
    if type(error).__name__ != "ValidationError" or not type(error).__module__.startswith(
        "pydantic"
    ):
        return None
    found = error.errors()[0]
    if found["type"] != "frozen_instance":
        return None
    field = str(found["loc"][0])
    return Answer(
        None,
        "A reading does not change once it is made, so that nobody alters one on its way. Make a "
        "copy with the new value.",
        f'reading.model_copy(update={{"{field}": {found["input"]!r}}})',
    )


def unknown_name(trace: Trace) -> Answer | None:
    """Answer a name that no cell has given a value: most often, a cell above was not run."""
    error = trace.error
    if type(error) is not NameError or not error.name or not trace.frames:
        return None
    frame = trace.frames[-1]
    if frame.f_globals.get("__name__") != "__main__":  # a bug of a library is not the learner's
        return None
    said = f"No cell has given `{error.name}` a value since the kernel started"
    if quoted := _with_quotation_marks(error.name, trace.last_line):
        return Answer(None, f"{said}. Text needs quotation marks.", quoted)
    is_called = re.search(rf"\b{error.name}\(", trace.last_line)
    known = {
        *(one for one in (*frame.f_globals, *frame.f_locals) if not one.startswith("_")),
        *(one for one in dir(builtins) if is_called or one.lower() == error.name.lower()),
    }
    if meant := similar_name(error.name, known):
        line = re.sub(rf"\b{error.name}\b", meant, trace.last_line)
        is_whole = _is_statement(line)  # and not a part of one that has several lines
        return Answer(None, f"{said}. Did you mean `{meant}`?", line if is_whole else meant)
    return Answer(
        None,
        f"{said}: run the cells above.",
        "Run > Run All Above Selected Cell   (in JupyterLab's menu)",
    )


def _with_quotation_marks(name: str, line: str) -> str:
    """Return a line in which a name is meant as text, with the quotation marks; else nothing.

    That is the argument of `predict`, the key of a dictionary, and a word with two hyphens or more:
    with one, it may be a difference.
    """
    for meant in (
        rf"(\.predict\(\s*)({name})(?=\s*\))",
        rf"([{{,]\s*)({name})(?=\s*:)",
        rf"(=\s*)(?=[\w.-]*\b{name}\b)([\w.]+(?:-[\w.]+){{2,}})$",
    ):
        quoted, found = re.subn(meant, lambda one: f"{one[1]}{one[2]!r}", line)
        if found and _is_statement(quoted):
            return quoted
    return ""


def _is_statement(line: str) -> bool:
    try:
        compile(line, "<line>", "exec")
    except SyntaxError:
        return False
    return True


def unknown_argument(trace: Trace) -> Answer | None:
    """Answer an argument that a function of the lab does not have."""
    said = re.match(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(trace.error))
    if said is None or not isinstance(trace.error, TypeError):
        return None
    import labkit

    function, name = said.groups()
    if function not in labkit.__all__ or not re.search(rf"\b{function}\(", trace.last_line):
        return None
    known = list(inspect.signature(getattr(labkit, function)).parameters)
    within = [one for one in known if name in one.split("_") or f"_{name}" in one]
    if meant := similar_name(name, known) or next(iter(within), ""):
        line, found = re.subn(rf"\b{name}(?=\s*=)", meant, trace.last_line)
        return Answer(
            None,
            f"`lab.{function}` has no argument `{name}`. Did you mean `{meant}`?",
            line if found and _is_statement(line) else f"lab.{function}(..., {meant}=...)",
        )
    if "config" in known and "_" in name:
        setting = name.replace("_", ".")
        return Answer(
            None,
            f"`lab.{function}` has no argument `{name}`. A setting of the topic is in its config.",
            f'lab.{function}(..., config={{"{setting}": ...}})',
        )
    return Answer(
        None,
        f"`lab.{function}` has no argument `{name}`; it has {', '.join(known)}.",
        f"lab.{function}?",
    )


def empty_iterator(trace: Trace) -> Answer | None:
    """Answer ``next(consumer)`` when no record came."""
    consumer = trace.client
    if not isinstance(trace.error, StopIteration) or type(consumer).__name__ != "KafkaConsumer":
        return None
    if missing := missing_topic(consumer, trace):
        return missing
    config = consumer.config
    where = _where_it_stands(consumer)
    if config["auto_offset_reset"] == "latest":
        where += " Without a committed offset, this consumer starts at the end of the log."
    return Answer(
        None,
        f"No record came within consumer_timeout_ms = {config['consumer_timeout_ms']:,} ms, so the "
        f"iterator ended. {where}",
        _doctor_line(consumer),
    )


def _where_it_stands(consumer: Any) -> str:
    """Return what a consumer without a record waits for: it was asked itself, where it can tell."""
    with contextlib.suppress(Exception):
        held = sorted(consumer.assignment())
        if not held:
            return "It has no partition yet."
        ends = consumer.end_offsets(held)
        ahead = [one for one in held if consumer.position(one) < ends[one]]
        if ahead:
            first = ahead[0]
            return (
                f"In partition {first.partition} it is at offset {consumer.position(first)}, and "
                f"the log ends at {ends[first]}: it was not given enough time."
            )
        places = ", ".join(f"{consumer.position(one)} in partition {one.partition}" for one in held)
        return f"It is at the end of the log already: offset {places}."
    return "Everything may have been read already."


def closed_client(trace: Trace) -> Answer | None:
    """Answer a call of a client that was closed."""
    client, said = trace.client, str(trace.error)
    if not getattr(client, "_closed", False) or "closed" not in said:
        return None
    name, kind = trace.name_of(client) or "client", type(client).__name__
    return Answer(
        None,
        f"This {kind} is closed, by `close()` or at the end of its `with` block. A closed client "
        "cannot be opened again: make a new one.",
        f"{name} = {call(client)}",
    )


def _doctor_line(consumer: Any) -> str:
    words = [f"topic={topic!r}" for topic in sorted(topics_of(consumer))[:1]]
    if consumer.config["group_id"]:
        words.append(f"group_id={consumer.config['group_id']!r}")
    return f"lab.doctor({', '.join(words)})"


def topics_of(consumer: Any) -> set[str]:
    """Return the topics that a consumer reads, by `subscribe` or by `assign`."""
    assigned = {one.topic for one in consumer.assignment()}
    return assigned | set(consumer.subscription() or ())


def missing_topic(consumer: Any, trace: Trace | None = None) -> Answer | None:
    """Answer a consumer of a topic that does not exist: it gets no error, and no records.

    What the client knows already is looked at first; only then is the cluster asked.
    """
    with contextlib.suppress(Exception):
        unknown = [
            topic
            for topic in sorted(topics_of(consumer))
            if not consumer._cluster.partitions_for_topic(topic)
        ]
        if unknown:
            names = consumer.topics()
            for topic in unknown:
                if topic not in names:
                    return no_topic(TopicNotFound.named(topic, names), trace)
    return None


def no_topic(error: TopicNotFound, trace: Trace | None = None) -> Answer:
    """Answer a name that no topic has; a misspelt one is corrected in the learner's own line."""
    said = sentence(error.what)
    line = trace.own_line if trace is not None else ""
    if error.similar and line.count(error.topic) == 1:
        return Answer(None, said, line.replace(error.topic, error.similar))
    return Answer(None, said, error.next_line)
