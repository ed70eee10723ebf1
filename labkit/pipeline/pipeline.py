"""The whole pipeline as one object that starts and stops: what ``labkit up`` runs.

Each stage is a separate process, started with the command that a user could type, so the result is
the same as that of the single commands.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.broker.broker import find_broker, start_broker
from labkit.broker.cluster_state import OWNER_PID
from labkit.consumer.consumer import Consumer
from labkit.core.background_workers import ChildProcess
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.run_files import RunFile, read_run_files
from labkit.ledger.ledger import LedgerReader
from labkit.ledger.ledger_model import Ledger
from labkit.producer.sent_counts import read_sent_counts
from labkit.topics.topics import ensure_topic

if TYPE_CHECKING:
    from labkit.broker.broker import Broker

Say = Callable[[str], None]

READY_S = 120.0
"""How long a stage may take to start: a few seconds, unless the machine is very busy."""
WEEK_S = 604_800  # the longest window that the page takes
CATCH_UP_S = 60.0
"""How long the consumer may take at the end to store the last records."""
STOPPED = {
    "producer": "stopped; every record it sent is accounted for",
    "consumer": "stopped; its offsets are committed",
    "api": "stopped",
}
"""The stages in the order in which they stop, and what is said then."""


@dataclass(frozen=True)
class UpOptions:
    """The options of the command line; see ``labkit up --help``."""

    topic: str
    data_dir: Path
    readings_per_s: float = 20.0
    seed: int = 7
    faults: float = 0.0
    clock: float | None = None
    workers: int = 1
    port: int | None = None
    run_for_s: float | None = None
    open_browser: bool = True
    as_json: bool = False


@dataclass
class Pipeline:
    """The stages of one ``labkit up``.

    Attributes
    ----------
    url : str
        The page's address, once the API answers.
    startup_s : dict of str to float
        How long each stage took to start, in seconds.
    """

    options: UpOptions
    say: Say
    url: str = ""
    startup_s: dict[str, float] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    broker: Broker | None = None
    topic_id: str = ""
    run_file: RunFile | None = None

    def start_api(self) -> None:
        """Start the API's process: it reads files only, so it need not wait for a broker."""
        port = [] if self.options.port is None else ["--port", str(self.options.port)]
        self.stages["api"] = ChildProcess("api", ["api", *self._place, *port])

    def start_broker(self) -> None:
        """Find the broker that the settings name or the lab runs; else start one.

        This process becomes one of its owners: the broker stops when its last owner ends.
        """
        started = time.monotonic()
        found = find_broker()
        if load_config().bootstrap_servers:
            what = "of your own, set by LABKIT_BOOTSTRAP_SERVERS,"
        elif found is not None:
            what = "found"
        else:
            what = "started"
            self.say("broker    starting Apache Kafka (the first time, it is fetched first) ...")
        os.environ[OWNER_PID] = str(os.getpid())
        self.broker = start_broker()
        self._done("broker", started, f"{what} at {self.bootstrap_servers}")

    @property
    def bootstrap_servers(self) -> str:
        """The cluster's bootstrap servers."""
        return self.broker.bootstrap_servers if self.broker is not None else ""

    @property
    def page(self) -> str:
        """The page's address: of a simulated time, as much is shown as ten minutes bring."""
        clock = self.options.clock or 1
        if not self.url or clock == 1:
            return self.url
        return f"{self.url.rstrip('/')}/?window_s={min(int(600 * clock), WEEK_S)}"

    def start_topic(self) -> None:
        """Create the topic if it does not exist."""
        started = time.monotonic()
        topic = ensure_topic(self.options.topic)
        self.topic_id = topic.topic_id
        self._done("topic", started, f"{topic.name}, {topic.num_partitions} partitions")

    def start_stages(self, keep_waiting: Callable[[], bool]) -> None:
        """Start consumer and producer at once, and wait until these and the API are ready."""
        options = self.options
        started = time.monotonic()
        self.say("stages    starting consumer, API and producer, each in a separate process ...")
        group_id = load_config().group_id
        self.stages["consumer"] = Consumer(
            "consumer", options.topic, group_id, options.data_dir, workers=options.workers
        )
        amounts = {"rate": options.readings_per_s, "seed": options.seed, "faults": options.faults}
        produce = ["produce", "--topic", options.topic]
        if options.clock is not None:
            amounts["clock"] = options.clock
        produce += [word for name, value in amounts.items() for word in (f"--{name}", str(value))]
        self.stages["producer"] = ChildProcess("producer", produce)
        waits: dict[str, Callable[[], str | None]] = {
            "producer": self._producer_ready,
            "api": self._api_ready,
            "consumer": self._consumer_ready,
        }
        while waits and keep_waiting():
            for name, ready in list(waits.items()):
                self.check(name)
                sentence = ready()
                if sentence is not None:
                    del waits[name]
                    self._done(name, started, sentence)
            if time.monotonic() - started > READY_S:
                late = next(iter(waits))
                msg = f"The {late} is not at work after {READY_S:g} s."
                raise WorkerFailed(msg, f"read its log: {self.stages[late].log_path}")
            time.sleep(0.05)

    @property
    def _place(self) -> list[str]:
        return ["--topic", self.options.topic, "--data", str(self.options.data_dir)]

    def _producer_ready(self) -> str | None:
        sent = read_sent_counts(self.topic_id).acked
        runs = any(run["pid"] == self.stages["producer"].pid for run in read_run_files("producer"))
        if not (runs and sent):
            return None
        clock = self.options.clock
        faster = f", in a time that runs {clock:g} times faster" if clock and clock > 1 else ""
        return f"sending {self.options.readings_per_s:g} readings/s{faster}"

    def _api_ready(self) -> str | None:
        for run in read_run_files("api"):
            if run["pid"] == self.stages["api"].pid:
                self.url = run["url"]
                if self.run_file is not None:
                    self.run_file.update(url=self.url)
                return f"serving {self.url}"
        return None

    def _consumer_ready(self) -> str | None:
        """Return a sentence once the group has assigned the partitions."""
        partitions = self.stages["consumer"].partitions
        if partitions is None:
            return None
        return f"storing {len(partitions)} partitions in {self.options.data_dir}"

    def check(self, name: str | None = None) -> None:
        """Raise an error with the last words of a stage that has ended unexpectedly."""
        for stage in (name,) if name else tuple(self.stages):
            child = self.stages[stage]
            if not child.is_running:
                words = child.why_it_failed() or "it said nothing"
                msg = f"The {stage} has ended: {words}"
                again = "labkit up   (the topic and the CSV go on where they were)"
                raise WorkerFailed(
                    msg, again if child.was_killed else f"read its log: {child.log_path}"
                )

    def stop(self, name: str) -> None:
        """Stop a stage if it runs: it first completes what it has begun."""
        child = self.stages.pop(name, None)
        if child is not None:
            child.stop()
            self.say(f"{name:<9} {STOPPED[name]}")

    def catch_up(self, reader: LedgerReader, keep_waiting: Callable[[], bool]) -> Ledger:
        """Wait until the topic's records are stored and served, and return the last ledger."""
        deadline = time.monotonic() + CATCH_UP_S
        ledger = reader.read()
        if ledger.lag:
            self.say(f"consumer  storing the last {ledger.lag:,} records ...")
        while not ledger.agrees and keep_waiting() and time.monotonic() < deadline:
            is_moving = ledger.lag or ledger.state == "on the way"
            if not is_moving or not self.stages["consumer"].is_running:
                break
            time.sleep(0.1)
            ledger = reader.read()
        return ledger

    def stop_broker(self) -> None:
        """Stop the broker, unless another process of the lab uses it."""
        if self.broker is None or not self.broker.is_own:
            return
        was_running = any(one.is_running for one in self.broker.nodes)
        if self.broker.leave():
            self.say("broker    left running: others use it")
        elif was_running:
            self.say("broker    stopped; the topics stay on disk")

    def abandon(self) -> None:
        """Stop what still runs, producer first; report errors and continue."""
        steps: list[Callable[[], None]] = [partial(self.stop, name) for name in STOPPED]
        for step in [*steps, self.stop_broker]:
            try:
                step()
            except LabError as error:
                self.say(error.what)

    def _done(self, name: str, started: float, sentence: str) -> None:
        self.startup_s[name] = round(time.monotonic() - started, 2)
        self.say(f"{name:<9} {sentence} ({self.startup_s[name]:.1f} s)")
