"""The ledger against a real topic: it reads on, sets bad records apart, explains a difference."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from kafka import KafkaProducer
from oracle import read_topic
from own_cluster import own_cluster

import labkit as lab
from labkit.checker.checker import check_pipeline
from labkit.consumer.poll_loop import consume
from labkit.core.config import load_config
from labkit.ledger.ledger import LedgerReader, carbon_ledger
from labkit.ledger.ledger_model import Stage
from labkit.producer.delivery_log import delivery_log_dir
from labkit.producer.send_loop import fleet_source, produce
from labkit.readings.pacing import Pace
from labkit.readings.reading import Reading, grams


def send(servers: str, topic: str, values: Iterable[bytes]) -> None:
    """Produce with a client of our own, of which the lab keeps no tally."""
    producer = KafkaProducer(bootstrap_servers=servers)
    for value in values:
        producer.send(topic, value=value)
    producer.flush(timeout=30)
    producer.close(timeout=10)


def some_readings(count: int, seed: int = 11) -> list[Reading]:
    stream = lab.Fleet(seed=seed).readings(datetime.now(UTC), readings_per_s=50.0)
    return [reading for reading in islice(stream, count) if isinstance(reading, Reading)]


def test_a_broker_that_goes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_cluster(tmp_path, brokers=1) as broker:
        topic = lab.ensure_topic("goes", num_partitions=1).name
        send(broker.bootstrap_servers, topic, [one.to_json() for one in some_readings(5)])
        # Of a cluster that is not its own, the lab only learns by asking.
        monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        with LedgerReader(topic, tmp_path / "data") as reader:
            assert reader.read().topic.records == 5
            broker.stop()
            for _ in range(2):  # a client that lost its broker, and one that finds none
                gone = reader.read()
                assert (gone.topic.records, gone.topic.note) == (None, "no broker answers")


def test_the_journey_in_steps(lab_dir: Path, topic: str, bootstrap_servers: str) -> None:
    stop = threading.Event()
    data_dir = lab_dir / "data"
    pace = Pace(0, 0.0)
    sent = produce(topic, fleet_source(pace, seed=3, faults=0.05), stop, count=400)
    assert sent.bad > 0
    with LedgerReader(topic, data_dir) as reader:
        before = reader.read()
        assert (before.emitted.records, before.topic.records) == (sent.emitted, sent.emitted)
        assert before.topic.grams == sent.acked_g
        assert before.bad_in_topic == sent.bad
        assert before.csv.records is None
        assert before.agrees

        consume(topic, f"{topic}-group", data_dir, stop, until_end=True)
        stored = reader.read()
        assert stored.agrees, stored.sentence
        assert stored.csv == stored.topic
        assert (stored.dead_letters, stored.lag) == (sent.bad, 0)
        assert stored.sentence.startswith("All four stages agree")

        produce(topic, fleet_source(pace, seed=4), stop, count=50)
        behind = reader.read()
        assert (behind.state, behind.lag) == ("on the way", 50)
        assert "no consumer is running" in behind.sentence
        assert behind.sentence.endswith(" Next: labkit consume")
        assert behind.topic.records == sent.emitted + 50

        consume(topic, f"{topic}-group", data_dir, stop, until_end=True)
        assert reader.read() == carbon_ledger(topic, data_dir), "reading on, and reading afresh"


def test_another_programs_records_are_told_from_doubled_ones(
    lab_dir: Path, topic: str, bootstrap_servers: str
) -> None:
    produce(topic, fleet_source(Pace(0, 0.0), seed=3), threading.Event(), count=20)
    others = some_readings(2)
    send(bootstrap_servers, topic, [reading.to_json() for reading in others])
    theirs = Stage(records=2, grams=sum(grams(one.co2_kg) for one in others))
    with LedgerReader(topic, lab_dir / "data") as reader:
        found = reader.read()
        assert found.agrees, found.sentence
        assert "In no delivery log of this lab: 2 readings (" in found.sentence
        assert found.foreign == theirs
        assert found.topic.grams == (found.acked.grams or 0) + (theirs.grams or 0)
        assert check_pipeline(topic, lab_dir / "data").unjournalled == 2

        # A record of the lab's own producer once more, as a retry without idempotence leaves it.
        (mine, *_) = (one for part in read_topic(bootstrap_servers, topic).values() for one in part)
        send(bootstrap_servers, topic, [mine.value])
        doubled = reader.read()
        assert (doubled.state, doubled.foreign) == ("phantom", theirs)
        assert doubled.sentence.startswith("1 reading (")
        assert check_pipeline(topic, lab_dir / "data").violations == {"doubled": 1}


def test_a_lost_delivery_log_makes_nobody_another_program(
    lab_dir: Path, topic: str, bootstrap_servers: str
) -> None:
    produce(topic, fleet_source(Pace(0, 0.0), seed=3), threading.Event(), count=20)
    whole = carbon_ledger(topic, lab_dir / "data")
    assert whole.topic_id
    (log_path,) = delivery_log_dir(whole.topic_id).glob("*.csv")
    kept = log_path.read_bytes()
    log_path.write_bytes(b"")  # as a power cut leaves it
    assert carbon_ledger(topic, lab_dir / "data") == whole
    log_path.unlink()
    assert carbon_ledger(topic, lab_dir / "data") == whole

    log_path.write_bytes(kept)
    for path in (load_config().state_dir / "tally" / whole.topic_id).iterdir():
        path.write_bytes(b"")
    assert carbon_ledger(topic, lab_dir / "data") == whole


def test_without_a_tally_the_rest_is_compared(
    lab_dir: Path, topic: str, bootstrap_servers: str
) -> None:
    others = some_readings(30)
    send(bootstrap_servers, topic, [reading.to_json() for reading in others] + [b"{", b""])
    consume(topic, f"{topic}-group", lab_dir / "data", threading.Event(), until_end=True)
    found = carbon_ledger(topic, lab_dir / "data")
    assert found.agrees, found.sentence
    assert (found.topic.records, found.bad_in_topic, found.dead_letters) == (30, 2, 2)
    assert found.emitted.note == "no producer of this lab has sent to it"


def test_a_topic_that_is_not_there(lab_dir: Path, bootstrap_servers: str) -> None:
    found = carbon_ledger("never-made", lab_dir / "data")
    assert found.topic.note == "the broker has no such topic"
    assert found.sentence.startswith("There is nothing to compare yet.")
    lab.ensure_topic("never-mode")
    misspelt = carbon_ledger("never-made", lab_dir / "data")
    assert misspelt.topic.note.endswith("did you mean 'never-mode'?")
    lab.delete_topic("never-mode")


def test_what_retention_has_deleted_is_not_called_lost(
    lab_dir: Path, topic: str, bootstrap_servers: str
) -> None:
    from kafka import KafkaAdminClient, TopicPartition

    stop = threading.Event()
    produce(topic, fleet_source(Pace(0, 0.0), seed=3), stop, count=60)
    consume(topic, f"{topic}-group", lab_dir / "data", stop, until_end=True)
    end = lab.describe_topic(topic).end_offsets[0]
    assert end
    client = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    client.delete_records({TopicPartition(topic, 0): end})
    client.close()
    found = carbon_ledger(topic, lab_dir / "data")
    assert found.agrees, found.sentence
    assert f"retention has deleted {end} records" in found.sentence
