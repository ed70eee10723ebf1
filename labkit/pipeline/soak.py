"""The soak: the whole pipeline on three brokers, fault upon fault, and the checker at the end.

Each round does every fault of the vocabulary once, in an order that the seed draws; each is undone
and timed until all that the topic held by then is stored. Left out are the faults that destroy
records by definition: there is nothing to recover from them.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from labkit.broker.broker import start_broker
from labkit.checker.checker import check_pipeline
from labkit.checker.independent_csv_reader import CsvReader
from labkit.consumer.consumer import Consumer, start_consumer
from labkit.core.background_workers import ChildProcess, register, stop_all
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.faults.faults import FAULTS, inject, mend
from labkit.faults.network_proxy import start_proxy
from labkit.ledger.stage_totals import served_totals
from labkit.pipeline.down import stop_lab
from labkit.pipeline.soak_report import SoakFault, SoakReport
from labkit.producer.producer import Producer, start_producer
from labkit.sink.segment_files import topic_dir
from labkit.topics.topics import describe_topic, ensure_topic

BROKERS = 3
LASTS_S = (3.0, 8.0)
RECOVERY_S = 90.0
"""How long the pipeline may take to get over a fault: no more than somebody would wait."""
CALM_S = 2.0
"""How long it runs undisturbed between two faults."""
START_READY_S = 60.0
POLL_S = 0.1
BAD_SHARE = 0.006  # bad records among the readings, as of a real chimney

Say = Callable[[str], None]


class Planned(NamedTuple):
    """One fault of a soak's plan."""

    name: str
    seed: int
    for_s: float


def schedule(seed: int) -> Iterator[Planned]:
    """Return the faults of a soak, without an end: the same seed, the same faults in that order."""
    names = sorted(name for name, kind in FAULTS.items() if not kind.destroys)
    dice = random.Random(f"soak-{seed}")  # noqa: S311 (repeatable, not secret)
    while True:
        dice.shuffle(names)
        for name in names:
            yield Planned(name, dice.randrange(10**6), round(dice.uniform(*LASTS_S), 1))


@dataclass(frozen=True)
class SoakOptions:
    """What was asked for on the command line; see ``labkit soak --help``."""

    run_for_s: float = 600.0
    seed: int = 7
    workers: int = 3
    readings_per_s: float = 100.0


def run_soak(options: SoakOptions, stop: threading.Event, say: Say) -> SoakReport:
    """Run the pipeline in a lab of its own, break it again and again, and check it at the end.

    Parameters
    ----------
    options : SoakOptions
        How long, and with which seed.
    stop : threading.Event
        Ends it early: what is broken is mended, and the verdict is still given.
    say : callable
        Told in a sentence what happens.

    Returns
    -------
    SoakReport
        Whether it ``passed``, and every figure of it.
    """
    folder = Path(tempfile.mkdtemp(prefix="labkit-soak-"))
    with _lab_in(folder):
        report = _run(options, stop, say)
    if report.passed:
        shutil.rmtree(folder, ignore_errors=True)
        return report
    return report.model_copy(update={"folder": str(folder)})


def _run(options: SoakOptions, stop: threading.Event, say: Say) -> SoakReport:
    began = time.monotonic()
    with ExitStack() as last:
        say(f"Starting {BROKERS} brokers, a topic, a producer, consumers and the API ...")
        broker = last.enter_context(start_broker(BROKERS))
        last.callback(_stop_everything)
        soak = Soak(options, stop, say)
        say(f"The pipeline flows on {len(broker.nodes)} brokers. Seed {options.seed}.")
        faults = soak.disturb(time.monotonic() + options.run_for_s)
        say("Mended; waiting until everything is stored, then comparing record by record ...")
        soak.settle()
        verdict = check_pipeline(seed=options.seed, wait_s=RECOVERY_S)
        served = soak.served(sum(one.rows for one in verdict.partitions))
    return SoakReport(
        seed=options.seed,
        wanted_s=options.run_for_s,
        took_s=round(time.monotonic() - began, 1),
        interrupted=stop.is_set(),
        faults=faults,
        served=served,
        verdict=verdict,
    )


class Soak:
    """A pipeline that is broken and mended."""

    def __init__(self, options: SoakOptions, stop: threading.Event, say: Say) -> None:
        config = load_config()
        self.topic, self.data_dir = config.topic, config.data_path()
        self._options, self._stop, self._say = options, stop, say
        ensure_topic(self.topic, num_partitions=3)
        start_proxy()  # what is started from here on goes through it, and can be cut off
        self.consumer: Consumer = start_consumer(workers=options.workers)
        register(ChildProcess("api", ["api"]))
        self.producer: Producer = start_producer(
            readings_per_s=options.readings_per_s, seed=options.seed, faults=BAD_SHARE
        )
        problem = self._recover(START_READY_S)
        if problem:
            raise WorkerFailed(f"The pipeline did not begin to flow: {problem}", "labkit doctor")

    def disturb(self, until: float) -> list[SoakFault]:
        """Do fault after fault until the time is over; end at one that is not got over."""
        done: list[SoakFault] = []
        for planned in schedule(self._options.seed):
            if self._stop.wait(CALM_S) or time.monotonic() >= until:
                break
            done.append(self._one(planned))
            if done[-1].problem:
                break
        return done

    def _one(self, planned: Planned) -> SoakFault:
        name, seed, for_s = planned
        report = SoakFault(name=name, seed=seed, for_s=for_s)
        try:
            fault = inject(name, for_s=for_s, seed=seed)
        except LabError as error:
            self._say(f"{name}: skipped: {error.what}")
            return report.model_copy(update={"skipped": error.what})
        began, problem = time.monotonic(), ""
        self._say(f"{name} for {for_s:g} s, seed {seed}: {fault.victim}")
        while fault.is_active and time.monotonic() < began + for_s and not self._stop.is_set():
            fault.wait(POLL_S)
        try:
            fault.mend()
            mended = time.monotonic()
            problem = self._recover(RECOVERY_S)
        except LabError as error:
            problem = error.what
        if problem:
            self._say(f"  NOT recovered: {problem}")
            return report.model_copy(update={"victim": fault.victim, "problem": problem})
        took_s = round(time.monotonic() - mended, 2)
        self._say(f"  recovered {took_s:.1f} s after its end; {self.producer.counts.acked:,} acked")
        return report.model_copy(update={"victim": fault.victim, "recovered_s": took_s})

    def _recover(self, timeout_s: float) -> str:
        """Wait until records flow again; return what keeps them from it, or an empty string.

        That is: another one was acknowledged, and all that the topic then holds is in the CSV.
        """
        deadline = time.monotonic() + timeout_s
        acked = self.producer.counts.acked
        while self.producer.counts.acked <= acked:
            if not self.producer.is_running:
                return f"the producer {self.producer.state}"
            if time.monotonic() > deadline:
                return f"nothing was acknowledged for {timeout_s:g} s: {self.producer!r}"
            time.sleep(POLL_S)
        return self._wait_until_stored(deadline)

    def _wait_until_stored(self, deadline: float) -> str:
        ends: dict[int, int | None] = {}
        behind = 0
        while time.monotonic() < deadline:
            with suppress(LabError, RuntimeError):  # as KafkaError is: ask again
                ends = ends or describe_topic(self.topic).end_offsets
            behind = sum(max(0, (end or 0) - self._position(one)) for one, end in ends.items())
            if ends and not behind:
                return ""
            if not self.consumer.is_running:
                return f"the consumers ended: {self.consumer.last_words()}"
            time.sleep(POLL_S)
        if not ends:
            return "no broker says how far the topic goes"
        return f"{behind:,} records are not stored yet; {self.consumer.status}"

    def _position(self, partition: int) -> int:
        return CsvReader(topic_dir(self.data_dir, self.topic), partition).last_offset() + 1

    def settle(self) -> None:
        """Let everything come to rest: nothing broken, nothing more sent, all of it stored."""
        mend()
        with suppress(WorkerFailed):  # the verdict tells, and the producer's own state did before
            self.producer.stop(30.0)
        problem = self._wait_until_stored(time.monotonic() + RECOVERY_S)
        if problem:
            self._say(f"NOT all is stored: {problem}")

    def served(self, rows: int) -> int | None:
        """Return how many readings the API serves, once it has had a moment to read them."""
        deadline = time.monotonic() + RECOVERY_S
        found = served_totals(self.data_dir, self.topic).records
        while found != rows and time.monotonic() < deadline:
            time.sleep(POLL_S)
            found = served_totals(self.data_dir, self.topic).records
        return found


def _stop_everything() -> None:
    """Stop what this process runs, and what faults have left; errors were told when they came."""
    with suppress(LabError):
        mend(revive=False)
    with suppress(LabError):
        stop_all(30.0)
    with suppress(LabError):
        stop_lab(lambda _what: None)


@contextmanager
def _lab_in(folder: Path) -> Iterator[None]:
    """Make another folder the lab, and forget every setting of the present one."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("LABKIT_")}
    for name in kept:
        if name not in ("LABKIT_CACHE_DIR", "LABKIT_AOT_CACHE"):
            del os.environ[name]
    os.environ["LABKIT_LAB_DIR"] = str(folder)
    os.environ["LABKIT_STATE_DIR"] = str(folder / ".labkit")
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("LABKIT_")]:
            del os.environ[name]
        os.environ.update(kept)
