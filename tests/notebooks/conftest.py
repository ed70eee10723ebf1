"""The lessons are run in three lanes at the same time, since most of a lesson is waiting.

alone: each in a lab of its own, with its blanks. in order: one after the other in one lab, with the
solutions. in reverse: the other way round in one lab, with the blanks.
"""

from __future__ import annotations

import asyncio
import sys
import threading
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

    async def follow(lane: str) -> None:
        shared = tmp_path_factory.mktemp(lane.replace(" ", "-"))
        for lesson in reversed(LESSONS) if lane == "in reverse" else LESSONS:
            if (lane, lesson) in wanted:
                folder = shared / lesson if lane == "alone" else shared
                notebook = solved(lesson) if lane == "in order" else read(lesson)
                found[lane, lesson].set_result(await run(lesson, notebook, folder))

    async def follow_all() -> None:
        await asyncio.gather(*map(follow, LANES))

    def in_thread() -> None:
        # Windows' own event loop cannot watch the kernels' sockets.
        loop = asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()
        try:
            loop.run_until_complete(follow_all())
        except BaseException as error:
            for future in found.values():
                if not future.done():
                    future.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=in_thread, name="lessons")
    thread.start()
    yield found
    thread.join(10)
    for process in psutil.Process().children(recursive=True) if thread.is_alive() else ():
        process.kill()  # the run was ended early: the lessons that go on are ended too
    thread.join()
