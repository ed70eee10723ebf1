"""The soak: the whole pipeline on three brokers, fault after fault, and the checker at the end.

Each round injects every fault once, in an order drawn from the seed. Each is undone, and the time
is taken until everything that the topic holds by then is stored. Faults that destroy records are
left out: there is nothing to recover from them.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pydantic import BaseModel, computed_field

from labkit.broker.broker import start_broker
from labkit.checker.check_result import Verdict
from labkit.checker.checker import check_pipeline
from labkit.checker.independent_csv_reader import CsvReader
from labkit.consumer.consumer import Consumer, start_consumer
from labkit.core.background_workers import ChildProcess, register
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.wait_until import wait_until
from labkit.faults.faults import FAULTS, inject, mend
from labkit.faults.network_proxy import start_proxy
from labkit.ledger.stage_totals import served_totals
from labkit.pipeline.scratch_lab import lab_in, stop_everything
from labkit.producer.producer import Producer, start_producer
from labkit.sink.segment_files import topic_dir
from labkit.topics.topics import describe_topic, ensure_topic

if TYPE_CHECKING:
    from rich.console import Group

BROKERS = 3
LASTS_S = (3.0, 8.0)
RECOVERY_S = 90.0
"""How long the pipeline may take to recover from a fault."""
CALM_S = 2.0
"""How long it runs without a fault between two faults."""
START_READY_S = 60.0
POLL_S = 0.1
BAD_SHARE = 0.006  # malformed records among the readings, as from a real chimney

Say = Callable[[str], None]


class SoakFault(BaseModel):
    """One fault of a soak, planned or done."""

    name: str
    seed: int
    for_s: float
    victim: str = ""
    recovered_s: float | None = None
    """Seconds from its end until everything in the topic was stored; None if it was not."""
    skipped: str = ""
    """Why it could not be injected here."""
    problem: str = ""
    """What prevented the recovery."""


def schedule(seed: int) -> Iterator[SoakFault]:
    """Yield the faults of a soak without end: the same seed gives the same faults in that order."""
    names = sorted(name for name, kind in FAULTS.items() if not kind.destroys)
    dice = random.Random(f"soak-{seed}")  # noqa: S311 (repeatable, not secret)
    while True:
        dice.shuffle(names)
        for name in names:
            fault_seed, for_s = dice.randrange(10**6), round(dice.uniform(*LASTS_S), 1)
            yield SoakFault(name=name, seed=fault_seed, for_s=for_s)


class SoakReport(BaseModel):
    """A soak from its first fault to the checker's verdict."""

    seed: int
    wanted_s: float
    took_s: float
    interrupted: bool = False
    faults: list[SoakFault] = []
    served: int | None = None
    """Readings that the API serves at the end; None if it does not answer."""
    folder: str = ""
    """The soak's lab, which is kept only if something went wrong."""
    verdict: Verdict

    @computed_field  # type: ignore[prop-decorator]
    @property
    def injected(self) -> int:
        """How many faults were injected."""
        return sum(not one.skipped for one in self.faults)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recovered(self) -> int:
        """How many of them the pipeline recovered from."""
        return sum(one.recovered_s is not None for one in self.faults)

    @property
    def seconds(self) -> list[float]:
        """How long each recovery took, in seconds."""
        return [one.recovered_s for one in self.faults if one.recovered_s is not None]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def median_s(self) -> float | None:
        """The median of the recoveries, in seconds."""
        return round(median(self.seconds), 1) if self.seconds else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def worst_s(self) -> float | None:
        """The longest recovery, in seconds."""
        return max(self.seconds, default=None)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def serves_all(self) -> bool:
        """Whether the API serves what the CSV holds."""
        return self.served == sum(one.rows for one in self.verdict.partitions)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether the promise held, all faults were recovered from, and the API serves it all."""
        return self.verdict.holds and self.recovered == self.injected and self.serves_all

    def figures(self) -> dict[str, str]:
        """Return the table of the whole soak."""
        kinds = self.verdict.violations
        return {
            "faults injected": str(self.injected),
            "recovered": str(self.recovered),
            "seconds to recover, median": _seconds(self.median_s),
            "seconds to recover, worst": _seconds(self.worst_s),
            "records": f"{sum(one.records for one in self.verdict.partitions):,}",
            "acknowledged": f"{self.verdict.acked:,}",
            "refused": f"{self.verdict.failed:,}",
            "without an answer, of those in the topic": (
                f"{self.verdict.unknown:,}, {self.verdict.unknown_in_topic:,}"
            ),
            "lost": f"{kinds.get('lost', 0):,}",
            "doubled": f"{kinds.get('doubled', 0):,}",
            "served by the API": "no answer" if self.served is None else f"{self.served:,}",
        }

    def view(self) -> Group:
        """Return the report for a terminal."""
        from rich.console import Group
        from rich.table import Table

        faults = Table("fault", title=f"Faults, seed {self.seed}")
        for name in ("done", "recovered", "seconds, worst"):
            faults.add_column(name, justify="right")
        for name in sorted({one.name for one in self.faults}):
            mine = [one for one in self.faults if one.name == name]
            done = [one for one in mine if not one.skipped]
            well = [one.recovered_s for one in done if one.recovered_s is not None]
            shown = name if done else f"{name}: {mine[0].skipped}"
            faults.add_row(shown, str(len(done)), str(len(well)), _seconds(max(well, default=None)))
        whole = Table(show_header=False)
        for name, figure in self.figures().items():
            whole.add_row(name, figure)
        told = [f"{one.name}, seed {one.seed}: {one.problem}" for one in self.faults if one.problem]
        if self.folder:
            told.append(f"The lab of this soak is kept: {self.folder}")
        return Group(self.verdict.view(), faults, whole, *told)


@dataclass(frozen=True)
class SoakOptions:
    """The options of the command line; see ``labkit soak --help``."""

    run_for_s: float = 600.0
    seed: int = 7
    workers: int = 3
    readings_per_s: float = 100.0


def run_soak(options: SoakOptions, stop: threading.Event, say: Say) -> SoakReport:
    """Run the pipeline in a separate lab, break it repeatedly, and check it at the end.

    Parameters
    ----------
    options : SoakOptions
        How long, and with which seed.
    stop : threading.Event
        Ends it early: faults are undone, and the verdict is still given.
    say : callable
        Called with a sentence about each event.

    Returns
    -------
    SoakReport
        Whether it ``passed``, and all figures.
    """
    folder = Path(tempfile.mkdtemp(prefix="labkit-soak-"))
    with lab_in(folder):
        report = _run(options, stop, say)
    if report.passed:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        report.folder = str(folder)
    return report


def _run(options: SoakOptions, stop: threading.Event, say: Say) -> SoakReport:
    began = time.monotonic()
    with ExitStack() as last:
        say(f"Starting {BROKERS} brokers, a topic, a producer, consumers and the API ...")
        broker = last.enter_context(start_broker(BROKERS))
        last.callback(stop_everything)
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
        start_proxy()  # clients that start from here on go through it, and can be cut off
        self.consumer: Consumer = start_consumer(workers=options.workers)
        register(ChildProcess("api", ["api"]))
        self.producer: Producer = start_producer(
            readings_per_s=options.readings_per_s, seed=options.seed, faults=BAD_SHARE
        )
        try:
            self._recover(START_READY_S)
        except WorkerFailed as error:
            msg = f"The pipeline did not begin to flow: {error.what}"
            raise WorkerFailed(msg, "labkit doctor") from error

    def disturb(self, until: float) -> list[SoakFault]:
        """Inject fault after fault until the time is over, or one does not recover."""
        done: list[SoakFault] = []
        for planned in schedule(self._options.seed):
            if self._stop.wait(CALM_S) or time.monotonic() >= until:
                break
            self._inject(planned)
            done.append(planned)
            if planned.problem:
                break
        return done

    def _inject(self, report: SoakFault) -> None:
        """Inject a planned fault, and report in it how it went."""
        name, seed, for_s = report.name, report.seed, report.for_s
        try:
            fault = inject(name, for_s=for_s, seed=seed)
        except LabError as error:
            self._say(f"{name}: skipped: {error.what}")
            report.skipped = error.what
            return
        report.victim = fault.victim
        self._say(f"{name} for {for_s:g} s, seed {seed}: {fault.victim}")
        until = time.monotonic() + for_s
        try:
            while fault.is_active and time.monotonic() < until and not self._stop.is_set():
                fault.wait(POLL_S)
            fault.mend()
            mended = time.monotonic()
            self._recover(RECOVERY_S)
        except LabError as error:
            self._say(f"  NOT recovered: {error.what}")
            report.problem = error.what
            return
        report.recovered_s = took_s = round(time.monotonic() - mended, 2)
        self._say(f"  recovered {took_s:.1f} s after its end; {self.producer.counts.acked:,} acked")

    def _recover(self, timeout_s: float) -> None:
        """Wait until records flow again, or raise a `WorkerFailed` that says why they do not.

        They flow when another record is acknowledged, and everything that the topic then holds is
        in the CSV.
        """
        deadline = time.monotonic() + timeout_s
        acked = self.producer.counts.acked

        def is_acknowledged() -> bool:
            if not self.producer.is_running:
                raise WorkerFailed(f"the producer {self.producer.state}")
            return self.producer.counts.acked > acked

        def error() -> WorkerFailed:
            return WorkerFailed(f"nothing was acknowledged for {timeout_s:g} s: {self.producer!r}")

        wait_until(is_acknowledged, timeout_s, error, every_s=POLL_S)
        self._wait_until_stored(deadline - time.monotonic())

    def _wait_until_stored(self, timeout_s: float) -> None:
        folder = topic_dir(self.data_dir, self.topic)
        ends: dict[int, int | None] = {}
        behind = 0

        def is_stored() -> bool:
            nonlocal ends, behind
            with suppress(LabError, RuntimeError):  # KafkaError is a RuntimeError: ask again
                ends = ends or describe_topic(self.topic).end_offsets
            last = {one: CsvReader(folder, one).last_offset() for one in ends}
            behind = sum(max(0, (end or 0) - last[one] - 1) for one, end in ends.items())
            if ends and not behind:
                return True
            if not self.consumer.is_running:
                raise WorkerFailed(f"the consumers ended: {self.consumer.last_words()}")
            return False

        def error() -> WorkerFailed:
            if not ends:
                return WorkerFailed("no broker says how far the topic goes")
            return WorkerFailed(f"{behind:,} records are not stored yet; {self.consumer.status}")

        wait_until(is_stored, timeout_s, error, every_s=POLL_S)

    def settle(self) -> None:
        """Mend everything, stop the producer, and wait until all records are stored."""
        mend()
        with suppress(WorkerFailed):  # the verdict tells, as the producer's state did before
            self.producer.stop(30.0)
        try:
            self._wait_until_stored(RECOVERY_S)
        except WorkerFailed as error:
            self._say(f"NOT all is stored: {error.what}")

    def served(self, rows: int) -> int | None:
        """Return how many readings the API serves, after giving it time to read them all."""

        def count() -> int | None:
            return served_totals(self.data_dir, self.topic).records

        with suppress(TimeoutError):
            wait_until(lambda: count() == rows, RECOVERY_S, every_s=POLL_S)
        return count()


def _seconds(number: float | None) -> str:
    return "–" if number is None else f"{number:.1f}"
