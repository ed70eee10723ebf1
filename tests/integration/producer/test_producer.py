"""The producer on a real broker, checked by a plain consumer that knows nothing of the lab."""

import json
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from kafka import KafkaProducer
from oracle import read_topic
from waiting import wait_until

import labkit as lab
from labkit.core.errors import BadReading, ReplayError, TopicNotFound, WorkerFailed
from labkit.core.run_files import read_run_files
from labkit.producer.delivery_reports import partition_for
from labkit.producer.producer import produce, start_producer
from labkit.producer.sent_counts import read_sent_counts
from labkit.producer.unanswered_records import settle
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import BAD_RECORDS, spoil
from labkit.readings.reading import Reading, grams
from labkit.topics.topics import describe_topic

pytestmark = pytest.mark.usefixtures("lab_dir")


def read_all(bootstrap_servers: str, topic: str) -> list:
    """Return all records of a topic, partition after partition."""
    return [record for found in read_topic(bootstrap_servers, topic).values() for record in found]


@pytest.mark.quick
def test_a_thousand_readings_arrive(bootstrap_servers, topic):
    producer = start_producer(topic, readings_per_s=0, count=1000)
    assert producer.wait(60)
    producer.stop()
    assert (producer.counts.emitted, producer.counts.acked) == (1000, 1000)
    assert "stopped; 1,000 acked of 1,000 emitted" in repr(producer)

    records = read_all(bootstrap_servers, topic)
    readings = [json.loads(record.value) for record in records]
    assert len({reading["reading_id"] for reading in readings}) == len(readings) == 1000
    grams = sum(round(reading["co2_kg"] * 1000) for reading in readings)
    assert grams == producer.counts.acked_g == producer.counts.emitted_g
    for record, reading in zip(records, readings, strict=True):
        assert record.key.decode() == reading["facility_id"]
        assert datetime.fromtimestamp(record.timestamp / 1000, UTC) == datetime.fromisoformat(
            reading["recorded_at"]
        )
        Reading.from_json(record.value, record.timestamp)


def test_keys_land_where_a_plain_send_puts_them(bootstrap_servers, topic):
    start_producer(topic, readings_per_s=0, count=240).wait(60)
    ours = {record.key: record.partition for record in read_all(bootstrap_servers, topic)}
    assert len(ours) == 24
    with KafkaProducer(bootstrap_servers=bootstrap_servers) as bare:
        theirs = {key: bare.send(topic, b"x", key=key).get(30).partition for key in ours}
    assert ours == theirs


def test_each_plant_keeps_its_order(bootstrap_servers, topic):
    start_producer(topic, readings_per_s=0, count=2_000).wait(60)
    times = defaultdict(list)
    for record in read_all(bootstrap_servers, topic):  # in offset order within each partition
        reading = Reading.from_json(record.value, record.timestamp)
        times[reading.facility_id].append((reading.recorded_at, reading.reading_id))
    assert len(times) == 24
    assert all([at for at, _ in seen] == sorted(at for at, _ in seen) for seen in times.values())


def test_a_missing_topic_is_said_before_anything_runs(bootstrap_servers):
    with pytest.raises(TopicNotFound, match="ensure_topic"):
        start_producer("no-such-topic")
    assert read_run_files("producer") == []


def test_the_rate_can_be_changed_while_it_runs(topic):
    with start_producer(topic, readings_per_s=1) as producer:
        assert producer.readings_per_s == 1
        producer.readings_per_s = 500
        wait_until(lambda: producer.counts.acked >= 300)  # five minutes, at one per second
        assert "500 readings/s: running" in repr(producer)
    counts = producer.counts
    assert counts.emitted == counts.acked


def test_the_same_name_replaces(topic):
    first = start_producer(topic, readings_per_s=50)
    second = start_producer(topic, readings_per_s=50)
    assert not first.is_running
    assert second.is_running
    wait_until(lambda: second.counts.acked)
    assert [record["kind"] for record in read_run_files("producer")] == ["producer"]
    second.stop()
    assert read_run_files("producer") == []


def test_the_tally_holds_all_runs(topic):
    for count in (100, 50):
        start_producer(topic, readings_per_s=0, count=count).wait(60)
    lab.stop_all()
    tally = read_sent_counts(describe_topic(topic).topic_id)
    assert (tally.emitted, tally.acked, tally.failed, tally.unknown) == (150, 150, 0, 0)
    assert tally.emitted_g == tally.acked_g > 0


def test_faults_arrive_among_the_readings(bootstrap_servers, topic):
    producer = start_producer(topic, readings_per_s=0, count=400, faults=0.25)
    producer.wait(60)
    producer.stop()
    verdicts = Counter()
    for record in read_all(bootstrap_servers, topic):
        try:
            Reading.from_json(record.value, record.timestamp)
            verdicts["good"] += 1
        except BadReading:
            verdicts["bad"] += 1
    counts = producer.counts
    assert verdicts == {"good": counts.acked, "bad": counts.bad_acked}
    assert (counts.emitted + counts.bad, counts.bad) == (400, counts.bad_acked)
    assert 50 < counts.bad < 150


def test_every_kind_of_bad_record_can_be_sent(bootstrap_servers, topic):
    reading = Fleet().reading(datetime.now(UTC))
    spoiled = [spoil(name, reading) for name in BAD_RECORDS]
    counts = produce(topic, iter(spoiled), threading.Event())
    assert counts.bad_acked == len(BAD_RECORDS)
    sent = Counter(bad.value for bad in spoiled)
    assert Counter(record.value for record in read_all(bootstrap_servers, topic)) == sent


def test_partitions_added_while_it_runs(bootstrap_servers, topic):
    """From then on keys are spread over all of them, as a plain send would."""
    with start_producer(topic, readings_per_s=200) as producer:
        wait_until(lambda: producer.counts.acked)
        # Clients ask for a topic's partitions again after five minutes, or when a leader moves.
        lab.alter_topic(topic, num_partitions=6)
        producer._tracker._client._metadata.request_update()

        def is_used() -> bool:
            ends = [partition.end_offset for partition in describe_topic(topic).partitions]
            return sum(ends[3:]) > 0

        wait_until(is_used)
    assert producer.counts.acked == producer.counts.emitted
    for record in read_all(bootstrap_servers, topic):
        if record.partition >= 3:
            assert record.partition == partition_for(record.key, 6)


def test_a_replay_of_an_old_file_is_not_thrown_away(bootstrap_servers, topic, tmp_path):
    """Kafka deletes by the record's timestamp, so a replay's is the time of sending."""
    path = tmp_path / "own.csv"
    lines = [f"2019-01-01T{hour:02}:00Z,Nowy Dwór,{hour + 0.5}" for hour in range(24)]
    path.write_text("time,plant,co2_t\n" + "\n".join(lines), encoding="utf-8")
    before = datetime.now(UTC) - timedelta(seconds=5)
    producer = start_producer(topic, replay=path, speed=0)
    assert producer.wait(60)
    producer.stop()
    records = read_all(bootstrap_servers, topic)
    readings = [Reading.from_json(record.value, record.timestamp) for record in records]
    assert [r.co2_kg for r in readings] == [(hour + 0.5) * 1000 for hour in range(24)]
    assert {r.recorded_at.year for r in readings} == {2019}
    assert all(record.timestamp / 1000 > before.timestamp() for record in records)


def test_nothing_is_sent_of_a_table_with_a_wrong_line(bootstrap_servers, topic, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("time,co2_kg\n2019-01-01,1\n2019-01-02,2\n2019-01-03,x\n", encoding="utf-8")
    with pytest.raises(ReplayError, match="line 4, column 'co2_kg': 'x'"):
        start_producer(topic, replay=path, speed=0)
    assert read_all(bootstrap_servers, topic) == []


def test_it_goes_on_after_a_record_that_the_broker_refuses(bootstrap_servers, topic):
    """The refused one has failed for certain; of the others, none is counted as what it is not."""
    producer = lab.start_producer(topic, readings_per_s=200)
    wait_until(lambda: producer.counts.acked > 200)
    lab.alter_topic(topic, config={"max.message.bytes": 100})  # less than any reading
    wait_until(lambda: producer.counts.failed > 0)
    lab.alter_topic(topic, config={"max.message.bytes": None})
    acked = producer.counts.acked
    wait_until(lambda: producer.counts.acked > acked + 200)
    producer.stop()
    counts, settled = producer.counts, settle(topic, describe_topic(topic).topic_id)
    assert counts.acked + counts.failed + counts.unknown == counts.emitted
    assert settled.found + settled.absent == counts.unknown
    assert len(read_all(bootstrap_servers, topic)) == counts.acked + settled.found


def test_a_deleted_topic_is_said_and_no_record_stays_uncounted(topic):
    producer = start_producer(topic, readings_per_s=100)
    wait_until(lambda: producer.counts.acked >= 50)
    lab.delete_topic(topic)
    wait_until(lambda: not producer.is_running)
    with pytest.raises(WorkerFailed, match="no longer know topic") as caught:
        producer.stop()
    assert isinstance(caught.value.__cause__, TopicNotFound)
    counts = producer.counts
    assert counts.emitted == counts.acked + counts.failed + counts.unknown
    assert [t.name for t in threading.enumerate() if "producer" in t.name.lower()] == []


# kafka-python leaves the sockets of refused connections to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_what_was_acknowledged_survives_a_killed_broker():
    with lab.start_broker() as broker:
        lab.ensure_topic("co2-emissions", num_partitions=3)
        producer = start_producer(readings_per_s=200)
        wait_until(lambda: producer.counts.acked >= 200)
        (node,) = broker.nodes
        psutil.Process(node.process.pid).kill()
        time.sleep(1)
        lab.start_broker()  # on the port it had
        before = producer.counts.acked
        wait_until(lambda: producer.counts.acked >= before + 200)
        producer.stop()
        counts = producer.counts
        assert counts.emitted == counts.acked + counts.failed + counts.unknown
        records = read_all(broker.bootstrap_servers, "co2-emissions")
        in_log = sum(grams(json.loads(record.value)["co2_kg"]) for record in records)
        assert counts.acked_g <= in_log <= counts.acked_g + counts.unknown_g
        ids = {json.loads(record.value)["reading_id"] for record in records}
        assert len(ids) == len(records)  # idempotence: sent again, yet stored once
