"""`labkit replay`, typed as a user types it, against the session's real broker."""

import gzip
import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from oracle import read_topic
from waiting import PATIENCE_S, wait_until
from written_tables import tables

import labkit as lab
from labkit.core.errors import ReplayError
from labkit.producer.producer import start_producer

pytestmark = pytest.mark.usefixtures("lab_dir")
TWO_ROWS = "time,co2_kg\n2025-01-01 00:00,1.5\n2025-01-01 01:00,2.25\n"


def replay(
    *arguments: object, status: int = 0, **options: object
) -> subprocess.CompletedProcess[bytes]:
    """Run ``labkit replay`` in a process of its own; its exit status has to be ``status``."""
    command = [sys.executable, "-m", "labkit", "replay", *map(str, arguments)]
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, **options)
    assert done.returncode == status, f"{done.stdout.decode()}\n{done.stderr.decode()}"
    return done


def in_topic(bootstrap_servers: str, topic: str) -> list[dict]:
    """Return the readings of a topic, without their ids, in the order of their times."""
    found = [one for part in read_topic(bootstrap_servers, topic).values() for one in part]
    return sorted((json.loads(one.value) for one in found), key=lambda one: one["recorded_at"])


def grams(readings: list[dict]) -> int:
    return sum(round(one["co2_kg"] * 1000) for one in readings)


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "own.csv"
    path.write_text(TWO_ROWS, encoding="utf-8")
    return path


def test_a_leap_year_by_file_by_gz_and_by_pipe(bootstrap_servers, topic, tmp_path):
    start = datetime(2024, 1, 1)
    rows = [f"{start + timedelta(hours=n)},{n * 37 % 9000}.{n % 1000:03}" for n in range(8_784)]
    year = "\n".join(["time,co2_kg", *rows]).encode()
    plain, packed = tmp_path / "year.csv", tmp_path / "year.csv.gz"
    plain.write_bytes(year)
    packed.write_bytes(gzip.compress(year))
    sent = []
    sources = ((plain, {}), (packed, {}), ("-", {"input": year}), ("/dev/stdin", {"input": year}))
    for number, (source, options) in enumerate(sources):
        name = f"{topic}-{number}"
        done = replay(source, "--topic", name, "--yes", "--speed", 0, **options)
        assert b"8784 acknowledged" in done.stdout.replace(b",", b"")
        sent.append(in_topic(bootstrap_servers, name))
    assert len(sent[0]) == 8_784
    assert grams(sent[0]) == sum(n * 37 % 9000 * 1000 + n % 1000 for n in range(8_784))
    assert all(one == sent[0] for one in sent)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables())
def test_the_topics_grams_are_the_tables_or_nothing_was_sent(
    bootstrap_servers, tmp_path_factory, written
):
    content, amounts = written
    path = tmp_path_factory.mktemp("replay") / "own.csv"
    path.write_bytes(content)
    topic = f"dialects-{path.parent.name}"
    lab.ensure_topic(topic)
    try:
        producer = start_producer(topic, replay=path, speed=0)
    except ReplayError:
        assert in_topic(bootstrap_servers, topic) == []
        return
    assert producer.wait(PATIENCE_S)
    producer.stop()
    assert grams(in_topic(bootstrap_servers, topic)) == sum(amounts.values())


def test_checking_sends_nothing_and_needs_no_broker(table, monkeypatch):
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    said = replay(table, "--check").stdout.decode()
    assert "'co2_kg' in kg; 3.750 kg in all" in said
    assert "from simulated plants, as the table lacks them: operator" in said
    assert "Nothing was sent" in said
    table.write_text(TWO_ROWS + "2025-01-01 02:00,x\n2025-01-01 03:00,\n", encoding="utf-8")
    failed = replay(table, "--check", status=1)
    assert b"line 4, column 'co2_kg': 'x' is not a number" in failed.stdout
    assert b"line 5, column 'co2_kg': '' is empty" in failed.stdout
    assert b"--skip-bad" in failed.stderr


def test_it_asks_and_refuses_where_nobody_can_answer(bootstrap_servers, topic, table):
    import pty

    failed = replay(table, "--topic", topic, status=1)
    assert b"there is no terminal" in failed.stderr
    assert b"--yes" in failed.stderr
    for answer, sent in ((b"n\n", 0), (b"y\n", 2)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = replay(table, "--topic", topic, "--speed", 0, stdin=theirs, status=0 if sent else 1)
        os.close(ours)
        os.close(theirs)
        assert f"Send 2 readings to the topic {topic}?".encode() in done.stderr
        assert len(in_topic(bootstrap_servers, topic)) == sent


def test_ctrl_c_and_on(bootstrap_servers, topic, tmp_path):
    start = datetime(2025, 1, 1)
    rows = [f"{start + timedelta(hours=n)},{n}.5" for n in range(2_000)]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["time,co2_kg", *rows]), encoding="utf-8")
    command = [sys.executable, "-m", "labkit", "replay", str(path), "--topic", topic, "--yes"]
    with subprocess.Popen(
        [*command, "--speed", "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_until(lambda: len(in_topic(bootstrap_servers, topic)) > 100)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err.decode()
    assert b"readings emitted" in out
    assert b"2025-01-01 00:00 to 2025-03-25 07:00, now at 2025-0" in err
    before = len(in_topic(bootstrap_servers, topic))
    assert before < 2_000
    again = replay(path, "--topic", topic, "--yes", "--speed", 0)
    assert f"{before:,} of 2,000 readings are in the topic already".encode() in again.stderr
    assert [one["co2_kg"] for one in in_topic(bootstrap_servers, topic)] == [
        n + 0.5 for n in range(2_000)
    ]
    done = replay(path, "--topic", topic, "--yes", "--speed", 0)
    assert b"Nothing to do" in done.stdout


def test_the_answers_are_options(bootstrap_servers, topic, tmp_path):
    path = tmp_path / "power.csv"
    path.write_text("Start;Site;Power\n03.04.2025 10:00;A;1.234\n", encoding="utf-8")
    failed = replay(path, "--check", status=1)
    assert b"'Power' says no unit; it may be MW, kW, GW" in failed.stderr
    answers = ["--map", "Power=kW", "--map", "Start=time"]
    assert b"--decimal comma" in replay(path, "--check", *answers, status=1).stderr
    answers += ["--decimal", "comma", "--zone", "Europe/Berlin", "--interval", "15min"]
    answers += ["--set", "fuel=lignite", "--set", "country=DE"]
    replay(path, "--topic", topic, "--yes", *answers)
    (reading,) = in_topic(bootstrap_servers, topic)
    assert reading["recorded_at"] == "2025-04-03T08:00:00.000Z"
    assert (reading["load_mw"], reading["interval_s"]) == (1.234, 900.0)
    assert (reading["facility"], reading["fuel"], reading["country"]) == ("A", "lignite", "DE")


def test_what_would_be_ignored_is_refused(table):
    command = [sys.executable, "-m", "labkit", "produce", "--replay", str(table)]
    for option in ("--rate", "--faults"):
        done = subprocess.run([*command, option, "0.5"], capture_output=True, timeout=PATIENCE_S)
        assert done.returncode == 1
        assert b"--rate, --faults and --clock do not apply" in done.stderr


def test_produce_replays_too_and_prints_what_it_understood(bootstrap_servers, topic, table):
    command = ["produce", "--replay", str(table), "--topic", topic, "--speed", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "labkit", *command], capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"'co2_kg' in kg; 3.750 kg in all" in done.stderr
    assert grams(in_topic(bootstrap_servers, topic)) == 3_750


def test_the_known_titles():
    said = replay("--titles").stdout.decode()
    assert "primary fuel type" in said
    assert "--map COLUMN=MEANING takes: kg, g, mg, t, kt, Mt, short-tons, lb, MW" in said
