"""The upgrade drill: Kafka 4.3.1 to 4.4.0 with data, the way back, and where it ends.

New software opens old data, and the old software opens them again, as long as the cluster's
*features* (``metadata.version`` first) stay at the old level. Once they are raised, only a copy
from before leads back, and what was written since is not in it.

See: Kafka documentation, "Upgrading"; KIP-584 (versions of features).
"""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

from labkit.broker.broker import start_broker, stop_cluster
from labkit.broker.install.kafka_jars import KAFKA_VERSION, kafka_jars
from labkit.core.background_workers import stop_all
from labkit.core.config import load_config
from labkit.core.environment_variables import environment
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.processes import python_command
from labkit.ledger.ledger_model import Stage
from labkit.ledger.stage_totals import CsvTotals
from labkit.pipeline.drills.drill import Drill, Loss
from labkit.topics.topics import ensure_topic

NEWER = "4.4.0"
BEFORE, DURING, AFTER = 2_000, 1_000, 500
TOOL_S = 120.0


def upgrade(drill: Drill) -> None:
    """Run the steps; see `labkit.pipeline.drills.drill.run_drill`."""
    with drill.step(f"Kafka {KAFKA_VERSION} takes {BEFORE:,} readings"):
        start_broker()
        ensure_topic()
        drill.send(BEFORE)
        drill.store()
    with drill.step("Its data folder and the CSV are copied, with everything stopped"):
        began = _stop()
        copy = drill.folder / "before"
        for part in _parts():
            shutil.copytree(drill.folder / part, copy / part)
        held = _stored()
    with drill.step(f"Kafka {NEWER} is fetched"), _kafka(NEWER):
        kafka_jars()  # not part of the time without a broker: an operator fetches it before
        began = time.monotonic()
    with drill.step(f"Kafka {NEWER} opens the data, and takes {DURING:,} more"), _kafka(NEWER):
        start_broker()
        drill.send(1)
        drill.recovered(f"upgrade to {NEWER}", began)
        drill.send(DURING - 1)
        drill.store()
        _stop()
    with drill.step(f"Back to {KAFKA_VERSION}, as no feature was raised"):
        began = time.monotonic()
        start_broker()
        drill.send(1)
        drill.recovered(f"way back to {KAFKA_VERSION}", began)
        drill.store()
        _stop()
    with drill.step(f"Under {NEWER}, the features are raised"), _kafka(NEWER):
        start_broker()
        _raise_features(drill)
        drill.send(AFTER)
        drill.store()
        began = _stop()
    with drill.step(f"{KAFKA_VERSION} refuses"):
        drill.found(_refusal())
    with drill.step(f"The copy from before, under {KAFKA_VERSION}"):
        before = _stored()
        for part in _parts():
            shutil.rmtree(drill.folder / part)
            shutil.copytree(copy / part, drill.folder / part)
        start_broker()
        drill.send(1)
        loss = Loss(
            readings=(before.records or 0) - (held.records or 0),
            tonnes=((before.grams or 0) - (held.grams or 0)) / 1e6,
        )
        drill.recovered("copy from before", began, loss)
        drill.store()
        expected = DURING + 1 + AFTER
        if loss.readings != expected:
            msg = f"{loss.readings} readings are missing, and {expected} were sent since the copy"
            raise LabError(msg, "")


def _kafka(version: str) -> AbstractContextManager[None]:
    """Use another version of Kafka for a moment."""
    return environment({"LABKIT_KAFKA_VERSION": version})


def _stop() -> float:
    """Stop producer, consumer and broker; return when (`time.monotonic`)."""
    stop_all(30.0)
    stop_cluster()
    return time.monotonic()


def _parts() -> list[Path]:
    """Return what a copy has to contain, relative to the lab's folder: records, rows, journals."""
    lab = load_config().lab_dir
    state = load_config().state_dir.relative_to(lab)
    return [state / "cluster", state / "journal", load_config().data_dir]


def _stored() -> Stage:
    """Return the readings and grams in the CSV."""
    return CsvTotals(load_config().data_path(), load_config().topic).read()


def _raise_features(drill: Drill) -> None:
    """Raise the features with Kafka's own tool, as an operator does."""
    tool = python_command("labkit", "kafka", "kafka-features", "upgrade")
    asked = [*tool, "--release-version", NEWER.rpartition(".")[0]]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=TOOL_S, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith("metadata.version")]
    if done.returncode or not said:
        raise LabError(f"kafka-features says: {done.stdout}{done.stderr}", "")
    drill.found(f"{said[0]}")


def _refusal() -> str:
    try:
        start_broker()
    except BrokerUnavailable as error:
        return error.what
    _stop()
    raise LabError(f"Kafka {KAFKA_VERSION} opened data that {NEWER} had upgraded", "")
