"""Only committed records are stored, and the lag does not count the markers of transactions."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty import a_consumer, drain, readings, stored
from kafka import KafkaProducer
from waiting import wait_until

import labkit as lab
from labkit.consumer import poll_loop
from labkit.readings.reading import Reading
from labkit.sink.csv_row import decode_row
from labkit.sink.partition_status import read_progress
from labkit.topics.offsets_watch import OffsetsWatch


def ids(data_dir: Path, topic: str) -> list[str]:
    """Return the ids of the stored readings of partition 0, in their order."""
    lines = (data_dir / topic / "0.csv").read_bytes().splitlines(keepends=True)[1:]
    rows = map(decode_row, lines)
    return [row.reading.reading_id for row in rows if row.reading is not None]


def lag(data_dir: Path, topic: str) -> int | None:
    found = [status.lag for status in read_progress(data_dir, topic)]
    return found[0] if found else None


@pytest.mark.parametrize("fast", [True, False])
def test_aborted_records_are_stored_nowhere(
    bootstrap_servers: str,
    topic_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fast: bool,
) -> None:
    monkeypatch.setattr(poll_loop, "FAST", fast)
    lab.ensure_topic(topic_name, num_partitions=1)
    plain = KafkaProducer(bootstrap_servers=bootstrap_servers)
    transactional = KafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=topic_name)
    transactional.init_transactions()
    committed = []
    sent = iter(readings(150))
    for number in range(50):
        is_kept = number % 2 == 0
        transactional.begin_transaction()
        for _ in range(2):
            one = next(sent)
            transactional.send(topic_name, one.to_json(), b"key", partition=0)
            committed += [one.reading_id] if is_kept else []
        transactional.flush()
        if number % 5 == 0:
            one = next(sent)
            plain.send(topic_name, one.to_json(), b"key", partition=0).get(timeout=30)
            committed.append(one.reading_id)
        if is_kept:
            transactional.commit_transaction()
        else:
            transactional.abort_transaction()
    transactional.close()
    plain.close()

    assert drain(topic_name, tmp_path).rows == len(committed) == 60
    assert ids(tmp_path, topic_name) == committed
    assert lag(tmp_path, topic_name) == 0, "also past the last abort marker"
    assert drain(topic_name, tmp_path).rows == 0
    watch = OffsetsWatch(topic_name, "drain")
    (group_lag,) = watch.read().lag.values()
    watch.close()
    assert group_lag == 0, "for the tools that only see the group's commits"

    verdict = lab.check_pipeline(topic_name, tmp_path)
    assert verdict.holds, str(verdict)
    assert sum(one.records for one in verdict.partitions) == 60
    ledger = lab.carbon_ledger(topic_name, tmp_path)
    assert (ledger.topic.records, ledger.csv.records, ledger.lag) == (60, 60, 0)
    assert ledger.topic.grams == ledger.csv.grams


def test_a_partition_says_that_it_waits_for_an_open_transaction(
    bootstrap_servers: str, topic_name: str, tmp_path: Path
) -> None:
    lab.ensure_topic(topic_name, num_partitions=1)
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=topic_name)
    producer.init_transactions()
    producer.begin_transaction()
    first, second = readings(2)

    def send(one: Reading) -> None:
        producer.send(topic_name, one.to_json(), b"key", partition=0).get(timeout=30)

    send(first)
    with a_consumer("waits", topic_name, "g", tmp_path) as consumer:

        def troubles() -> str:
            return " ".join(one for s in read_progress(tmp_path, topic_name) for one in s.troubles)

        wait_until(lambda: "a transaction is open" in troubles(), troubles)
        wait_until(
            lambda: "a transaction is open" in consumer.log_path.read_text(), "that it says so"
        )
        assert stored(tmp_path, topic_name) == 0
        send(second)
        producer.commit_transaction()
        wait_until(lambda: stored(tmp_path, topic_name) == 2, "both, once it is committed")
        wait_until(lambda: lag(tmp_path, topic_name) == 0 and not troubles(), "no lag")
        consumer.stop()
    producer.close()
    assert ids(tmp_path, topic_name) == [first.reading_id, second.reading_id]
