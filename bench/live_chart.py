"""The live chart's cost, compared with a matplotlib figure that is redrawn for each update.

Both run in a real JupyterLab, in tabs of one headless Chromium, five updates a second, 600 points
in seven lines. It counts the processor time of the kernel and of all of Chromium's processes,
minus what they use while no chart moves. The lab's chart reads its points from the CSV, to which a
round of readings is added before each update; matplotlib's are given to it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page

from bench import peers
from bench.broker_start import new_lab
from bench.chromium import chromium
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn
from bench.jupyterlab import SLOW_MS, jupyterlab, open_and_run, write_notebook
from bench.make_csv import make_csv

LINES, POINTS = 7, 86  # seven sectors: 602 points
UPDATES_PER_S = 5.0
PLANTS = 24
WARM_UP_S = 3.0
PEER = "matplotlib, the whole figure redrawn in an Output"
OUR_CELLS = (
    """import os, time
from pathlib import Path
import labkit as lab
folder = Path(os.environ["BENCH_FOLDER"])
(folder / "pid").write_text(str(os.getpid()))
while not (folder / "go").exists():
    time.sleep(0.1)""",
    f"""chart = lab.live_chart(window_s={POINTS}, updates_per_s={UPDATES_PER_S})
updates = 0
def count(_change):
    global updates
    updates += 1
    (folder / "updates").write_text(str(updates))
chart.observe(count, "snapshot")
chart""",
)


@dataclass
class Cost:
    """Milliseconds of processor time for one update."""

    kernel: float
    browser: float


@dataclass
class Notebook:
    """One notebook in its tab: how to let its chart move, and what that costs."""

    folder: Path
    page: Page
    moving: Callable[[], object]
    idle_kernel: float = 0.0

    @property
    def kernel_s(self) -> float:
        """Return the kernel's processor time so far."""
        times = psutil.Process(int((self.folder / "pid").read_text())).cpu_times()
        return times.user + times.system

    @property
    def updates(self) -> int:
        """Return how many updates there were."""
        told = self.folder / "updates"
        if not told.exists():
            return 0
        while not (text := told.read_text()):  # it is being written at this moment
            time.sleep(0.001)
        return int(text)


def measure(scale: Scale) -> list[Figure]:
    """Return milliseconds of processor time for one update: both parts, and each alone."""
    window_s = scale.of(5, 3)
    with ExitStack() as stack:
        stack.enter_context(new_lab())
        browser = stack.enter_context(chromium())
        ours = stack.enter_context(our_notebook(browser))
        theirs = stack.enter_context(their_notebook(browser))
        browser_idle = rest([ours, theirs], window_s)
        for one in (ours, theirs):
            cost(one, WARM_UP_S, browser_idle)
        pairs = in_turn(
            scale.rounds,
            lambda: cost(ours, window_s, browser_idle),
            lambda: cost(theirs, window_s, browser_idle),
            warm_up=False,
        )
    return figures(pairs)


def figures(pairs: Sequence[tuple[Cost, ...]]) -> list[Figure]:
    """Return the rows: what the bar is for first, then its two parts."""
    parts: dict[str, Callable[[Cost], float]] = {
        "kernel and browser": lambda one: one.kernel + one.browser,
        "kernel alone": lambda one: one.kernel,
        "browser alone": lambda one: one.browser,
    }
    note = f"processor time; {LINES * POINTS} points, {UPDATES_PER_S:g} updates a second asked for"
    return [
        from_pairs(
            f"live chart: an update, {name}",
            "ms",
            PEER,
            [(part(a), part(b)) for a, b in pairs],
            quotient="peer/lab",
            bar=Bar("≥", 20) if name == "kernel and browser" else None,
            note=note,
        )
        for name, part in parts.items()
    ]


@contextmanager
def our_notebook(browser: Browser) -> Iterator[Notebook]:
    """Show the lab's live chart, over a CSV that grows while the chart is to move."""
    folder = Path(os.environ["LABKIT_LAB_DIR"])
    feed = Feed(folder / "data")
    write_notebook(folder, *OUR_CELLS)
    with jupyterlab(folder, {"BENCH_FOLDER": str(folder)}) as address, tab(browser) as page:
        open_and_run(page, address, "lesson.ipynb")
        yield Notebook(folder, page, feed.write)


@contextmanager
def their_notebook(browser: Browser) -> Iterator[Notebook]:
    """Show matplotlib's, in the kernel of the peers' own Python."""
    with new_lab() as folder, tab(browser) as page:
        kernel = folder / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        spec = {
            "argv": [str(peers.python()), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        source = (peers.PROGRAMS / "matplotlib_chart.py").read_text(encoding="utf-8")
        write_notebook(folder, source)
        told = {
            "BENCH_FOLDER": str(folder),
            "BENCH_LINES": str(LINES),
            "BENCH_POINTS": str(POINTS),
            "JUPYTER_PATH": str(kernel.parents[1]),
        }
        with jupyterlab(folder, told) as address:
            open_and_run(page, address, "lesson.ipynb")
            yield Notebook(folder, page, lambda: None)
            (folder / "end").touch()


@contextmanager
def tab(browser: Browser) -> Iterator[Page]:
    """Open a tab as large as a small screen."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        yield page
    finally:
        page.close()


class Feed:
    """Adds a second's readings of all plants at each call: the chart moves by one point."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._at = datetime.now(UTC)
        self._add(2 * POINTS)

    def write(self) -> None:
        """Add one round."""
        self._add(1)

    def _add(self, rounds: int) -> None:
        self._at += timedelta(seconds=rounds)
        make_csv(self._data, PLANTS * rounds, until=self._at)


def rest(notebooks: list[Notebook], window_s: float) -> float:
    """Record what the kernels use while nothing moves; return what Chromium uses per second."""
    for one in notebooks:
        wait_for(one, (one.folder / "pid").exists)
    time.sleep(WARM_UP_S)
    browser, kernels = browser_s(), [one.kernel_s for one in notebooks]
    time.sleep(window_s)
    for one, before in zip(notebooks, kernels, strict=True):
        one.idle_kernel = (one.kernel_s - before) / window_s
    return (browser_s() - browser) / window_s


def cost(one: Notebook, window_s: float, browser_idle: float) -> Cost:
    """Let one chart move for a while, and return the cost of an update."""
    one.page.bring_to_front()
    (one.folder / "go").touch()
    before = one.updates
    with moving(one):
        wait_for(one, lambda: one.updates > before)
        began, updates, kernel, browser = time.monotonic(), one.updates, one.kernel_s, browser_s()
        one.page.wait_for_timeout(window_s * 1000)
        took = time.monotonic() - began
        updates = one.updates - updates
        kernel, browser = one.kernel_s - kernel, browser_s() - browser
    (one.folder / "go").unlink()
    one.page.wait_for_timeout(1_000)  # until what is on its way is drawn
    assert updates >= took, f"only {updates} updates in {took:.0f} s"
    in_ms = 1000 / updates
    return Cost((kernel - one.idle_kernel * took) * in_ms, (browser - browser_idle * took) * in_ms)


@contextmanager
def moving(one: Notebook) -> Iterator[None]:
    """Feed a chart, a little ahead of each of its updates."""
    ended = threading.Event()

    def feed() -> None:
        while not ended.wait(1 / UPDATES_PER_S):
            one.moving()

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def browser_s() -> float:
    """Return the processor time of all of Chromium's processes that we started, so far."""
    total = 0.0
    for one in psutil.Process().children(recursive=True):
        if "chrom" in one.name():
            times = one.cpu_times()
            total += times.user + times.system
    return total


def wait_for(one: Notebook, holds: Callable[[], bool]) -> None:
    """Wait, while the page keeps running."""
    deadline = time.monotonic() + SLOW_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, f"nothing happens in {one.folder}"
        one.page.wait_for_timeout(50)
