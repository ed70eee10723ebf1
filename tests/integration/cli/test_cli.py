"""Each stage alone, typed as a learner types it, against the session's real broker."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from waiting import PATIENCE_S, wait_until

from labkit.cli import main
from labkit.core.run_files import read_run_files
from labkit.readings.reading import READING_FIELDS
from labkit.readings.replay import Replay

Typed = Callable[..., tuple[str, str]]


def labkit(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; its exit status has to be ``status``."""
    done = subprocess.run(
        [sys.executable, "-m", "labkit", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Return a function that runs a short command in this process: ten times as quick."""

    def run(*arguments: object, status: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == status, f"{out}\n{err}"
        return out, err

    return run


def test_from_produce_to_export(lab_dir: Path, topic: str, typed: Typed) -> None:
    data, out = lab_dir / "mine", lab_dir / "out"
    place = ("--topic", topic, "--data", data)
    produced = labkit("produce", "--topic", topic, "--count", 300, "--rate", 0, "--seed", 5)
    assert "300 readings emitted, 300 acknowledged" in produced.stdout
    consumed = labkit("consume", *place, "--group", f"{topic}-group", "--until-end")
    assert "300 records stored, 0 dead letters" in consumed.stdout

    ledger = json.loads(typed("ledger", *place, "--json")[0])
    assert ledger["agrees"]
    assert {ledger[stage]["records"] for stage in ("emitted", "acked", "topic", "csv")} == {300}
    assert len({ledger[stage]["grams"] for stage in ("emitted", "acked", "topic", "csv")}) == 1
    assert ledger["served"]["records"] is None

    for ending in ("csv", "json", "parquet"):
        typed("export", *place, "--out", out / f"readings.{ending}")
    with (out / "readings.csv").open(encoding="utf-8-sig", newline="") as file:
        as_csv = list(csv.DictReader(file))
    as_json = json.loads((out / "readings.json").read_text(encoding="utf-8"))
    as_parquet = pd.read_parquet(out / "readings.parquet")
    assert len(as_csv) == len(as_json) == len(as_parquet) == 300
    places = [(row["partition"], row["offset"]) for row in as_json]
    assert places == sorted(places)
    assert [row["reading_id"] for row in as_csv] == [row["reading_id"] for row in as_json]
    assert [float(row["co2_kg"]) for row in as_csv] == list(as_parquet["co2_kg"])
    own = [one.model_dump(mode="json") for one in Replay(out / "readings.csv").readings()]
    assert own == [{field: row[field] for field in READING_FIELDS} for row in as_json]

    labkit("produce", "--topic", topic, "--count", 10, "--rate", 0)
    behind, _ = typed("ledger", *place, status=1)
    assert "the consumer's lag is 10 records" in behind


def test_topics(lab_dir: Path, bootstrap_servers: str, typed: Typed) -> None:
    name = "typed-by-hand"
    made, _ = typed("topics", "create", name, "--partitions", 2, "--config", "retention.ms=60000")
    assert "2 partitions" in made
    typed("topics", "create", name, "--partitions", 2)
    _, differs = typed("topics", "create", name, "--partitions", 5, status=1)
    assert "num_partitions is 2, not 5" in differs
    assert "retention.ms=60000" in typed("topics", "describe", name)[0]
    assert name in typed("topics", "list")[0]
    altered, _ = typed("topics", "alter", name, "--partitions", 4, "--config", "retention.ms=")
    assert "4 partitions" in altered
    assert "retention.ms" not in altered
    assert "Delete the topic" in labkit("topics", "delete", name, status=1).stdout
    typed("topics", "delete", name, "--yes")
    out, error = typed("topics", "describe", name, status=1)
    assert out == ""
    assert "Next:" in error


@pytest.mark.usefixtures("lab_dir", "bootstrap_servers")
def test_a_refusal_tells_its_cause(topic_name: str, typed: Typed) -> None:
    typed("topics", "create", topic_name, "--config", "max.message.bytes=60")
    _, error = typed("produce", "--topic", topic_name, "--count", 3, "--rate", 0, status=1)
    assert "The broker refused" in error
    assert "last error: MessageSizeTooLarge" in error


def test_kafkas_own_tools(lab_dir: Path, topic: str) -> None:
    assert topic in labkit("kafka", "kafka-topics", "--list").stdout
    # 1 is what kafka-topics itself ends its help with; the status is the tool's, not ours.
    helped = labkit("kafka", "kafka-topics", "--help", status=1)
    assert "--bootstrap-server" in helped.stdout + helped.stderr
    assert "Next:" in labkit("kafka", "kafka-topcs", "--list", status=1).stderr


def start(lab_dir: Path, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a command that runs until it is stopped; its output goes to a file."""
    with (lab_dir / "output").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "labkit", *map(str, arguments)],
            stdout=output,
            stderr=subprocess.STDOUT,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


def wait_for_run_file(kind: str, process: subprocess.Popen[bytes]) -> None:

    def is_there() -> bool:
        assert process.poll() is None, "it ended before it was at work"
        return any(run["pid"] == process.pid for run in read_run_files(kind))

    wait_until(is_there, f"the run file of a {kind}")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("command", ["produce", "consume", "api"])
def test_a_stage_ends_when_it_is_asked_to(
    command: str, number: signal.Signals, status: int, lab_dir: Path, topic: str
) -> None:
    data = () if command == "produce" else ("--data", lab_dir / "data")
    with start(lab_dir, command, "--topic", topic, *data) as process:
        kind = {"produce": "producer", "consume": "consumer", "api": "api"}[command]
        wait_for_run_file(kind, process)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == status, (lab_dir / "output").read_text("utf-8")
    assert read_run_files(kind) == []
    assert "Traceback" not in (lab_dir / "output").read_text("utf-8")


def test_down_stops_what_other_terminals_started(lab_dir: Path, topic: str) -> None:
    with start(lab_dir, "produce", "--topic", topic, "--rate", 5) as process:
        wait_for_run_file("producer", process)
        (worker,) = json.loads(labkit("status", "--json").stdout)["workers"]
        assert (worker["kind"], worker["pid"]) == ("producer", process.pid)
        assert labkit("down").stdout.startswith("Stopped: producer")
        assert process.wait(PATIENCE_S) == 0
    assert labkit("down").stdout.startswith("Nothing")
    ledger = json.loads(labkit("ledger", "--topic", topic, "--json").stdout)
    assert ledger["emitted"] == ledger["acked"] == ledger["topic"], "stopped, not killed"
    assert ledger["emitted"]["records"] > 0


def test_status_tells_the_truth_after_a_kill(lab_dir: Path, topic: str) -> None:
    data = lab_dir / "data"
    with start(lab_dir, "consume", "--topic", topic, "--data", data) as process:
        wait_for_run_file("consumer", process)
        process.kill()
    status = json.loads(labkit("status", "--json").stdout)
    assert status["workers"] == []
    assert status["bootstrap_servers"]
    assert topic in {one["name"] for one in status["topics"]}
    with start(lab_dir, "api", "--topic", topic, "--data", data) as process:
        wait_for_run_file("api", process)
        assert json.loads(labkit("status", "--json").stdout)["api"].startswith("http://127.0.0.1:")
        process.kill()
    assert json.loads(labkit("status", "--json").stdout)["api"] is None


def test_down_leaves_the_process_of_a_notebook_alive(lab_dir: Path, topic: str) -> None:
    code = (
        "import labkit, time\n"
        f"producer = labkit.start_producer({topic!r}, readings_per_s=5)\n"
        "while producer.is_running: time.sleep(0.05)\n"
        "print('the notebook lives, and its producer has', producer.state)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as notebook:
        wait_for_run_file("producer", notebook)
        assert labkit("down").stdout.startswith("Stopped: producer")
        assert notebook.stdout is not None
        assert b"the notebook lives, and its producer has stopped" in notebook.stdout.read()
        assert notebook.wait(PATIENCE_S) == 0
