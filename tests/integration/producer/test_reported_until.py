"""A fleet that is started again goes on where its last readings in the topic end."""

import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from oracle import read_topic
from waiting import wait_until

import labkit as lab
from labkit.core.errors import BadReading
from labkit.producer.producer import start_producer
from labkit.producer.reported_until import reported_until
from labkit.readings.fleet import FIRST_INTERVAL_S
from labkit.readings.reading import Reading

pytestmark = pytest.mark.usefixtures("lab_dir")
CLOCK = 144
MILLISECOND = timedelta(milliseconds=1)


def readings_of(bootstrap_servers: str, topic: str) -> dict[str, list[Reading]]:
    """Return every plant's readings, in the order of the topic."""
    found = defaultdict(list)
    for records in read_topic(bootstrap_servers, topic).values():
        for record in records:
            reading = Reading.from_json(record.value, record.timestamp)
            found[reading.facility_id].append(reading)
    return found


def gaps_s(readings: list[Reading]) -> list[float]:
    """Return the seconds between two readings that none covers; below 0: covered twice."""
    return [
        (after.recorded_at - before.recorded_at).total_seconds() - after.interval_s
        for before, after in pairwise(readings)
    ]


def produce_for_a_while(topic: str, **options: float) -> None:
    """Run a producer until each plant has reported twice; then replace or stop it."""
    producer = start_producer(topic, readings_per_s=200, **options)
    wait_until(lambda: producer.counts.acked >= 60)


def kill_a_producer(topic: str) -> None:
    """Run a producer in another process, and kill that process while it sends."""
    script = (
        "import sys, time, labkit as lab\n"
        f"producer = lab.start_producer({topic!r}, readings_per_s=200)\n"
        "while producer.counts.acked < 60: time.sleep(0.01)\n"
        "print('sends', flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"sends\n"
        process.send_signal(signal.SIGKILL)


def test_no_second_is_reported_twice_however_a_producer_ends(bootstrap_servers, topic):
    """Replaced, stopped and started again, or killed: each plant's readings meet."""
    produce_for_a_while(topic)
    produce_for_a_while(topic)  # the first one is replaced while it runs
    lab.stop_all()
    if sys.platform != "win32":
        kill_a_producer(topic)
    produce_for_a_while(topic)
    lab.stop_all()
    found = readings_of(bootstrap_servers, topic)
    assert len(found) == 24
    for readings in found.values():
        assert len(readings) >= 8
        assert max(map(abs, gaps_s(readings))) < 0.002, [one.recorded_at for one in readings]


def test_after_a_long_break_a_plant_starts_again(bootstrap_servers, topic, monkeypatch):
    monkeypatch.setattr("labkit.producer.send_loop.BREAK_S", 0.0)
    produce_for_a_while(topic)
    produce_for_a_while(topic)
    first_seen = readings_of(bootstrap_servers, topic)
    assert {readings[0].interval_s for readings in first_seen.values()} == {FIRST_INTERVAL_S}


def test_a_simulated_day_goes_on_in_the_next_run(bootstrap_servers, topic):
    produce_for_a_while(topic, clock=CLOCK)
    first = start_producer(topic, readings_per_s=200, clock=CLOCK)
    wait_until(lambda: first.counts.acked >= 100)
    assert "144 times real time" in repr(first)
    assert first.clock.is_simulated
    lab.stop_all()
    for plant, readings in readings_of(bootstrap_servers, topic).items():
        times = [one.recorded_at for one in readings]
        assert times == sorted(set(times)), plant
        assert datetime.now(UTC) - times[-1] > timedelta(days=25)
        # Milliseconds are rounded, and the time between two runs is a moment.
        assert max(map(abs, gaps_s(readings))) < 0.002, (plant, readings)
        hours = (times[-1] - times[0]).total_seconds() / 3600
        assert 0 < hours < 12


def test_a_simulated_time_that_reaches_the_present_goes_on_in_real_time(bootstrap_servers, topic):
    produce_for_a_while(topic)  # in real time: the topic holds the present
    producer = start_producer(topic, readings_per_s=200, clock=CLOCK)
    wait_until(lambda: producer.counts.acked >= 60)
    assert not producer.clock.is_simulated
    assert "has reached the present" in repr(producer)
    lab.stop_all()
    for readings in readings_of(bootstrap_servers, topic).values():
        assert readings[-1].recorded_at <= datetime.now(UTC)
        assert min(gaps_s(readings)) > -0.002


def test_records_that_are_no_readings_are_passed_over(bootstrap_servers, topic):
    assert reported_until(topic) == {}
    start_producer(topic, readings_per_s=0, count=2_000, faults=0.3).wait(60)
    lab.stop_all()
    found = reported_until(topic)
    assert len(found) == 24
    newest: dict[str, datetime] = {}
    for records in read_topic(bootstrap_servers, topic).values():
        for record in records:
            with suppress(BadReading):
                reading = Reading.from_json(record.value, record.timestamp)
                newest[reading.facility_id] = reading.recorded_at
    assert found == newest
