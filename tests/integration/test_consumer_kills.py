"""A consumer that is killed with kill -9 at any moment loses nothing and doubles nothing.

Five kills by default; ``LABKIT_TEST_KILLS=20`` does as many as you like, ``LABKIT_TEST_SEED`` sets
the moments.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oracle import assert_agrees, read_csv

import labkit as lab
from labkit.consumer import Consumer, consume
from labkit.progress import read_progress
from labkit.sink import CsvLog

KILLS = int(os.environ.get("LABKIT_TEST_KILLS", "5"))
SEED = int(os.environ.get("LABKIT_TEST_SEED", random.SystemRandom().randrange(10**6)))
READINGS_PER_S = 500
PATIENCE_S = 60.0


def bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.csv"))


@contextmanager
def victim(name: str, topic: str, data_dir: Path) -> Iterator[Consumer]:
    """Run a consumer, and kill it at the end, whatever it is at."""
    consumer = Consumer(name, topic, "kills", data_dir)
    try:
        yield consumer
    finally:
        consumer.process.kill()
        consumer.wait()
        assert consumer.process.stdin is not None
        consumer.process.stdin.close()


def test_kill_9_at_random_moments(bootstrap_servers: str, topic: str, tmp_path: Path) -> None:
    print(f"seed {SEED}: LABKIT_TEST_SEED={SEED} LABKIT_TEST_KILLS={KILLS} does it again")
    dice = random.Random(SEED)
    producer = lab.start_producer(topic, READINGS_PER_S, seed=SEED, faults=0.01, name="killed-run")
    moments = []
    try:
        for number in range(KILLS):
            with victim(f"victim-{number}", topic, tmp_path) as consumer:
                before = bytes_on_disk(tmp_path / topic)
                if dice.random() < 0.8:  # mostly while it writes, sometimes while it starts
                    deadline = time.monotonic() + PATIENCE_S
                    while bytes_on_disk(tmp_path / topic) == before:
                        assert consumer.is_running, consumer.state
                        assert time.monotonic() < deadline, f"{consumer} {consumer.last_words()}"
                        time.sleep(0.01)
                moments.append(round(dice.uniform(0, 1.2), 3))
                time.sleep(moments[-1])
    finally:
        producer.stop()

    topic_now = lab.describe_topic(topic)
    cut = {}
    for number in range(3):
        with CsvLog(
            tmp_path,
            topic,
            number,
            topic_id=topic_now.topic_id,
            cluster_id=topic_now.cluster_id,
        ) as log:
            cut[number] = log.cut_bytes
    counts = consume(topic, "kills", tmp_path, threading.Event(), until_end=True)

    bad = producer.counts.bad_acked
    records = assert_agrees(bootstrap_servers, topic, tmp_path, bad=bad)
    total = sum(map(len, records.values()))
    assert total == producer.counts.acked + bad
    stored = sum(len(read_csv(tmp_path / topic, number)) for number in records)
    assert stored == total
    assert sum(one.grams for one in read_progress(tmp_path, topic)) == producer.counts.acked_g
    print(
        f"{KILLS} kills at {moments} s: {total} records, 0 lost, 0 doubled; "
        f"{counts.rows} of them stored after the last kill; torn bytes then {cut}"
    )
