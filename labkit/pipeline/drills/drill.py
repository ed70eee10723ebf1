"""What every drill has: steps with their seconds, and the two figures that matter at the end.

The **recovery time** (RTO) is how long no reading was acknowledged, or, where Kafka goes on, how
long none was stored. The **recovery point** (RPO) is what is missing afterwards, in readings and
tonnes of CO2. Both are measured, not promised.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, computed_field

from labkit.checker.check_result import Verdict
from labkit.checker.checker import check_pipeline
from labkit.checker.delivery_history import read_deliveries
from labkit.checker.independent_csv_reader import CsvReader
from labkit.consumer.consumer import start_consumer
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.text_tables import many
from labkit.pipeline.scratch_lab import lab_in, stop_everything
from labkit.producer.producer import Producer, start_producer
from labkit.sink.segment_files import partitions, topic_dir

if TYPE_CHECKING:
    from rich.console import Group

Say = Callable[[str], None]
SEND_S, STORE_S = 120.0, 120.0


class Step(BaseModel):
    """One step of a drill."""

    what: str
    took_s: float
    found: str = ""
    """What was seen, as a sentence."""
    problem: str = ""
    """What was not as it has to be."""


class Loss(BaseModel):
    """What is missing after a recovery."""

    readings: int
    tonnes: float

    def __str__(self) -> str:
        if not self.readings:
            return "nothing"
        return f"{many(self.readings, 'reading')}, {self.tonnes:,.3f} t of CO₂"


class DrillReport(BaseModel):
    """A drill from its first step to its last."""

    name: str
    steps: list[Step]
    rto_s: dict[str, float] = {}
    """Seconds without an acknowledged or stored reading, for each recovery that was rehearsed."""
    rpo: dict[str, Loss] = {}
    """What was missing after each of them."""
    folder: str = ""
    """The drill's lab, which is kept only if something went wrong."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether each step ended as it has to."""
        return not any(one.problem for one in self.steps)

    def view(self) -> Group:
        """Return the report for a terminal."""
        from rich.console import Group
        from rich.table import Table

        table = Table("step", title=f"Drill: {self.name}")
        table.add_column("seconds", justify="right")
        table.add_column("found")
        for one in self.steps:
            mark = "✘" if one.problem else "✔"
            table.add_row(f"{mark} {one.what}", f"{one.took_s:.1f}", one.problem or one.found)
        costs = Table("recovery", show_edge=False)
        costs.add_column("time (RTO)", justify="right")
        costs.add_column("lost (RPO)")
        for name, seconds in self.rto_s.items():
            costs.add_row(name, f"{seconds:.1f} s", str(self.rpo.get(name, "")))
        kept = [f"The lab of this drill is kept: {self.folder}"] if self.folder else []
        return Group(table, costs, *kept)


class Failed(LabError):
    """A step found what must not be; the drill ends there."""


class Drill:
    """The steps of a running drill, and what they all do: send, store, check."""

    def __init__(self, name: str, folder: Path, say: Say) -> None:
        self.folder, self._say = folder, say
        self.report = DrillReport(name=name, steps=[])
        self._sent = 0
        self._found = ""

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Do a step: tell it, time it, and keep what it found, or why it failed."""
        self._say(what)
        self._found, began, problem = "", time.monotonic(), ""
        try:
            yield
        except LabError as error:
            problem = error.what
            raise Failed(error.what, error.next_line) from error
        finally:
            took_s = round(time.monotonic() - began, 1)
            found = self._found
            self.report.steps.append(Step(what=what, took_s=took_s, found=found, problem=problem))

    def found(self, sentence: str) -> None:
        """Note what the step has seen."""
        self._found = f"{self._found} {sentence}".strip()

    def recovered(self, name: str, since: float, loss: Loss | None = None) -> None:
        """Note a recovery that began at ``since`` (`time.monotonic`), and what it lost."""
        self.report.rto_s[name] = round(time.monotonic() - since, 1)
        self.report.rpo[name] = loss or Loss(readings=0, tonnes=0.0)

    def send(self, count: int) -> None:
        """Send readings, and wait until the broker has acknowledged each.

        Raises
        ------
        WorkerFailed
            Not all were.
        """
        self.wait_until_acknowledged(self.start_sending(count), count)

    def start_sending(self, count: int) -> Producer:
        """Send readings that no earlier producer has sent, in the background."""
        self._sent += 1
        return start_producer(readings_per_s=0, count=count, seed=self._sent)

    def wait_until_acknowledged(self, producer: Producer, count: int) -> None:
        """Wait until the broker has acknowledged each reading; raise as `send`."""
        producer.wait(SEND_S)
        if producer.counts.acked != count:
            msg = f"{many(producer.counts.acked, 'reading')} of {count:,} were acknowledged"
            raise WorkerFailed(msg, "read the drill's logs")

    def store(self) -> Verdict:
        """Store what the topic holds, and `check` it."""
        consumer = start_consumer()
        consumer.wait_until_caught_up(STORE_S)
        consumer.stop()
        return self.check()

    def check(self) -> Verdict:
        """Compare topic, CSV and delivery logs.

        Raises
        ------
        WorkerFailed
            A record is lost, doubled or altered.
        """
        verdict = check_pipeline()
        if not verdict.holds:
            raise WorkerFailed(f"the check found {verdict.violations or verdict.state}", "")
        self.found(f"{sum(one.records for one in verdict.partitions):,} records, each stored once.")
        return verdict

    def missing(self) -> Loss:
        """Compare the delivery logs of all clusters with the rows that there are, by reading."""
        acked: dict[str, int] = {}
        for path in (load_config().state_dir / "journal").glob("*/*.csv"):
            for one in read_deliveries(path, path.stat().st_size):
                if one.event == "acked" and one.reading_id:
                    acked[one.reading_id] = one.co2_g or 0
        stored = topic_dir(load_config().data_path(), load_config().topic)
        rows = {
            row.cells["reading_id"]
            for one in partitions(stored)
            for row in CsvReader(stored, one).rows()
        }
        missing = acked.keys() - rows
        self.found(f"Of {len(acked):,} acknowledged readings, {len(missing):,} are missing.")
        return Loss(readings=len(missing), tonnes=sum(acked[one] for one in missing) / 1e6)


def run_drill(name: str, script: Callable[[Drill], None], say: Say) -> DrillReport:
    """Run a drill in a lab of its own, and stop all of it afterwards.

    Parameters
    ----------
    name : str
        What is rehearsed.
    script : callable
        Its steps. A step that fails ends the drill, and is in the report.
    say : callable
        Called with a sentence about each step.

    Returns
    -------
    DrillReport
        Whether it ``passed``, with the seconds and what was lost.
    """
    folder = Path(tempfile.mkdtemp(prefix="labkit-drill-"))
    drill = Drill(name, folder, say)
    with lab_in(folder):
        try:
            script(drill)
        except Failed:
            pass  # it is in the report
        finally:
            stop_everything()
    if drill.report.passed:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        drill.report.folder = str(folder)
    return drill.report
