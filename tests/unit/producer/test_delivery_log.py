"""The delivery log of a producer run: one line for each event, complete whenever it ends."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_client import Client, send
from kafka import errors as kafka_errors
from sample_readings import make

from labkit.core.errors import FolderNotWritable
from labkit.producer.delivery_log import EVENTS, DeliveryLog, delivery_log_dir
from labkit.producer.delivery_reports import DeliveryTracker
from labkit.readings.malformed_values import spoil


@pytest.fixture
def delivery_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryLog]:
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))
    with DeliveryLog("a-topic-id", "run-1") as one:
        yield one


def lines(delivery_log: DeliveryLog) -> list[dict[str, str]]:
    with delivery_log.path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_each_record_has_its_line_before_it_leaves(delivery_log: DeliveryLog) -> None:
    seen: list[int] = []

    class Watching(Client):
        def send(self, *arguments, **named):
            seen.append(len(lines(delivery_log)))
            return super().send(*arguments, **named)

    client = Watching()
    tracker = DeliveryTracker(client, "t", log=delivery_log)
    send(tracker, client, make(), make(), spoil("tombstone", make()))
    assert seen == [3, 3, 3]
    first, _, bad = lines(delivery_log)
    assert delivery_log.path.parent == delivery_log_dir("a-topic-id")
    assert (first["event"], first["number"], first["reading_id"]) == (
        "sent",
        "1",
        make().reading_id,
    )
    assert (bad["reading_id"], bad["crc32"], bad["note"]) == ("", "00000000", "bad: tombstone")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_nothing_leaves_without_its_line(delivery_log: DeliveryLog) -> None:
    """The kernel takes a part of the write, then refuses: what a full disk does."""
    import resource

    client = Client(partitions=1)
    tracker = DeliveryTracker(client, "t", log=delivery_log)
    send(tracker, client, make())
    whole = delivery_log.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, limits[1]))
    try:
        with pytest.raises(FolderNotWritable, match=r"delivery log .*run-1.csv cannot be written"):
            send(tracker, client, make(), make())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert delivery_log.path.read_bytes() == whole, "no half line, which would hide what follows"
    client.answer(0, None)
    tracker.drain(0.02)
    counts = tracker.counts
    assert (counts.emitted, counts.acked, counts.failed) == (3, 1, 2)
    delivery_log.flush()
    assert delivery_log.path.read_bytes() == whole, "no answer without the line before it"


def test_every_answer_is_written_as_what_it_is(delivery_log: DeliveryLog) -> None:
    client = Client(partitions=1)
    tracker = DeliveryTracker(client, "t", log=delivery_log)
    send(tracker, client, *[make() for _ in range(4)])
    client.answer(0, None)
    client.answer(1, kafka_errors.TopicAuthorizationFailedError('no,\n "never"'))
    client.answer(2, kafka_errors.RequestTimedOutError())
    tracker.drain(0.02)
    delivery_log.flush()
    answers = {row["number"]: row for row in lines(delivery_log) if row["event"] != "sent"}
    assert [answers[str(number)]["event"] for number in range(1, 5)] == [
        "acked",
        "failed",
        "unknown",
        "unknown",
    ]
    assert (answers["1"]["partition"], answers["1"]["offset"]) == ("0", "0")
    assert "no; 'never'" in answers["2"]["note"]
    assert {row["event"] for row in lines(delivery_log)} == set(EVENTS)


def test_what_never_left_because_the_topic_is_gone_is_failed(delivery_log: DeliveryLog) -> None:
    class Forgetful(Client):
        def send(self, *_arguments, **_named):
            raise kafka_errors.KafkaTimeoutError("metadata")

    client = Forgetful()
    tracker = DeliveryTracker(client, "t", log=delivery_log)
    with pytest.raises(Exception, match="no longer know topic"):
        send(tracker, client, make(), make(), make())
    delivery_log.flush()
    assert [row["event"] for row in lines(delivery_log)] == ["sent"] * 3 + ["failed"] * 3
    assert tracker.counts.failed == tracker.counts.emitted == 3
