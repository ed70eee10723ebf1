"""Programs that lessons run as child processes, because they end as in a crash.

`os._exit` ends a process without any cleanup, the same on Windows, macOS and Linux; to Kafka it
looks like ``kill -9``. It would also end a notebook's kernel, hence the child process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.config import load_config
from labkit.exercises.engine.experiments import fresh_topic
from labkit.topics.topics import describe_topic

CHILD_S = 60.0

SENDER = """\
import os, sys
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=sys.argv[1], linger_ms=5000)
for plant in range(24):
    producer.send(sys.argv[2], key=b"PLANT-%03d" % plant, value=b"a reading")
"""
"""Sends 24 records (arguments: address, topic); how it ends is the line that follows."""

STORER = """\
import os, sys
from kafka import KafkaConsumer, TopicPartition

servers, topic, path, end_after = sys.argv[1:]
consumer = KafkaConsumer(bootstrap_servers=servers, group_id=topic,
                         enable_auto_commit=False, auto_offset_reset="earliest",
                         consumer_timeout_ms=20_000)
place = TopicPartition(topic, 0)
consumer.assign([place])
end = consumer.end_offsets([place])[place]
with open(path, "a", buffering=1) as csv:
    for number, record in enumerate(consumer, 1):
        print(record.offset, record.value.decode(), sep=",", file=csv)
        if number % 100 == 0:
            consumer.commit()
        if number == int(end_after):
            os._exit(1)
        if record.offset == end - 1:
            break
"""
"""Stores lines, and commits after each hundredth (address, topic, CSV, after how many it dies)."""


def run_sender(topic: str, last_line: str) -> int:
    """Run `SENDER` with one line more at its end; return how many records its topic holds then.

    Raises
    ------
    subprocess.CalledProcessError
        The program has failed.
    """
    fresh_topic(topic, num_partitions=3)
    command = [sys.executable, "-P", "-c", SENDER + last_line, bootstrap_servers(), topic]
    subprocess.run(command, check=True, timeout=CHILD_S)
    return describe_topic(topic).records or 0


def run_storer(topic: str, end_after: Sequence[int]) -> Path:
    """Run `STORER` several times, one after the other, into a new CSV; return its path.

    Parameters
    ----------
    topic : str
        What to store; it needs one partition.
    end_after : sequence of int
        Of each run, after how many records it dies. It ends by itself at the end of the topic.
    """
    path = stored_csv(topic)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    for number in end_after:
        arguments = [bootstrap_servers(), topic, str(path), str(number)]
        command = [sys.executable, "-P", "-c", STORER, *arguments]
        subprocess.run(command, check=False, timeout=CHILD_S)
    return path


def stored_csv(topic: str) -> Path:
    """Return the CSV that `run_storer` writes of a topic."""
    return load_config().data_path("data/lesson04c") / f"{topic}.csv"
