"""Lesson 09c's checks: the real units, Compose's rule, a broker that requires a password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from configparser import ConfigParser
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


def test_q1_what_the_services_may_take(lab_dir: Path) -> None:
    def blank(units): ...

    def by_pattern(units: dict[str, str]) -> int:
        found = (re.search(r"^MemoryMax=(\d+)M", text, re.MULTILINE) for text in units.values())
        return sum(int(one[1]) for one in found if one)

    def by_loop(units: dict[str, str]) -> int:
        total = 0
        for text in units.values():
            for line in text.splitlines():
                if line.startswith("MemoryMax="):
                    total += int(line.partition("=")[2].rstrip("M"))
        return total

    def by_parser(units: dict[str, str]) -> float:
        total = 0.0
        for text in units.values():
            parser = ConfigParser(strict=False, interpolation=None)
            parser.read_string(text)
            total += float(parser["Service"]["MemoryMax"][:-1])
        return total

    def the_first_only(units: dict[str, str]) -> int:
        text = next(iter(units.values()))
        return int(text.partition("MemoryMax=")[2].partition("M")[0])

    def anywhere(units: dict[str, str]) -> int:
        found = re.findall(r"MemoryMax=(\d+)M", " ".join(units.values()))
        return sum(map(int, found))

    def largest(units: dict[str, str]) -> int:
        return max((by_loop({name: text}) for name, text in units.items()), default=0)

    expect(ex.q1, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q1, NOT_YET, lambda units: print(len(units)), says="has to end with `return`")
    expect(ex.q1, NOT_YET, lambda units: "3800", says="Leave out the quotation marks")
    expect(ex.q1, NOT_YET, lambda units: 3_800, says="alone: you returned 3,800")
    expect(ex.q1, NOT_YET, largest, says="The lab's services: you returned 1,500")
    expect(ex.q1, NOT_YET, anywhere, says="With a limit of 64 MB")
    expect(ex.q1, NOT_YET, the_first_only, says="labkit-api.service 800 MB")
    expect(ex.q1, ERROR, lambda units: int(units["MemoryMax"]), says="KeyError")
    for right in (by_pattern, by_loop, by_parser, solve(ex.q1)["most_mb"]):
        expect(ex.q1, CORRECT, right, says="3,800 MB for 5 services")


def test_what_this_machine_allows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(ex, "RUNNING", tmp_path / "none")
    said = ex.on_this_machine()
    assert "there are no services here" in said
    assert "it is not installed" in said
    assert "labkit up" in said

    docker = tmp_path / "docker"  # as a client without its server answers, and then with it
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setattr(ex, "RUNNING", tmp_path)
    said = ex.on_this_machine()
    assert "sudo bash release/install.sh" in said
    assert "does not answer. Start Docker" in said
    docker.write_text("#!/bin/sh\necho 29.1\n")
    assert "docker compose --profile lab up -d" in ex.on_this_machine()


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


def test_q2_what_compose_starts(lab_dir: Path) -> None:
    def blank(own, asked): ...

    expect(ex.q2, NOT_ATTEMPTED, blank, says="three dots")
    expect(ex.q2, NOT_YET, lambda own, asked: print(asked), says="has to end with `return`")
    expect(ex.q2, NOT_YET, lambda own, asked: set(own) & set(asked), says="True or False")
    expect(ex.q2, NOT_YET, lambda own, asked: True, says="asked for []: you returned True")
    expect(ex.q2, NOT_YET, lambda own, asked: not own, says="you returned False")
    expect(ex.q2, NOT_YET, lambda own, asked: own == asked, says="you returned False")
    expect(ex.q2, NOT_YET, by_beginning, says="asked for ['mon']: you returned True")
    for wrong in (by_all, by_first):
        expect(ex.q2, NOT_YET, wrong, says="you returned False")
    expect(ex.q2, ERROR, lambda own, asked: own["profiles"], says="TypeError")
    for right in (by_loop, by_sets, solve(ex.q2)["starts"]):
        expect(ex.q2, CORRECT, right, says="Right for")


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
        security_protocol="SASL_SSL",
        ssl_cafile=str(secured.ca_file),
        sasl_mechanism="PLAIN",
        sasl_plain_username=secured.username,
        sasl_plain_password=secured.password.get_secret_value(),
    ) as producer:
        for value in values:
            producer.send(ex.TOPIC, value=value)


def test_q3_and_p1_behind_the_password(
    bootstrap_servers: str, secured: SecuredBroker, lab_dir: Path
) -> None:
    point_back(secured, bootstrap_servers)
    expect(ex.q3, NOT_ATTEMPTED, says="not pointed at it")
    lab.fresh_topic(ex.TOPIC)
    expect(ex.q3, NOT_YET, says="but on another cluster")
    lab.delete_topic(ex.TOPIC)
    point_at(secured)
    expect(ex.q3, NOT_YET, says=f"which has no `{ex.TOPIC}` yet")
    lab.ensure_topic(ex.TOPIC)
    expect(ex.q3, NOT_YET, says="holds 0 readings")
    send(secured, *[b"not a reading"] * ex.READINGS)
    expect(ex.q3, NOT_YET, says="holds 0 readings, and 5 other records")
    lab.start_producer(ex.TOPIC, readings_per_s=0, count=4).wait(60)
    expect(ex.q3, NOT_YET, says="holds 4 readings")
    point_back(secured, bootstrap_servers)
    expect(ex.q3, NOT_YET, says="holds 4 readings")  # the lab is pointed elsewhere: no matter
    fleet = lab.Fleet(seed=7).readings(datetime.now(UTC) - timedelta(minutes=5), 1.0)
    send(secured, next(iter(fleet)).to_json())  # by hand, with the login
    expect(ex.q3, CORRECT, says="5 readings")
    solve(ex.q3, secured=secured, os=os)
    result = expect(ex.q3, CORRECT, says="10 readings")
    assert secured.password.get_secret_value() not in repr(result)

    expect_revealed(ex.p1, "yes", NOT_YET, secured, says="It was 'no'")
    solve(ex.p1, ex=ex)
    result = ex.p1.reveal(secured)
    assert result.is_correct, result
    assert secured.password.get_secret_value() not in repr(result)


def test_q3_and_p1_without_a_secured_broker(lab_dir: Path) -> None:
    expect(ex.q3, NOT_ATTEMPTED, says="No secured broker")
    expect_revealed(ex.p1, "no", NOT_ATTEMPTED, None, says="is stopped")
