"""The restore drill: the disks of the broker and of the CSV are gone, then the CSV's machine.

The CSV is the pipeline's memory: it goes on where Kafka's log is lost. But a cluster that is made
again is *another* cluster, with other topic ids, and offsets that begin at 0. So the lab refuses to
append to the old CSV, and its rows are sent into the new topic once more. What no copy has are the
readings that were acknowledged and not stored yet. The delivery logs of the producers name them.

Where Kafka lives, a backup of the CSV is enough: any lab goes on from where it ends.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from labkit.broker.broker import Broker, start_broker, stop_cluster
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.consumer.consumer import start_consumer
from labkit.core.background_workers import stop_all
from labkit.core.config import load_config
from labkit.core.environment_variables import environment
from labkit.core.errors import LabError
from labkit.ledger.verdict_sentences import NO_LOG
from labkit.pipeline.drills.drill import SEND_S, STORE_S, Drill
from labkit.pipeline.scratch_lab import lab_in
from labkit.producer.producer import start_producer
from labkit.readings.replay.replay import Replay
from labkit.sink.segment_files import topic_dir
from labkit.topics.topics import ensure_topic

BACKED_UP, STORED, WAITING = 1_000, 400, 200


def restore(drill: Drill) -> None:
    """Run the steps; see `labkit.pipeline.drills.drill.run_drill`."""
    old, copy = drill.folder / "old-data", drill.folder / "backup"
    with drill.step(f"A pipeline stores {BACKED_UP:,} readings; the CSV is backed up"):
        broker = start_broker()
        ensure_topic()
        drill.send(BACKED_UP)
        drill.store()
        shutil.copytree(load_config().data_path(), copy)
    with drill.step(f"{STORED} more are stored, and {WAITING} are in Kafka alone"):
        drill.send(STORED)
        drill.store()
        drill.send(WAITING)
    with drill.step("The broker is killed, and its disk is gone"):
        began = _lose_the_broker(broker)
    with drill.step("A new cluster: the old CSV is of another topic, and is refused"):
        start_broker()
        ensure_topic()
        drill.found(_refusal())
        load_config().data_path().rename(old)
    with drill.step("The rows of the old CSV are sent into the new topic, and stored"):
        _replay(drill, old)
        drill.recovered("the broker's disk", began, drill.missing())
    _expect(drill, "the broker's disk", WAITING)
    with drill.step("The disks of the broker and of the CSV are gone"):
        stop_all(30.0)
        began = _lose_the_broker(start_broker())
        shutil.rmtree(load_config().data_path())
        shutil.rmtree(old)
    with drill.step("A new cluster gets the rows of the backup"):
        start_broker()
        ensure_topic()
        _replay(drill, copy)
        drill.recovered("both disks", began, drill.missing())
    _expect(drill, "both disks", STORED + WAITING)
    with drill.step("The CSV is backed up; more is stored, and the CSV's machine is gone"):
        shutil.rmtree(copy)
        shutil.copytree(load_config().data_path(), copy)
        drill.send(STORED)
        drill.store()
        began = time.monotonic()
        drill.send(WAITING)
    with drill.step("Another lab gets the backup, and goes on from where it ends: Kafka lives"):
        _restore_elsewhere(drill, copy)
        drill.recovered("the CSV's machine", began)


def _restore_elsewhere(drill: Drill, copy: Path) -> None:
    """Restore the CSV into a lab that has nothing else of the old one, and store what is newer.

    The group's offsets are past the end of the backup; the CSV's own position counts. Without the
    old lab's delivery logs, the check compares topic and CSV, and cannot tell whether the topic
    itself has lost what a producer was told to be safe.
    """
    servers = {"LABKIT_BOOTSTRAP_SERVERS": bootstrap_servers()}
    with lab_in(drill.folder / "another-machine"), environment(servers):
        shutil.copytree(copy, load_config().data_path())
        verdict = drill.store()
    drill.found(NO_LOG)
    if verdict.runs:
        raise LabError("the new lab has delivery logs of the old one", "")


def _lose_the_broker(broker: Broker) -> float:
    """Kill the broker, and delete all that it has; return when (`time.monotonic`)."""
    broker.kill(1)
    began = time.monotonic()
    stop_cluster()
    shutil.rmtree(load_config().state_dir / "cluster")
    return began


def _refusal() -> str:
    try:
        consumer = start_consumer()
        consumer.wait_until_caught_up(STORE_S)
        consumer.stop()
    except LabError as error:
        stop_all(30.0)
        return error.what
    raise LabError("the consumer appended the rows of a new topic to the CSV of an old one", "")


def _replay(drill: Drill, folder: Path) -> None:
    """Send the rows of a CSV into the topic, partition by partition, and store them."""
    for path in sorted(topic_dir(folder, load_config().topic).glob("*.csv")):
        producer = start_producer(replay=Replay(path), speed=0)
        producer.wait(SEND_S)
        producer.stop()
    drill.store()


def _expect(drill: Drill, name: str, readings: int) -> None:
    """Hold what is missing against what was neither stored nor backed up."""
    with drill.step(f"Missing are those that no copy had: {readings}"):
        drill.found(f"They are {drill.report.rpo[name]}.")
        if drill.report.rpo[name].readings != readings:
            raise LabError(f"{drill.report.rpo[name].readings} readings are missing", "")
