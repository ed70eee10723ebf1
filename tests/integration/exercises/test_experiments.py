"""A fresh topic on a real broker: what is refused, and that nothing is lost by a refusal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kernel import Kernel
from waiting import wait_until

import labkit as lab
from labkit.core.errors import TopicRefused
from labkit.core.run_files import RunFile, runs_on
from labkit.exercises.engine import experiments

pytestmark = pytest.mark.usefixtures("bootstrap_servers")


@pytest.mark.parametrize(
    ("arguments", "wishes", "said", "next_line"),
    [
        (({"retention.ms": 3_600_000},), {}, "num_partitions must be", "config={'retention.ms'"),
        ((1, {"retention.ms": 60_000}), {}, "replication_factor must be", "config={'retention.ms'"),
        (("4",), {}, "from 1 to 10,000, not '4'", "num_partitions=4)"),
        ((0,), {}, "from 1 to 10,000, not 0", "num_partitions=1)"),
        ((True,), {}, "not True", "num_partitions=1)"),
        ((1, 40_000), {}, "from 1 to 32,767", "replication_factor=32767)"),
        ((1, 2), {}, "only 1 broker", "replication_factor=1)"),
        ((1,), {"config": {"retention.msec": 1}}, "retention.msec", "lab.fresh_topic("),
        ((1,), {"config": {"retention.ms": "soon"}}, "soon", "lab.fresh_topic("),
        ((1,), {"config": {"retention.ms"}}, "must be a dictionary", "config={"),
        ((1,), {"config": {"retention.ms": None}}, "must be text", "config={"),
    ],
)
def test_a_refusal_deletes_nothing(
    topic: str, arguments: tuple[Any, ...], wishes: dict[str, Any], said: str, next_line: str
) -> None:
    before = lab.describe_topic(topic)
    with pytest.raises(TopicRefused) as caught:
        lab.fresh_topic(topic, *arguments, **wishes)
    assert said in caught.value.what
    assert caught.value.next_line.startswith(f"lab.fresh_topic({topic!r}")
    assert next_line in caught.value.next_line
    assert lab.describe_topic(topic) == before


def test_the_line_for_settings_in_the_wrong_place_works(topic: str) -> None:
    with pytest.raises(TopicRefused) as caught:
        lab.fresh_topic(topic, {"retention.ms": 3_600_000})  # type: ignore[arg-type]
    made = eval(caught.value.next_line, {"lab": lab})
    assert made.config["retention.ms"] == "3600000"
    with pytest.raises(TopicRefused) as caught:
        lab.alter_topic(topic, {"retention.ms": None})  # type: ignore[arg-type]
    assert "retention.ms" not in eval(caught.value.next_line, {"lab": lab}).config


@pytest.fixture
def lab_topic(topic: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a topic the lab's own, and do not wait long for its users to end."""
    monkeypatch.setenv("LABKIT_TOPIC", topic)
    monkeypatch.setattr(experiments, "USERS_END_S", 0.2)
    return topic


def test_labkit_up_is_ended_in_its_terminal(lab_topic: str) -> None:
    up, its_producer = (RunFile(kind, kind, topic=lab_topic) for kind in ("up", "producer"))
    try:
        with pytest.raises(TopicRefused, match=r"in use by `labkit up` \(process") as caught:
            lab.fresh_topic(lab_topic)
        assert caught.value.next_line.startswith("press Ctrl-C in the terminal of `labkit up`")
    finally:
        up.remove()
        its_producer.remove()
    assert lab.fresh_topic(lab_topic).records == 0


def test_a_producer_of_a_terminal_is_ended_there(lab_topic: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labkit", "produce", "--topic", lab_topic, "--rate", "5"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_until(lambda: bool(runs_on(lab_topic, "producer")), "it runs")
            with pytest.raises(TopicRefused) as caught:
                lab.fresh_topic(lab_topic)
        finally:
            process.terminate()
            process.wait(30)
    assert f"a producer (process {process.pid}) of another program" in caught.value.what
    assert "labkit down" not in caught.value.next_line
    assert caught.value.next_line.startswith("press Ctrl-C in its terminal")


def test_what_another_notebook_runs_is_ended_there(lab_topic: str, tmp_path: Path) -> None:
    notebook = Kernel(tmp_path)
    try:
        notebook.run(f"producer = lab.start_producer({lab_topic!r}, 5)")
        with pytest.raises(TopicRefused, match=r"a producer .* of another notebook") as caught:
            lab.fresh_topic(lab_topic)
        assert caught.value.next_line.startswith("lab.stop_all() in that notebook")
        notebook.run("lab.stop_all()")
        assert lab.fresh_topic(lab_topic).records == 0
    finally:
        notebook.stop()
