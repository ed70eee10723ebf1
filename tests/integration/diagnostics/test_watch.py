"""``labkit watch`` beside a real pipeline: what dies is said, and a terminal is left clean."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faulty import a_consumer, kill, readings, send, stored
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker.broker import Broker
from labkit.diagnostics.watch.watcher import Watcher

WATCH = [sys.executable, "-m", "labkit", "watch"]


def once(*arguments: object) -> Any:
    """Run ``labkit watch --once --json`` as a script does; its status says what it has found."""
    command = [*WATCH, "--once", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert bool(found["problems"]) == done.returncode
    return found


def is_ours(what: str, topic: str) -> bool:
    """Leave out groups that earlier tests left on the session's broker."""
    return topic in what or not what.startswith("Group ")


def kinds(watcher: Watcher) -> set[str]:
    return {one.kind for one in watcher.read().problems if is_ours(one.what, watcher.topic)}


def test_a_killed_consumer_is_said_and_its_last_figures_are_not_shown(
    bootstrap_servers: str, topic: str, lab_dir: Path
) -> None:
    data = lab_dir / "data"
    place = ("--topic", topic, "--data", data)
    with Watcher(topic, data) as watcher, a_consumer("watched", topic, topic, data) as consumer:
        send(bootstrap_servers, topic, readings(50))
        wait_until(lambda: stored(data, topic) == 50, "50 rows")
        wait_until(lambda: not kinds(watcher), lambda: watcher.read().problems)
        found = once(*place)
        assert [one for one in found["problems"] if is_ours(one["what"], topic)] == []
        (group,) = [one for one in found["groups"] if one["group_id"] == topic]
        assert (group["lag"], group["trend"]) == (0, "caught up")
        kill(consumer)
        send(bootstrap_servers, topic, readings(40, seed=8))
        wait_until(lambda: "silent" in kinds(watcher), "its silence is said")

        def says_that_nobody_reads() -> bool:
            (mine,) = [one for one in watcher.read().groups if one.group_id == topic]
            return mine.trend_in_words == "nobody reads on" and mine.lag.records == 40

        wait_until(says_that_nobody_reads, "the group has no member, and 40 records wait")
        found = once(*place)
        ours = [one for one in found["problems"] if is_ours(one["what"], topic)]
        said = " ".join(one["what"] for one in ours)
        assert "has said nothing for" in said
        assert f"Group {topic} has no member, and 40 records" in said
        assert {one["next_line"] for one in ours} == {"labkit consume"}


def test_dead_letters_an_api_that_ends_and_its_ledger(
    bootstrap_servers: str, topic: str, lab_dir: Path
) -> None:
    lab.ensure_topic(f"{topic}.dlq", num_partitions=1)
    with (
        Watcher(topic, lab_dir / "data") as watcher,
        lab.start_api("data", port=0, topic=topic),
        a_consumer("letters", topic, topic, lab_dir / "data"),
    ):
        assert watcher.read().dead_letters == 0
        assert lab.start_producer(topic, 0, seed=7, count=200, faults=0.2).wait(PATIENCE_S)
        wait_until(lambda: kinds(watcher) == {"dead-letters"}, "the dead letters are said")
        wait_until(lambda: watcher.read().ledger_state == "agrees", "the ledger agrees")
        lab.stop_all()
        wait_until(lambda: "api" in kinds(watcher), "the API has ended, and it is said")
        assert watcher.read().ledger == "no API of this folder runs"


def test_without_a_broker_it_says_so_and_has_no_figures(lab_dir: Path) -> None:
    found = once()
    assert found["kafka"] is None
    assert found["groups"] == []
    assert found["problems"][0]["next_line"] == "labkit broker start"


def test_it_outlives_the_broker(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_BOOTSTRAP_SERVERS", raising=False)
    broker: Broker = lab.start_broker()
    topic = "co2-emissions"
    lab.ensure_topic(topic)
    with Watcher(topic, lab_dir / "data") as watcher:
        assert kinds(watcher) == set()
        broker.kill(1)
        assert kinds(watcher) == {"kafka"}
        assert watcher.read().groups == ()
        lab.start_broker()
        wait_until(lambda: kinds(watcher) == set(), "all is well again")


def test_the_terminal_view_leaves_a_clean_screen(bootstrap_servers: str, topic: str) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [*WATCH, "--topic", topic],
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        env=environment,
    )
    os.close(slave)
    seen = b""

    def text() -> str:
        nonlocal seen
        while select.select([master], [], [], 0.05)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:  # the process has ended
                break
        return seen.decode(errors="replace")

    try:
        wait_until(lambda: "Ctrl-C ends the watch" in text(), text)
        assert "\x1b[?1049h" in text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert "\x1b[?1049l" in text().rpartition("Ctrl-C ends the watch")[2]
        assert process.stderr is not None
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        if process.stderr is not None:
            process.stderr.close()
        os.close(master)
