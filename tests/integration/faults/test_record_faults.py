"""The fault matrix, what happens to single records: rows 13 and 14."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from faulty import a_consumer, readings, send, status_of, stored
from oracle import assert_agrees, read_csv, read_topic
from waiting import wait_until

import labkit as lab
from labkit.readings.fleet import Fleet
from labkit.sink.partition_status import read_progress

FORMULA = (
    Fleet(seed=3).reading(datetime.now(UTC), 1.0).model_copy(update={"facility": "=cmd|' /C'!A0"})
)
POISON: dict[str, Any] = {
    "no JSON": b'{"co2_kg": ',
    "no UTF-8": FORMULA.to_json().replace(b"cmd", b"\xff\xfe"),
    "no value": None,
    "1 MiB": b"x" * (1024 * 1024 - 300),
    "=cmd": FORMULA,  # a reading like any other: harmless in the CSV
}


def letters(bootstrap_servers: str, topic: str) -> list[Any]:
    return [
        one for group in read_topic(bootstrap_servers, f"{topic}.dlq").values() for one in group
    ]


@pytest.mark.parametrize("kind", POISON)
def test_row_13_poison(bootstrap_servers: str, topic: str, tmp_path: Path, kind: str) -> None:
    poison = POISON[kind]
    with a_consumer("poison", topic, "poison", tmp_path) as consumer:
        send(bootstrap_servers, topic, [*readings(5), poison, *readings(20)], partition=1)
        bad = int(poison is not FORMULA)
        wait_until(lambda: stored(tmp_path, topic) == 26 - bad, "those behind it flow")
        consumer.stop()
    assert_agrees(bootstrap_servers, topic, tmp_path, bad=bad)
    if bad:
        (letter,) = letters(bootstrap_servers, topic)
        headers = dict(letter.headers)
        assert letter.value == poison
        place = headers["__connect.errors.partition"], headers["__connect.errors.offset"]
        assert place == (b"1", b"5")
    else:
        (row,) = (one for one in read_csv(tmp_path / topic, 1) if one["offset"] == "5")
        assert row["facility"] == "'" + FORMULA.facility


def unusable(queue: str) -> None:
    """Have the queue refuse every letter: none is so short."""
    lab.ensure_topic(queue, num_partitions=1, config={"max.message.bytes": 60})


def test_row_14_a_queue_that_takes_nothing_stops_one_partition_alone(
    bootstrap_servers: str, topic: str, tmp_path: Path
) -> None:
    queue = f"{topic}.dlq"
    unusable(queue)
    # More behind it than one poll returns: the client keeps the rest while the partition waits.
    send(bootstrap_servers, topic, [*readings(5), b"bad", *readings(1500)], partition=0)
    with a_consumer("stuck", topic, "stuck", tmp_path) as consumer:
        stuck = wait_until(
            lambda: (one := status_of(tmp_path, topic, 0)) and one.state == "paused" and one,
            "it is paused",
        )
        assert queue in (stuck.reason or "")
        for seed in range(5):  # while it is tried again and again
            send(bootstrap_servers, topic, readings(20, seed=seed), partition=1)
            wait_until(
                lambda seed=seed: stored(tmp_path, topic) >= 5 + 20 * (seed + 1), "they flow"
            )
        stuck = status_of(tmp_path, topic, 0)
        assert stuck is not None
        assert (stuck.state, stuck.position, stuck.rows) == ("paused", 5, 5)
        lab.alter_topic(queue, config={"max.message.bytes": 2_000_000})
        wait_until(lambda: stored(tmp_path, topic) == 1605, "all, once the queue takes it")
        consumer.stop()
    assert_agrees(bootstrap_servers, topic, tmp_path, bad=1)
    (letter,) = letters(bootstrap_servers, topic)
    assert dict(letter.headers)["__connect.errors.offset"] == b"5"


def test_row_14_a_queue_that_cannot_be_made_skips_nothing(
    bootstrap_servers: str, tmp_path: Path
) -> None:
    topic = "t" * 247  # with .dlq behind it, the name is too long for Kafka
    lab.ensure_topic(topic, num_partitions=1)
    with a_consumer("unmakeable", topic, "unmakeable", tmp_path) as consumer:
        send(bootstrap_servers, topic, [*readings(5), b"bad", *readings(6)])
        wait_until(
            lambda: any(one.state == "paused" for one in read_progress(tmp_path, topic)),
            "it is paused",
        )
        consumer.stop()
    assert len(read_csv(tmp_path / topic, 0)) == 5
