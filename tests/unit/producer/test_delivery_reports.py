"""Counting deliveries, with the client's own futures; tests/integration has a real broker."""

from collections import Counter

import pytest
from fake_client import Client, send
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka import errors as kafka_errors
from sample_readings import AT, make

from labkit.producer.delivery_reports import MAX_IN_FLIGHT, DeliveryTracker, partition_for
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import spoil
from labkit.readings.pacing import BATCH
from labkit.readings.reading import grams

OUTCOMES = {
    "acked": None,
    "failed": kafka_errors.TopicAuthorizationFailedError("no"),
    "unknown": kafka_errors.KafkaTimeoutError("no answer"),
    "unknown after append": kafka_errors.NotEnoughReplicasAfterAppendError("one replica"),
    "unknown after a retry": kafka_errors.NotLeaderForPartitionError("the first try got no answer"),
    "unknown and out of order": kafka_errors.OutOfOrderSequenceNumberError("of an earlier batch"),
    "unknown on close": kafka_errors.IllegalStateError("Producer is closed forcefully."),
}


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(OUTCOMES)), max_size=30), st.randoms(use_true_random=False))
def test_every_record_is_counted_once_whatever_the_order_of_answers(outcomes, rng):
    client, fleet = Client(), Fleet(size=3)
    tracker = DeliveryTracker(client, "t")
    readings = [fleet.reading(AT) for _ in outcomes]
    for reading in readings:
        send(tracker, client, reading)
    order = list(range(len(outcomes)))
    rng.shuffle(order)
    for number in order:
        client.answer(number, OUTCOMES[outcomes[number]])
        tracker.reap()
    counts = tracker.counts
    expected = Counter(outcome.split()[0] for outcome in outcomes)
    assert tracker.in_flight == 0
    assert (counts.acked, counts.failed, counts.unknown) == (
        expected["acked"],
        expected["failed"],
        expected["unknown"],
    )
    assert counts.emitted == len(outcomes)
    assert counts.emitted_g == sum(grams(r.co2_kg) for r in readings)
    assert counts.emitted_g == counts.acked_g + counts.failed_g + counts.unknown_g


def test_what_has_no_answer_in_the_end_is_unknown():
    client = Client()
    tracker = DeliveryTracker(client, "t")
    send(tracker, client, make())
    send(tracker, client, make())
    client.answer(1, None)
    tracker.drain(0.02)
    assert (tracker.counts.acked, tracker.counts.unknown) == (1, 1)
    assert "no answer" in tracker.last_error


def test_bad_records_are_counted_apart():
    client = Client()
    tracker = DeliveryTracker(client, "t")
    send(tracker, client, spoil("tombstone", make()))
    send(tracker, client, spoil("truncated", make()))
    client.answer(0, None)
    client.answer(1, OUTCOMES["failed"])
    tracker.reap()
    assert (tracker.counts.bad, tracker.counts.bad_acked) == (2, 1)
    assert (tracker.counts.emitted, tracker.counts.failed, tracker.counts.emitted_g) == (0, 0, 0)
    assert client.sent[0].value is None
    assert client.sent[0].key == b"PL-COAL-001"


def test_a_record_that_never_left_has_failed():
    class Refusing(Client):
        def send(self, *_args, **_kwargs):
            raise kafka_errors.MessageSizeTooLargeError("too large")

    client = Refusing()
    tracker = DeliveryTracker(client, "t")
    send(tracker, client, make())
    assert (tracker.counts.failed, tracker.in_flight) == (1, 0)
    assert "too large" in tracker.last_error


def test_it_tells_when_it_is_full():
    client = Client()
    tracker = DeliveryTracker(client, "t")
    for _ in range(MAX_IN_FLIGHT - BATCH + 1):
        assert not tracker.is_full
        send(tracker, client, make())
    assert tracker.is_full


def test_keys_move_when_partitions_are_added():
    client = Client(partitions=3)
    tracker = DeliveryTracker(client, "t")
    plants = [make(facility_id=f"PL-COAL-{n:03d}") for n in range(20)]
    for plant in plants:
        send(tracker, client, plant)
    client.partitions = 7
    tracker.refresh()
    for plant in plants:
        send(tracker, client, plant)
    expected = [partition_for(p.facility_id.encode(), n) for n in (3, 7) for p in plants]
    assert [record.partition for record in client.sent] == expected


def test_the_timestamp_is_when_it_was_recorded_or_when_it_is_sent():
    client = Client()
    send(DeliveryTracker(client, "t"), client, make())
    send(DeliveryTracker(client, "t", stamp_now=True), client, make())
    assert client.sent[0].timestamp_ms == make().timestamp_ms
    assert client.sent[1].timestamp_ms != make().timestamp_ms


@pytest.mark.parametrize(
    ("key", "java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_partitions_are_those_of_the_java_client(key, java):
    """The hashes are those of Apache Kafka's own UtilsTest.testMurmur2."""
    assert partition_for(key, 1009) == (java & 0x7FFFFFFF) % 1009
