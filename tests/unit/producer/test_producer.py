"""The producer without a broker; with one, see tests/integration."""

import threading

import pytest

from labkit.core.errors import BrokerUnavailable, WorkerFailed
from labkit.core.run_files import read_run_files
from labkit.producer.producer import Producer, fleet_source, produce, start_producer
from labkit.readings.pacing import Pace, at_speed
from labkit.readings.replay import Replay


@pytest.fixture(autouse=True)
def nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", "127.0.0.1:1")


def test_without_a_broker_it_says_so_at_once():
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
        start_producer("t")
    assert read_run_files() == []


def test_a_failure_in_the_background_shows_and_is_raised():
    pace = Pace(20, 0.0)
    producer = Producer("t", fleet_source(pace), pace, None, "producer")
    assert producer.wait(30)
    assert "20 readings/s: failed: No broker answers" in repr(producer)
    assert producer.counts.records == 0
    with pytest.raises(WorkerFailed) as caught:
        producer.stop()
    assert isinstance(caught.value.__cause__, BrokerUnavailable)


def test_a_replay_has_no_rate(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("time,co2_kg\n2026-01-01,5\n", encoding="utf-8")
    producer = Producer("t", at_speed(Replay(path).readings(), 1.0), None, None, "producer")
    producer.wait(30)
    assert "a replay" in repr(producer)
    with pytest.raises(ValueError, match="speed of its file"):
        producer.readings_per_s = 5


def test_a_misspelt_setting_is_refused():
    pace = Pace(20, 0.0)
    producer = Producer("t", fleet_source(pace), pace, None, "producer")
    with pytest.raises(AttributeError, match="you can set readings_per_s"):
        producer.readings_per_second = 50
    producer.readings_per_s = 50
    assert pace.readings_per_s == 50
    producer.wait(30)


def test_a_count_is_at_least_one():
    with pytest.raises(ValueError, match="count must be 1 or more"):
        produce("t", iter(()), threading.Event(), count=0)
