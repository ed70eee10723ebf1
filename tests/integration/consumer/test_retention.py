"""Retention of the lab's files on a real broker: what is removed stays counted at every stage."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import labkit as lab
from labkit.api.app import Api
from labkit.consumer.poll_loop import consume
from labkit.producer.delivery_log import delivery_log_dir
from labkit.producer.send_loop import fleet_source, produce
from labkit.readings.pacing import Pace
from labkit.sink.segment_files import first_offset, segments
from labkit.topics.topics import describe_topic

SEED = int(os.environ["LABKIT_TEST_SEED"])  # conftest.py chooses one
ROUNDS = 5
RECORDS = 400  # in each round


def ask(api: Api, path: str) -> Any:
    with urllib.request.urlopen(f"{api.url}/{path}") as answer:
        return json.load(answer)


def test_removed_files_stay_counted_from_the_consumer_to_the_checker(
    lab_dir: Path, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_SEGMENT_BYTES", "10000")
    monkeypatch.setenv("LABKIT_RETENTION_BYTES", "40000")
    print(f"seed {SEED}: LABKIT_TEST_SEED={SEED} does it again")
    topic_id = describe_topic(topic).topic_id
    data_dir, stop = lab_dir / "data", threading.Event()
    api = lab.start_api(data_dir, port=0, topic=topic)
    rows = grams = 0
    for number in range(ROUNDS):
        source = fleet_source(Pace(0, 0.0), seed=SEED + number, faults=0.02)
        sent = produce(topic, source, stop, count=RECORDS)
        consume(topic, "retention", data_dir, stop, until_end=True)
        rows, grams = rows + sent.acked, grams + sent.acked_g

        ledger = lab.carbon_ledger(topic, data_dir)
        assert ledger.agrees, str(ledger)
        assert (ledger.csv.records, ledger.csv.grams) == (rows, grams)
        assert (ledger.served.records, ledger.served.grams) == (rows, grams)
        from_files = ask(api, "api/ledger")
        assert from_files["agrees"], from_files["sentence"]
        assert {one["co2_g"] for one in from_files["stages"] if one["co2_g"]} == {grams}

        verdict = lab.check_pipeline(topic, data_dir)
        assert verdict.holds, str(verdict)
        assert sum(one.records for one in verdict.partitions) == (number + 1) * RECORDS

    folder = data_dir / topic
    starts = {number: first_offset(segments(folder, number)[0]) for number in range(3)}
    assert all(starts.values()), "files of each partition were removed"
    assert sum(one.removed for one in verdict.partitions) == sum(starts.values())
    assert "removed by retention" in ledger.csv.note
    shown = ask(api, "api/summary")
    assert shown["records"] + shown["removed_records"] == rows
    oldest = ask(api, "api/readings?after=&limit=1")["readings"][0]
    assert oldest["offset"] >= starts[oldest["partition"]]
    assert 1 <= len(list(delivery_log_dir(topic_id).glob("*.csv"))) < ROUNDS
    assert (verdict.unjournalled, verdict.log_removed > 0) == (0, True)
