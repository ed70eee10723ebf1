"""Lesson 09c's checks: Compose's rule, a broker that requires a password, Kafka's real jars."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker.lesson_brokers.secured_broker import SecuredBroker
from labkit.exercises import lesson_09c as ex
from labkit.exercises.engine.outcome import Outcome

CORRECT, NOT_YET = Outcome.CORRECT, Outcome.NOT_YET
ERROR, NOT_ATTEMPTED = Outcome.ERROR, Outcome.NOT_ATTEMPTED


def by_loop(own: list[str], asked: list[str]) -> bool:
    for profile in asked:
        if profile in own:
            return True
    return own == []


def by_sets(own: list[str], asked: list[str]) -> bool:
    return len(own) == 0 or len(set(own) & set(asked)) > 0


def by_beginning(own: list[str], asked: list[str]) -> bool:
    return not own or any(one in " ".join(own) for one in asked)


def by_all(own: list[str], asked: list[str]) -> bool:
    return set(own) <= set(asked)


def by_first(own: list[str], asked: list[str]) -> bool:
    return not own or own[0] in asked


def test_q1_what_compose_starts(lab_dir: Path) -> None:
    def blank(own, asked): ...

    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q1, NOT_YET, lambda own, asked: print(asked), says="has to end with `return`")
    expect(ex.q1, NOT_YET, lambda own, asked: set(own) & set(asked), says="True or False")
    expect(ex.q1, NOT_YET, lambda own, asked: True, says="asked for []: you returned True")
    expect(ex.q1, NOT_YET, lambda own, asked: not own, says="you returned False")
    expect(ex.q1, NOT_YET, lambda own, asked: own == asked, says="you returned False")
    expect(ex.q1, NOT_YET, by_beginning, says="asked for ['mon']: you returned True")
    for wrong in (by_all, by_first):
        expect(ex.q1, NOT_YET, wrong, says="you returned False")
    expect(ex.q1, ERROR, lambda own, asked: own["profiles"], says="TypeError")
    for right in (by_loop, by_sets, solve(ex.q1)["starts"]):
        expect(ex.q1, CORRECT, right, says="Right for")


@pytest.fixture
def secured(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecuredBroker]:
    with lab.start_secured_broker() as one:
        for name in one.variables:
            monkeypatch.delenv(name, raising=False)  # and put back what it was, at the end
        yield one


def point_at(secured: SecuredBroker) -> None:
    os.environ.update(secured.variables)


def point_back(secured: SecuredBroker, bootstrap_servers: str) -> None:
    for name in secured.variables:
        os.environ.pop(name, None)
    os.environ["LABKIT_BOOTSTRAP_SERVERS"] = bootstrap_servers


def send(secured: SecuredBroker, *values: bytes) -> None:
    with KafkaProducer(
        bootstrap_servers=secured.bootstrap_servers,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_plain_username=secured.username,
        sasl_plain_password=secured.password.get_secret_value(),
    ) as producer:
        for value in values:
            producer.send(ex.TOPIC, value=value)


def test_q2_and_p1_behind_the_password(
    bootstrap_servers: str, secured: SecuredBroker, lab_dir: Path
) -> None:
    point_back(secured, bootstrap_servers)
    expect(ex.q2, NOT_ATTEMPTED, says="not pointed at it")
    lab.fresh_topic(ex.TOPIC)
    expect(ex.q2, NOT_YET, says="but on another cluster")
    lab.delete_topic(ex.TOPIC)
    point_at(secured)
    expect(ex.q2, NOT_YET, says=f"which has no `{ex.TOPIC}` yet")
    lab.ensure_topic(ex.TOPIC)
    expect(ex.q2, NOT_YET, says="holds 0 readings")
    send(secured, *[b"not a reading"] * ex.READINGS)
    expect(ex.q2, NOT_YET, says="holds 0 readings, and 5 other records")
    lab.start_producer(ex.TOPIC, readings_per_s=0, count=4).wait(60)
    expect(ex.q2, NOT_YET, says="holds 4 readings")
    point_back(secured, bootstrap_servers)
    expect(ex.q2, NOT_YET, says="holds 4 readings")  # the lab is pointed elsewhere: no matter
    fleet = lab.Fleet(seed=7).readings(datetime.now(UTC) - timedelta(minutes=5), 1.0)
    send(secured, next(iter(fleet)).to_json())  # by hand, with the login
    expect(ex.q2, CORRECT, says="5 readings")
    solve(ex.q2, secured=secured, os=os)
    result = expect(ex.q2, CORRECT, says="10 readings")
    assert secured.password.get_secret_value() not in repr(result)

    expect_revealed(ex.p1, "yes", NOT_YET, secured, says="It was 'no'")
    solve(ex.p1, ex=ex)
    result = ex.p1.reveal(secured)
    assert result.is_correct, result
    assert secured.password.get_secret_value() not in repr(result)


def test_q2_and_p1_without_a_secured_broker(lab_dir: Path) -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="No secured broker")
    expect_revealed(ex.p1, "no", NOT_ATTEMPTED, None, says="is stopped")


def test_q3_what_makes_a_jar_intact(lab_dir: Path) -> None:
    def blank(path, sha256): ...

    def in_pieces(path: Path, sha256: str) -> bool:
        found = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(65_536):
                found.update(piece)
        return found.hexdigest() == sha256

    def by_file(path: Path, sha256: str) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().lower() == sha256.lower()

    known = {one.file_name: one for one in ex.locked_jars()}
    expect(ex.q3, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q3, NOT_YET, lambda path, sha256: print(path), says="has to end with `return`")
    expect(ex.q3, NOT_YET, lambda path, sha256: True, says="another jar's number")
    expect(ex.q3, NOT_YET, lambda path, sha256: False, says="as it was published")
    expect(
        ex.q3, NOT_YET, lambda path, sha256: known[path.name].sha256 == sha256, says="one byte"
    )  # a look-up

    def by_size(path: Path, sha256: str) -> bool:
        jar = known[path.name]
        return jar.sha256 == sha256 and path.stat().st_size == jar.size

    expect(ex.q3, NOT_YET, by_size, says="one byte changed")
    expect(ex.q3, NOT_YET, lambda path, sha256: "yes", says="True or False")
    expect(ex.q3, ERROR, lambda path, sha256: hashlib.sha256(path), says="TypeError")
    for right in (in_pieces, by_file, solve(ex.q3, hashlib=hashlib)["is_intact"]):
        expect(ex.q3, CORRECT, right, says="whole, changed and cut off")
