"""The whole journey by a notebook's verbs: on the lab's own broker and the official image."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from oracle import assert_agrees, read_topic
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.core.config import dead_letter_topic
from labkit.sink.partition_status import read_progress

READINGS = 600


def test_from_the_chimney_to_the_api(
    any_bootstrap_servers: str, lab_dir: Path, topic_name: str
) -> None:
    lab.ensure_topic(topic_name, num_partitions=3)
    api = lab.start_api("data", topic=topic_name)
    lab.start_consumer(topic_name, group_id=topic_name, data_dir="data")
    producer = lab.start_producer(
        topic_name, readings_per_s=300, seed=11, count=READINGS, faults=0.03
    )
    assert producer.wait(PATIENCE_S)
    producer.stop()
    counts = producer.counts
    assert counts.bad > 0
    assert (counts.failed, counts.unknown) == (0, 0)

    wait_until_stored(topic_name, lab_dir / "data", READINGS)
    lab_ledger = lab.carbon_ledger(topic_name, "data")
    assert lab_ledger.agrees, lab_ledger.sentence
    stages = [
        lab_ledger.emitted,
        lab_ledger.acked,
        lab_ledger.topic,
        lab_ledger.csv,
        lab_ledger.served,
    ]
    assert {(stage.records, stage.grams) for stage in stages} == {
        (READINGS - counts.bad, counts.emitted_g)
    }
    with urllib.request.urlopen(f"{api.url}/api/summary") as answer:
        summary = json.load(answer)
    assert (summary["records"], summary["co2_g"]) == (READINGS - counts.bad, counts.emitted_g)

    lab.stop_all()
    assert_agrees(any_bootstrap_servers, topic_name, lab_dir / "data", bad=counts.bad)
    letters = read_topic(any_bootstrap_servers, dead_letter_topic(topic_name))
    assert sum(map(len, letters.values())) == counts.bad


def wait_until_stored(topic: str, data_dir: Path, records: int) -> None:
    """Wait until the consumer has dealt with all records: stored them or set them aside."""

    def done() -> int:
        return sum(one.rows + one.dead_letters for one in read_progress(data_dir, topic))

    wait_until(lambda: done() >= records, lambda: f"{done()} of {records} records")
