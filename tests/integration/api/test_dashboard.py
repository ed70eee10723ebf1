"""The dashboard's one answer over a real pipeline: its ledger never cries wolf, and does cry."""

from __future__ import annotations

import gzip
import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.api.app import Api
from labkit.ledger.ledger import carbon_ledger

RED = ("unreported", "phantom", "altered")


def get(api: Api, path: str) -> Any:
    asked = urllib.request.Request(f"{api.url}/api/{path}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=30) as response:
        body = response.read()
        packed = response.headers.get("Content-Encoding") == "gzip"
        return json.loads(gzip.decompress(body) if packed else body)


def poll_until(api: Api, met: Callable[[dict[str, Any]], bool], meaning: str) -> dict[str, Any]:
    """Ask as the page does; none of the answers on the way may be an alarm."""

    said = ""

    def ask() -> dict[str, Any] | None:
        nonlocal said
        answer: dict[str, Any] = get(api, "dashboard?heat_window_s=600")
        said = answer["ledger"]["sentence"]
        assert answer["ledger"]["state"] not in RED, said
        for figure in ("records", "co2_g"):
            known = [stage[figure] for stage in answer["ledger"]["stages"] if stage["records"]]
            assert known == sorted(known, reverse=True), "a stage holds more than the one before it"
        return answer if met(answer) else None

    try:
        return wait_until(ask, meaning, every_s=0.1)
    except AssertionError as error:
        raise AssertionError(f"{error}; the ledger says: {said}") from error


def records(answer: dict[str, Any]) -> dict[str, int | None]:
    return {stage["stage"]: stage["records"] for stage in answer["ledger"]["stages"]}


@pytest.fixture
def quickly_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge figures that have not changed for 3 s; the page waits for 15."""
    monkeypatch.setattr("labkit.ledger.ledger_verdict.SETTLED_S", 3.0)


def test_a_journey_without_an_alarm(topic: str, bootstrap_servers: str, lab_dir: Path) -> None:
    data_dir = lab_dir / "data"
    api = lab.start_api(data_dir, port=0, topic=topic)
    poll_until(api, lambda now: now["pipeline"]["state"] == "absent", "nobody is there")
    producer = lab.start_producer(topic, readings_per_s=300, seed=7, faults=0.01)
    poll_until(api, lambda now: (records(now)["acked"] or 0) > 100, "100 are acknowledged")
    consumer = lab.start_consumer(topic, f"{topic}-group", data_dir)
    followed = poll_until(
        api,
        lambda now: (
            now["pipeline"]["latency"]["samples"] >= 3
            and now["pipeline"]["totals"]["rate_per_s"]
            and "served" in str(now["pipeline"]["latency"]["last_minute"])
            and "acked" in str(now["pipeline"]["latency"]["last_minute"])
        ),
        "three readings were followed",
    )
    assert followed["pipeline"]["totals"]["acked_per_s"] > 0
    reading = followed["pipeline"]["latency"]["reading"]
    at = [stage["after_ms"] for stage in reading["stages"] if stage["stage"] != "acked"]
    assert at == sorted(at)
    assert at[0] == 0

    consumer.stop()
    poll_until(
        api, lambda now: "labkit consume" in now["ledger"]["sentence"], "it says who is missing"
    )
    lab.start_consumer(topic, f"{topic}-group", data_dir)
    producer.stop()
    done = poll_until(api, lambda now: now["ledger"]["state"] == "agrees", "all has arrived")
    whole = carbon_ledger(topic, data_dir)
    assert whole.agrees, whole.sentence
    for stage in done["ledger"]["stages"]:
        if stage["stage"] != "topic":
            mine = whole.stages[stage["stage"]]
            assert (stage["records"], stage["co2_g"]) == (mine.records, mine.grams)
    assert whole.dead_letters == whole.bad_in_topic > 0
    poll_until(
        api,
        lambda now: now["ledger"]["dead_letters"] == whole.dead_letters,
        "the consumer has reported the last dead letters, too",
    )
    assert records(done)["topic"] == whole.topic.records
    assert done["all"]["co2_g"] == whole.served.grams


def test_rows_that_are_taken_away_are_missed(
    topic: str, bootstrap_servers: str, lab_dir: Path, quickly_settled: None
) -> None:
    """What is acknowledged and was stored, and is no longer in the CSV, turns the ledger red."""
    data_dir = lab_dir / "data"
    producer = lab.start_producer(topic, readings_per_s=200, seed=7, count=300)
    consumer = lab.start_consumer(topic, f"{topic}-group", data_dir)
    api = lab.start_api(data_dir, port=0, topic=topic)
    assert producer.wait(PATIENCE_S)
    poll_until(api, lambda now: records(now)["csv"] == 300, "all are stored")
    consumer.stop()
    path = max((data_dir / topic).glob("[0-9].csv"), key=lambda path: path.stat().st_size)
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:-3]))
    wait_until(lambda: get(api, "ledger")["state"] in RED, lambda: get(api, "ledger"))
    ledger = get(api, "ledger")
    assert ledger["state"] == "unreported"
    assert ledger["sentence"].startswith("3 readings")


def test_200_looks_at_a_running_ledger_and_no_stage_is_ahead_of_the_one_before(
    topic: str, bootstrap_servers: str, lab_dir: Path
) -> None:
    data_dir = lab_dir / "data"
    api = lab.start_api(data_dir, port=0, topic=topic)
    lab.start_producer(topic, readings_per_s=200, faults=0.01)
    lab.start_consumer(topic, f"{topic}-group", data_dir)
    poll_until(api, lambda now: bool(records(now)["served"]), "readings are served")
    looks: list[int] = []

    def is_enough(now: dict[str, Any]) -> bool:
        looks.append(records(now)["served"] or 0)
        return len(looks) >= 200

    poll_until(api, is_enough, "200 answers")
    assert len(set(looks)) > 20, "the figures stood still, so nothing was tested"


def test_page_and_notebook_say_the_same_of_a_killed_consumer(
    topic: str, bootstrap_servers: str, lab_dir: Path
) -> None:
    """In the same words; only the figures are of different moments, while the producer runs."""
    data_dir = lab_dir / "data"
    api = lab.start_api(data_dir, port=0, topic=topic)
    producer = lab.start_producer(topic, readings_per_s=100)
    consumer = lab.start_consumer(topic, f"{topic}-group", data_dir)
    poll_until(api, lambda now: bool(records(now)["served"]), "readings are served")
    consumer.process.kill()
    for _ in range(2):  # while the producer runs, and after it has stopped
        page = poll_until(
            api, lambda now: "no consumer is running" in now["ledger"]["sentence"], "it is said"
        )["ledger"]
        notebook = carbon_ledger(topic, data_dir)
        assert (page["state"], notebook.state) == ("on the way", "on the way")
        words = [re.sub(r"[\d.,]+", "n", one) for one in (page["sentence"], notebook.sentence)]
        assert words[0] == words[1], (page["sentence"], notebook.sentence)
        assert "acknowledged and not stored yet: the consumer's lag is" in notebook.sentence
        producer.stop()
    stages = {one["stage"]: one["records"] for one in page["stages"]}
    assert stages == {name: one.records for name, one in notebook.stages.items()}
    assert page["sentence"] == notebook.sentence
    lab.start_consumer(topic, f"{topic}-group", data_dir).wait_until_caught_up()
    assert carbon_ledger(topic, data_dir).agrees
