import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.consumer.consumer import Consumer
from labkit.core import background_workers
from labkit.core.background_workers import ChildProcess, ThreadWorker
from labkit.core.errors import WorkerFailed

needs_signals = pytest.mark.skipif(os.name == "nt", reason="there are no signals")


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    yield
    background_workers.stop_all()


def killed(worker: ChildProcess) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(10.0)


@needs_signals
def test_stop_all_stops_the_rest_although_a_worker_was_killed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flows = ThreadWorker("producer", lambda stop: stop.wait() and None)
    background_workers.register(flows)
    child = ChildProcess("api", ["api", "--port", "0"])
    background_workers.register(child)
    killed(child)
    background_workers.stop_all()
    assert capsys.readouterr().out == (
        "The api was killed by signal 9 (Killed). It was no longer running.\n"
    )
    assert not flows.is_running
    background_workers.stop_all()
    assert capsys.readouterr().out == ""


def test_stop_all_raises_what_goes_wrong_while_it_stops_a_running_worker() -> None:
    def fails(stop: threading.Event) -> None:
        stop.wait()
        raise OSError("no space left")

    background_workers.register(ThreadWorker("producer", fails))
    with pytest.raises(WorkerFailed, match="the producer failed: no space left"):
        background_workers.stop_all()


@needs_signals
def test_a_killed_consumer_says_the_line_that_starts_it_again(tmp_path: Path) -> None:
    consumer = Consumer("second", "lesson08", "lesson08-csv", tmp_path, workers=2)
    killed(consumer)
    assert consumer.state == "killed by signal 9 (Killed)"
    with pytest.raises(WorkerFailed, match=r"^the second was killed by signal 9") as caught:
        consumer.stop()
    assert caught.value.next_line == (
        f"second = lab.start_consumer('lesson08', 'lesson08-csv', {str(tmp_path)!r}, "
        "name='second', workers=2)"
    )


def test_a_worker_that_failed_by_itself_names_its_log() -> None:
    child = ChildProcess("api", ["no-such-command"])
    assert child.wait(30.0)
    with pytest.raises(WorkerFailed, match="the api failed") as caught:
        child.stop()
    assert caught.value.next_line == f"read its log: {child.log_path}"
