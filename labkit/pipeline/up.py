"""``labkit up``: run the whole pipeline in one terminal, and show it."""

from __future__ import annotations

import math
import signal
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from filelock import FileLock, Timeout

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.rates import Rates
from labkit.core.run_files import RunFile, read_run_files, runs_on
from labkit.core.stop_signals import StopEvent, stop_event
from labkit.core.written_places import refuse_unwritable
from labkit.ledger.ledger import LedgerReader
from labkit.ledger.ledger_model import Ledger
from labkit.pipeline.pipeline import Pipeline, UpOptions
from labkit.pipeline.up_display import Display, Sample
from labkit.readings.simulated_clock import running_clock
from labkit.sink.partition_status import read_progress

FRAME_S = 0.25
"""The time between two frames of the live view."""
SAMPLE_S = 1.0
"""The time between two reads of the ledger."""
RATE_OVER_S = 10.0
CTRL_C_STATUS = 128 + signal.SIGINT


def run_up(options: UpOptions) -> int:
    """Start every stage, show them until the end, and stop them in an order that loses no record.

    Returns
    -------
    int
        The exit status: 0 if all went well and the ledger agrees, 1 if it does not, 130
        after Ctrl-C.

    Raises
    ------
    LabError
        A stage did not start, or ended unexpectedly; the others have been stopped.
    """
    refuse_unwritable(options.data_dir)
    display = Display(options.as_json)
    pipeline = Pipeline(options, display.say)
    with _only_one(pipeline):
        try:
            # Until the broker runs, Ctrl-C is a KeyboardInterrupt, so that it also ends a download.
            pipeline.start_api()
            pipeline.start_broker()
            stop = stop_event()
            pipeline.start_topic()
            pipeline.start_stages(lambda: not stop.is_set())
            ledger = _run(pipeline, display, stop)
        finally:
            display.end()
            pipeline.abandon()
    display.finish(pipeline, ledger)
    if stop.signal_number == signal.SIGINT:
        return CTRL_C_STATUS
    return 0 if ledger.agrees else 1


@contextmanager
def _only_one(pipeline: Pipeline) -> Iterator[None]:
    """Hold the lab's lock, so that two terminals do not run the same pipeline."""
    state_dir = load_config().state_dir
    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(state_dir / "up.lock", timeout=0).acquire()
    except Timeout as error:
        run: dict[str, Any] = next(iter(read_run_files("up")), {})
        where = f" (process {run['pid']}, the page is {run['url']})" if run.get("url") else ""
        msg = f"`labkit up` already runs in this lab{where}."
        raise LabError(msg, "labkit down, or use another folder") from error
    with lock:
        run_file = RunFile("up", "up", topic=pipeline.options.topic, url="")
        pipeline.run_file = run_file
        try:
            yield
        finally:
            run_file.remove()


def _run(pipeline: Pipeline, display: Display, stop: StopEvent) -> Ledger:
    """Show the stages until the time is over or a stop is asked for; then bring it to an end."""
    run_for_s = math.inf if pipeline.options.run_for_s is None else pipeline.options.run_for_s
    with LedgerReader(pipeline.options.topic, pipeline.options.data_dir) as reader:
        sampler = Sampler(reader)
        display.begin(pipeline)
        if pipeline.options.open_browser and not stop.is_set():
            webbrowser.open(pipeline.page)
        try:
            while not stop.wait(FRAME_S) and display.ran_s < run_for_s:
                pipeline.check()
                display.show(sampler.newest)
        finally:
            sampler.stop()
            display.end()
        stop.clear()  # a second Ctrl-C breaks the waiting off
        pipeline.stop("producer")
        ledger = pipeline.catch_up(reader, lambda: not stop.is_set())
        pipeline.stop("consumer")
    return ledger


class Sampler:
    """Reads the ledger about once a second in a thread, so that the picture never waits for it."""

    def __init__(self, reader: LedgerReader) -> None:
        self.newest: Sample | None = None
        self._reader = reader
        self._rates: Rates[str] = Rates(RATE_OVER_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="labkit-up-sampler", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                ledger = self._reader.read()
                counts = {name: stage.records for name, stage in ledger.stages.items()}
                rates = self._rates.add(started, counts)
                known = {name: rate for name, rate in rates.items() if rate is not None}
                statuses = read_progress(self._reader.data_dir, self._reader.topic)
                trouble = next((one for status in statuses for one in status.troubles), "")
                clock = running_clock(runs_on(self._reader.topic, "producer"))
                at = datetime.fromisoformat(clock["simulated_at"]) if clock else None
                time_there = f"{at:%d %b %H:%M} UTC" if at else ""
                self.newest = Sample(ledger, known, trouble, time_there)
            except LabError as error:
                if self.newest is not None:
                    self.newest.problem = error.what
            self._stop.wait(max(0.1, SAMPLE_S - (time.monotonic() - started)))

    def stop(self) -> None:
        """End the thread; the reader is free for others then."""
        self._stop.set()
        self._thread.join()
