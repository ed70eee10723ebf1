"""A broker's start, until the first topic is there, with Java's ahead-of-time cache and without.

Every start uses a new lab folder: it formats the broker's data, starts the supervisor and the
broker, and makes a topic. The jars, and our cache, are in a cache folder before it begins; the
peer's cache folder has the same jars, and none of Java's caches yet.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Bar, Figure, Scale, compare, seconds
from labkit.broker import aot_cache
from labkit.broker.broker import Broker, start_broker
from labkit.broker.install.kafka_jars import cache_dir, jar_dir, kafka_jars
from labkit.core.errors import LabError
from labkit.topics.topics import ensure_topic


def measure(scale: Scale) -> list[Figure]:
    """Return the seconds of both."""
    if not aot_cache.train(threading.Event()):
        raise LabError("Java made no ahead-of-time cache here", "labkit doctor")
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as untrained:
        Path(untrained, jar_dir().name).symlink_to(jar_dir())
        trained = str(cache_dir())
        return [
            compare(
                "broker start to first topic, warm",
                "s",
                lambda: start_s(trained, with_cache=True),
                "the same without Java's ahead-of-time cache",
                lambda: start_s(untrained, with_cache=False),
                rounds=scale.rounds,
                bar=Bar("≤", 0.55),
                warm_up=not scale.quick,
                note="a new lab each time: data folder, supervisor, broker, topic of 3 partitions",
            )
        ]


def start_s(cache: str, *, with_cache: bool) -> float:
    """Start a broker in a new lab, make a topic, and return how long that took."""
    started: list[Broker] = []

    def work() -> None:
        started.append(start_broker())
        topic = ensure_topic("co2-emissions", num_partitions=3)
        assert topic.num_partitions == 3, topic

    # The supervisor of a lab without a cache would begin to make one in the middle of this.
    with new_lab(LABKIT_CACHE_DIR=cache, LABKIT_AOT_CACHE="false"):
        assert bool(aot_cache.options(kafka_jars())) == with_cache
        try:
            return seconds(work)
        finally:
            for broker in started:
                broker.stop()


@contextmanager
def new_lab(**settings: str) -> Iterator[Path]:
    """Use a separate lab inside the block."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="bench-lab-") as folder:
        place = {"LABKIT_LAB_DIR": folder, "LABKIT_STATE_DIR": str(Path(folder) / ".labkit")}
        os.environ.update(place | settings)
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ.update(before)
