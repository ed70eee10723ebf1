"""The lessons are run in three lanes at the same time, since most of a lesson is waiting.

alone: each in a lab of its own, with its blanks. in order: one after the other in one lab, with the
solutions. in reverse: the other way round in one lab, with the blanks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest
from lessons import LANES, LESSONS, Run, read, run, solved

Runs = dict[tuple[str, str], "Future[Run]"]


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, session_lab_dir: Path
) -> Iterator[Runs]:
    """Run whatever lessons the collected tests ask for; a test waits for its own."""
    wanted = {
        (item.callspec.params["lane"], item.callspec.params["lesson"])
        for item in request.session.items
        if "lane" in getattr(getattr(item, "callspec", None), "params", {})
    }
    found: Runs = {key: Future() for key in wanted}

    def follow(lane: str) -> None:
        shared = tmp_path_factory.mktemp(lane.replace(" ", "-"))
        for lesson in reversed(LESSONS) if lane == "in reverse" else LESSONS:
            if (lane, lesson) in wanted:
                folder = shared / lesson if lane == "alone" else shared
                try:
                    notebook = solved(lesson) if lane == "in order" else read(lesson)
                    found[lane, lesson].set_result(run(lesson, notebook, folder))
                except BaseException as error:
                    found[lane, lesson].set_exception(error)

    threads = [threading.Thread(target=follow, args=[lane], name=lane) for lane in LANES]
    for thread in threads:
        thread.start()
    yield found
    deadline = time.monotonic() + 10
    while any(thread.is_alive() for thread in threads):
        if time.monotonic() > deadline:  # the run was ended early: what goes on is ended too
            wanted.clear()
            for process in psutil.Process().children(recursive=True):
                process.kill()
        time.sleep(0.2)
