"""``labkit up``, end to end, judged by a bare consumer that knows nothing of the lab."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from kafka import KafkaConsumer, TopicPartition
from lab_processes import processes_of
from waiting import wait_until

from labkit.broker.cluster_state import read_cluster
from labkit.broker.install.kafka_jars import cache_dir
from labkit.core.run_files import read_run_files

PATIENCE_S = 180.0
STAGES = ("emitted", "acked", "topic", "csv", "served")


def start_up(lab_dir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ``labkit up`` in a lab of its own; its output goes to two files."""
    with (lab_dir / "out").open("wb") as out, (lab_dir / "err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "labkit", "up", "--no-browser", *arguments],
            stdout=out,
            stderr=err,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def said(lab_dir: Path, stream: str = "out") -> str:
    return (lab_dir / stream).read_text(encoding="utf-8")


def wait_for_page(lab_dir: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait until every stage is at work; return the page's address."""

    def is_told() -> bool:
        assert process.poll() is None, said(lab_dir) + said(lab_dir, "err")
        return "The page: " in said(lab_dir)

    wait_until(is_told, lambda: said(lab_dir), PATIENCE_S)
    return said(lab_dir).partition("The page: ")[2].partition("\n")[0]


def labkit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labkit", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
    )


def assert_nothing_is_left(lab_dir: Path) -> None:
    _, alive = psutil.wait_procs(processes_of(lab_dir), timeout=20)
    assert [process.cmdline() for process in alive] == []
    assert read_run_files() == []
    cluster = read_cluster()
    assert cluster is not None
    assert not any(node.is_running for node in cluster.nodes)


STRANGE = "a b, josé 日本 🏭 '#%d$! ${date:yyyy}"


def test_the_whole_lab_runs_in_any_folder_and_any_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a folder is called and contains, and whatever the environment asks of others."""
    folder = tmp_path / (STRANGE if os.name == "nt" else STRANGE + ": \\x")
    folder.mkdir()
    for name in ("random", "json", "kafka"):
        (folder / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    if os.name != "nt":
        (tmp_path / "ca che, é日").symlink_to(cache_dir())
        monkeypatch.setenv("LABKIT_CACHE_DIR", str(tmp_path / "ca che, é日"))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("LABKIT_LAB_DIR")
    monkeypatch.delenv("LABKIT_STATE_DIR")
    for name in ("LC_ALL", "LANG"):
        monkeypatch.setenv(name, "C")
    for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"):
        monkeypatch.setenv(name, "-XX:+UseG1GC -Xmx10m")  # no broker starts with these
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "http://nowhere.invalid:9")
    try:
        done = labkit("up", "--for", "5s", "--no-browser", "--json")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        report = json.loads(done.stdout)
        assert report["ledger"]["agrees"]
        assert report["ledger"]["served"]["records"] > 0
        assert labkit("broker", "start").returncode == 0
        checked = labkit("check")
        assert checked.returncode == 0, f"{checked.stdout}\n{checked.stderr}"
        tool = labkit("kafka", "kafka-topics", "--list")
        assert (tool.stdout.splitlines()[-1], tool.stderr) == ("co2-emissions", "")
    finally:
        assert labkit("down").returncode == 0


def records_of(servers: str, topic: str) -> Iterator[Any]:
    """Read a topic from its beginning to its end, with kafka-python alone."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="none")
    places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(places)
    while any(consumer.position(place) < end for place, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            yield from records
    consumer.close()


def rows_of(folder: Path) -> dict[int, list[dict[str, str]]]:
    """Read the CSV files of a topic as any spreadsheet would."""
    rows = {}
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows[int(path.stem)] = list(csv.DictReader(file))
    return rows


@pytest.mark.quick
def test_the_whole_journey_agrees_to_the_gram(lab_dir: Path) -> None:
    started = labkit(
        "broker", "start"
    )  # it outlives `up`, so that the topic can be read afterwards
    assert started.returncode == 0, started.stderr
    run = start_up(lab_dir, "--for", "15s", "--rate", "200", "--faults", "0.02", "--json")
    assert run.wait(PATIENCE_S) == 0, said(lab_dir, "err")
    result = json.loads(said(lab_dir))
    ledger = result["ledger"]
    assert ledger["agrees"]
    assert len({ledger[stage]["records"] for stage in STAGES}) == 1
    assert len({ledger[stage]["grams"] for stage in STAGES}) == 1
    assert ledger["csv"]["records"] > 1_000
    assert set(result["startup_s"]) == {"broker", "topic", "consumer", "producer", "api"}

    topic: dict[int, list[Any]] = {}
    for record in records_of(result["bootstrap_servers"], "co2-emissions"):
        topic.setdefault(record.partition, []).append(record)
    dead = {
        (int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"]))
        for record in records_of(result["bootstrap_servers"], "co2-emissions.dlq")
        for headers in [dict(record.headers)]
    }
    assert len(dead) == ledger["dead_letters"] == ledger["bad_in_topic"] > 0
    rows = rows_of(lab_dir / "data" / "co2-emissions")
    assert rows.keys() == topic.keys()
    for partition, records in topic.items():
        assert [int(row["offset"]) for row in rows[partition]] == [one.offset for one in records]
        for row, record in zip(rows[partition], records, strict=True):
            if (partition, record.offset) in dead:
                assert row["quality"] == "dead-letter"
            else:
                assert_same(row, record)
    grams = sum(
        round(json.loads(record.value)["co2_kg"] * 1000)
        for records in topic.values()
        for record in records
        if (record.partition, record.offset) not in dead
    )
    assert grams == ledger["served"]["grams"]

    status = json.loads(labkit("status", "--json").stdout)
    assert (status["workers"], status["api"]) == ([], None)
    assert status["bootstrap_servers"] == result["bootstrap_servers"], "it was there before us"
    assert {group["topic"]: group["lag"] for group in status["groups"]} == {"co2-emissions": 0}
    assert labkit("down").stdout == "Stopped: broker.\n"
    assert_nothing_is_left(lab_dir)


def assert_same(row: dict[str, str], record: Any) -> None:
    """Compare a row of the CSV with the record it came from, field by field."""
    value = json.loads(record.value)
    assert record.key.decode() == value["facility_id"]
    for name, there in value.items():
        here = row[name]
        if isinstance(there, str):
            assert here.removeprefix("'") == there
        else:
            assert float(here) == there


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")
def test_ctrl_c_stops_everything_and_a_second_up_is_refused(lab_dir: Path) -> None:
    with start_up(lab_dir, "--rate", "20", "--port", "0") as run:
        page = wait_for_page(lab_dir, run)
        with urllib.request.urlopen(f"{page}/api/health", timeout=30) as answer:
            assert answer.status == 200
        second = labkit("up", "--for", "1s", "--no-browser")
        assert second.returncode == 1
        assert "already runs in this lab" in second.stderr
        assert page in second.stderr.replace("\n", "")
        status = json.loads(labkit("status", "--json").stdout)
        assert {worker["kind"] for worker in status["workers"]} == {
            *("up", "producer", "consumer", "api")
        }
        assert status["api"] == page
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE_S) == 130
    text = said(lab_dir)
    assert "All five stages agree to the gram." in text
    order = [text.index(f"\n{stage}  ") for stage in ("producer", "consumer", "broker")]
    stops = [text.index(words) for words in ("accounted for", "committed", "stay on disk")]
    assert stops == sorted(stops), (order, text)
    assert_nothing_is_left(lab_dir)


def test_a_stage_that_dies_ends_it_with_its_name(lab_dir: Path) -> None:
    with start_up(lab_dir) as run:
        wait_for_page(lab_dir, run)
        (consumer,) = read_run_files("consumer")
        psutil.Process(consumer["pid"]).kill()
        assert run.wait(PATIENCE_S) == 1
    assert "The consumer has ended" in said(lab_dir, "err")
    if os.name != "nt":
        assert "killed by signal 9" in said(lab_dir, "err")
        assert "Next:  labkit up" in said(lab_dir, "err")
    assert "Traceback" not in said(lab_dir, "err")
    assert_nothing_is_left(lab_dir)


def test_down_ends_it_in_its_own_order(lab_dir: Path) -> None:
    with start_up(lab_dir, "--rate", "50") as run:
        wait_for_page(lab_dir, run)
        down = labkit("down")
        assert down.returncode == 0, down.stderr
        assert run.wait(PATIENCE_S) == 0
    assert "All five stages agree to the gram." in said(lab_dir)
    assert labkit("down").stdout == "Nothing of this lab was running.\n"
    assert_nothing_is_left(lab_dir)


def test_killed_it_takes_everything_along(lab_dir: Path) -> None:
    """No orphans: the stages see that their parent is gone, the broker that its owner is."""
    with start_up(lab_dir) as run:
        wait_for_page(lab_dir, run)
        run.kill()
    _, alive = psutil.wait_procs(processes_of(lab_dir), timeout=60)
    assert [process.cmdline() for process in alive] == []
    status = json.loads(labkit("status", "--json").stdout)
    assert (status["bootstrap_servers"], status["brokers"], status["workers"], status["api"]) == (
        *(None, [], [], None),
    )
