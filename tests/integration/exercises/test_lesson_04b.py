"""Lesson 04b's checks on a real broker: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.core.errors import BadReading, LabError, TopicNotFound
from labkit.exercises import lesson_04b as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.queries.broker_queries import records_of
from labkit.readings.reading import Reading

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
NOT_ATTEMPTED = Outcome.NOT_ATTEMPTED
SENSORS, LETTERS = "lesson04b-sensors", "lesson04b-sensors.dlq"
Headers = list[tuple[str, bytes]]


def delete(*topics: str) -> None:
    for name in topics:
        try:
            lab.delete_topic(name)
        except TopicNotFound:
            continue


def headers_of(record: Any, error: Exception) -> Headers:
    """Return the headers of a dead letter, as in the lesson."""
    about = {"partition": record.partition, "offset": record.offset, "exception.message": error}
    return [(f"__connect.errors.{name}", str(said).encode()) for name, said in about.items()]


@pytest.fixture(scope="module")
def sorted_records(broker: Broker) -> Iterator[tuple[list[Reading], list[Any]]]:
    """Fill the sensors' topic as the lesson does; return its good readings and bad records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        lab.fresh_topic(SENSORS, num_partitions=3)
        filler = lab.start_producer(
            SENSORS, readings_per_s=100, count=400, faults=0.05, clock=3600, name="filler"
        )
        assert filler.wait(60)
        good, bad = [], []
        for record in records_of(SENSORS):
            try:
                good.append(Reading.from_json(record.value))
            except BadReading as error:
                bad.append((record, error))
        yield good, bad
        delete(SENSORS, LETTERS)


Sorted = tuple[list[Reading], list[Any]]


@pytest.fixture
def put(bootstrap_servers: str) -> Callable[..., None]:
    """Return a function that sends dead letters; the queue is empty at first."""
    lab.fresh_topic(LETTERS, num_partitions=1)

    def send(bad: list[Any], headers: Callable[..., Headers] = headers_of, **changes: Any) -> None:
        with kafka_clients.producer() as queue:
            for record, error in bad:
                letter = {"key": record.key, "value": record.value, **changes}
                queue.send(LETTERS, **letter, headers=headers(record, error)).get(timeout=10)

    return send


@pytest.mark.parametrize("refused", [[], (), set()])
def test_q1_a_value_is_bytes(bootstrap_servers: str, refused: Any) -> None:
    expect(ex.q1, CORRECT, refused, says="To a broker, a value is bytes")


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        ([1, 2], "acknowledged value 1"),
        (3, "acknowledged value 3"),
        ([0, 1, 2, 3], "acknowledged value 0"),
        ([4], "a list of numbers from 0 to 3"),
        ("none", "a list of numbers from 0 to 3"),
        (None, "a list of numbers from 0 to 3"),
        ([b"not JSON"], "a list of numbers from 0 to 3"),
    ],
)
def test_q1_others(bootstrap_servers: str, refused: Any, says: str) -> None:
    expect(ex.q1, NOT_YET, refused, says=says)


def test_q1_blank_and_solved(bootstrap_servers: str) -> None:
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, CORRECT, solve(ex.q1)["refused"], says="All are in the topic")


def test_p1_a_poison_pill(lab_dir: Path, bootstrap_servers: str) -> None:
    delete(SENSORS)
    expect_revealed(ex.p1, 0, NOT_ATTEMPTED, 0, says="no topic")
    lab.ensure_topic(SENSORS, num_partitions=1)
    expect_revealed(ex.p1, 0, NOT_ATTEMPTED, 3, says="holds no bad record")
    with kafka_clients.producer() as producer:
        producer.send(SENSORS, value=b"1 MW")
    expect_revealed(ex.p1, 2, NOT_YET, 0, says="You said 2. It was 0")
    expect_revealed(ex.p1, 0, CORRECT, 0, says="poison pill")


def test_q2_a_whole_program(
    lab_dir: Path, sorted_records: Sorted, put: Callable[..., None], bootstrap_servers: str
) -> None:
    good, bad = sorted_records
    assert good
    assert bad
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, NOT_YET, good, says="0 bad records of")
    put(bad, headers=lambda record, error: [])  # an earlier, wrong attempt does not count
    address = {"bootstrap_servers": bootstrap_servers}
    own = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 3_000}
    names = {"headers_of": headers_of, "KafkaConsumer": KafkaConsumer}
    with KafkaProducer(**address) as dlq_producer:
        for _ in range(2):  # the cell is run twice
            done = solve(ex.q2, **names, address=address, own=own, dlq_producer=dlq_producer)
            expect(ex.q2, CORRECT, done["good"], says=f"{len(bad)} are in the queue")
    expect(ex.q2, CORRECT, good[::-1], says=f"{len(good)} are valid")
    expect(ex.q2, NOT_YET, good[:10], says="`good` has 10 readings")
    expect(ex.q2, NOT_YET, good * 2, says="begin with `good = []`")
    expect(ex.q2, NOT_YET, len(good), says="a list of what `lab.Reading.from_json`")
    expect(ex.q2, NOT_YET, [None, *good], says="a list of what `lab.Reading.from_json`")


def test_q2_wrong_letters(lab_dir: Path, sorted_records: Sorted, put: Callable[..., None]) -> None:
    good, bad = sorted_records
    put(bad, headers=lambda record, error: headers_of(record, error)[:2])
    expect(ex.q2, NOT_YET, good, says="lack one of the three headers")
    put(bad[1:])
    expect(ex.q2, NOT_YET, good, says=f"{len(bad) - 1} bad records of {len(bad)}")
    put(bad, value=b"a bad value")
    expect(ex.q2, NOT_YET, good, says="its key or value is not that record's")
    put(bad, key=None)
    expect(ex.q2, NOT_YET, good, says="its key or value is not that record's")
    put(bad)  # the newest letter of each place counts
    expect(ex.q2, CORRECT, good, says=f"{len(bad)} are in the queue")
    fine = next(one for one in records_of(SENSORS) if one.value == good[0].to_json())
    put([(fine, LabError("none", "none"))])
    expect(ex.q2, NOT_YET, good, says="is a valid reading, and has a letter")


def has_one_peak(readings: list[Reading]) -> bool:
    """Tell whether one reading alone has the largest load, so that no other may pass."""
    loads = sorted(one.load_mw for one in readings)
    return len(loads) > 1 and loads[-1] > loads[-2]


def test_q3_the_first_reading_is_seldom_the_right_one(sorted_records: Sorted) -> None:
    good, bad = sorted_records
    plants = {record.key for record, _ in bad}
    loads = [[one.load_mw for one in good if one.facility_id.encode() == key] for key in plants]
    assert sum(mine[0] == max(mine) for mine in loads if mine) <= len(plants) / 4


def test_q3_a_substitute(lab_dir: Path, sorted_records: Sorted, put: Callable[..., None]) -> None:
    good, bad = sorted_records
    of_plants = {
        record.key: [one for one in good if one.facility_id.encode() == record.key]
        for record, _ in bad
    }
    key, mine = next(one for one in of_plants.items() if has_one_peak(one[1]))
    put(bad[:1], key=None)  # earlier, wrong attempts
    put(bad[:1], headers=lambda record, error: [])
    put([(record, error) for record, error in bad if record.key == key])
    put(bad)
    expect(ex.q3, NOT_ATTEMPTED, ..., says="three dots")
    right = solve(ex.q3, mine=mine)["substitute"]
    expect(ex.q3, CORRECT, right, says="its largest load")
    by_load = sorted(mine, key=lambda one: one.load_mw)
    marked = {"quality": "substituted"}
    expect(ex.q3, CORRECT, by_load[-1].model_copy(update=marked), says="its largest load")
    expect(ex.q3, NOT_YET, by_load[-1], says="is `measured`, so it looks like a real one")
    misspelt = by_load[-1].model_copy(update={"quality": "substitute"})
    expect(ex.q3, NOT_YET, misspelt, says="is `substitute`: the word is `substituted`")
    others = next(readings for other, readings in of_plants.items() if other != key and readings)
    expect(ex.q3, NOT_YET, others[0].model_copy(update=marked), says="not the plant of `mine`")
    expect(ex.q3, NOT_YET, by_load[0].model_copy(update=marked), says="has reached more")
    expect(ex.q3, NOT_YET, by_load[-2].model_copy(update=marked), says="has reached more")
    more = by_load[-1].model_copy(update={**marked, "load_mw": 9_999.0})
    expect(ex.q3, NOT_YET, more, says="only its `quality` changed")
    expect(ex.q3, NOT_YET, right.load_mw, says="The answer is one reading")
    spoilt = {record.key for record, _ in bad}
    sound = next((one for one in good if one.facility_id.encode() not in spoilt), None)
    if sound is not None:
        expect(ex.q3, NOT_YET, sound.model_copy(update=marked), says="needs no substitute")
