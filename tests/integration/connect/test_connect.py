"""Kafka Connect for real: two workers, three tasks, one of the workers killed in mid-stream."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.broker.kafka_clients import admin
from labkit.connect.connect import Connect
from labkit.core.errors import WorkerFailed

FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@pytest.fixture(scope="module")
def connect(
    session_lab_dir: Path, broker: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connect]:
    folder = tmp_path_factory.mktemp("connected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_BOOTSTRAP_SERVERS", broker.bootstrap_servers)  # type: ignore[attr-defined]
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        with lab.start_connect(workers=2) as one:
            yield one


def sink(topic: str, path: Path, tasks: int = 3) -> dict[str, object]:
    return {
        "connector.class": FILE_SINK,
        "tasks.max": tasks,
        "topics": topic,
        "file": str(path),
    }


def committed(group_id: str) -> int:
    with admin() as client:
        return sum(one.offset for one in client.list_group_offsets(group_id)[group_id].values())


def test_a_killed_workers_tasks_move_and_every_record_has_a_line_at_least(
    connect: Connect, topic: str, tmp_path: Path
) -> None:
    path, name = tmp_path / "readings.txt", f"sink-{topic}"
    status = connect.create(name, sink(topic, path))
    assert status.is_running
    assert {one.worker for one in status.tasks} == {1, 2}
    producer = lab.start_producer(topic, readings_per_s=300, seed=7)
    wait_until(lambda: path.exists() and path.stat().st_size > 200_000, "Connect writes lines")
    connect.kill(2)
    assert "dead" in repr(connect)
    status = connect.wait(name, PATIENCE_S)
    assert [one.worker for one in status.tasks] == [1, 1, 1]
    producer.stop()
    wait_until(lambda: lab.count_lines(path, topic).missing == 0, "each record has a line")
    counted = lab.count_lines(path, topic)
    assert counted.records == producer.counts.acked > 0
    assert counted.lines == counted.records + counted.doubled
    assert counted.strange == 0
    # Its offsets are a consumer group's; they are committed now and then, and here at rest.
    wait_until(lambda: committed(f"connect-{name}") == counted.records, "the offsets follow")

    again = lab.start_connect(workers=2)
    assert again is connect
    wait_until(lambda: {one.worker for one in connect.tasks} == {1, 2}, "the tasks are shared out")
    connect.delete(name)
    assert name not in {one.connector for one in connect.tasks}


def test_other_settings_are_in_force_when_create_returns(
    connect: Connect, topic: str, tmp_path: Path
) -> None:
    name = f"sink-{topic}"
    assert len(connect.create(name, sink(topic, tmp_path / "a.txt", tasks=1)).tasks) == 1
    first = connect.status(name)
    assert connect.create(name, sink(topic, tmp_path / "a.txt", tasks=1)) == first
    with pytest.raises(WorkerFailed, match=rf"task 0 of {name} failed: .*NoSuchFile"):
        connect.create(name, sink(topic, tmp_path / "none" / "a.txt", tasks=1))
    assert len(connect.create(name, sink(topic, tmp_path / "a.txt", tasks=2)).tasks) == 2
    connect.delete(name)


def test_what_connect_refuses_is_told_in_its_words(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(lab.LabError, match="there is no connector nobody"):
        connect.status("nobody")
    with pytest.raises(lab.LabError, match="Failed to find any class"):
        connect.create("other", {"connector.class": "NoSuchConnector", "topics": "t"})
    with pytest.raises(lab.LabError, match="there is no worker 7 alive"):
        connect.kill(7)


def test_it_listens_on_loopback_alone(connect: Connect) -> None:
    for one in connect.workers:
        assert one.process is not None
        places = psutil.Process(one.process.pid).net_connections(kind="inet")
        listening = [place.laddr for place in places if place.status == psutil.CONN_LISTEN]
        assert {place.port for place in listening} == {one.port}
        assert {place.ip.removeprefix("::ffff:") for place in listening} == {"127.0.0.1"}


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labkit", "connect", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def test_from_a_terminal_it_starts_runs_on_and_stops(lab_dir: Path, bootstrap_servers: str) -> None:
    assert "labkit connect start" in typed("status").stderr
    started = typed("start", "--workers", "1", "--group", "typed-connect")
    assert started.returncode == 0, started.stderr
    assert "worker 1 at http://127.0.0.1:" in started.stdout
    assert "no connector yet" in typed("status").stdout
    assert "typed-connect have stopped" in typed("stop").stdout
    assert typed("status").returncode == 1


def test_it_ends_when_its_program_ends(lab_dir: Path, bootstrap_servers: str) -> None:
    """Even one that is killed: the supervisor sees that nobody is left to run it for."""
    program = "import labkit as lab; c = lab.start_connect(1, 'short-lived'); print(c.workers[0]."
    program += "process.pid, flush=True); import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert psutil.pid_exists(pid)
        owner.kill()
    wait_until(lambda: not psutil.pid_exists(pid), "the worker has ended")
