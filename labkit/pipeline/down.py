"""Stop a whole lab, whoever started its parts, and take it apart."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from labkit.broker.broker import find_broker
from labkit.broker.cluster_processes import stop_cluster
from labkit.core.config import load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.json_files import read_json
from labkit.core.processes import is_labkit
from labkit.core.run_files import ask_to_stop, read_run_files
from labkit.faults.faults import mend
from labkit.sink.csv_tail import partitions

STOP_ORDER = ("up", "producer", "consumer", "api", "proxy")
"""What fills the topic ends first, so that what empties it can finish. `up` stops its own."""
BESIDE_THE_BROKER = ("connect", "secured")
"""Other supervised clusters, by folder in the state folder; they stop before the broker."""
PATIENCE_S = {"up": 90.0, "lab": 0.0}
DEFAULT_PATIENCE_S = 20.0
INSIST_S = 5.0

Say = Callable[[str], None]


def stop_lab(say: Say) -> list[str]:
    """Stop everything of this lab, in any process; JupyterLab comes last.

    A process of the lab is told by its pid and its start time, so that a pid that the system has
    given to another program since is left alone. What runs as a thread of a notebook is asked to
    end there; the notebook lives on.

    Returns
    -------
    list of str
        What was stopped; empty where nothing ran.
    """
    stopped = []

    def stop(run: dict[str, Any], patience_s: float) -> None:
        say(f"{run['name']:<9} stopping (process {run['pid']}) ...")
        if not _stop(run, patience_s):
            msg = f"The {run['name']} in process {run['pid']} does not listen."
            raise WorkerFailed(msg, "lab.stop_all() in its notebook, or restart that kernel")
        stopped.append(run["name"])

    _mend(say)
    for kind in STOP_ORDER:
        for run in read_run_files(kind):
            stop(run, PATIENCE_S.get(kind, DEFAULT_PATIENCE_S))
    for name in BESIDE_THE_BROKER:
        folder = load_config().state_dir / name
        if folder.is_dir() and stop_cluster(folder):
            say(f"{name:<9} stopped")
            stopped.append(name)
    broker = find_broker()
    if broker is not None:
        say(f"{'broker':<9} stopping at {broker.bootstrap_servers} ...")
        broker.stop()
        stopped.append("broker")
    for run in read_run_files("lab"):
        if run["pid"] in _own_ancestors():
            say("JupyterLab stays: this terminal runs inside it.")
        else:
            stop(run, PATIENCE_S["lab"])
    return stopped


def _mend(say: Say) -> None:
    """Undo what is broken on purpose: who is frozen could not hear that it should stop."""
    try:
        for one in mend(revive=False):
            say(f"{'mended':<9} {one}")
    except LabError as error:
        say(f"not everything could be mended: {error.what}")


def _own_ancestors() -> set[int]:
    return {process.pid for process in psutil.Process().parents()}


def _stop(run: dict[str, Any], patience_s: float) -> bool:
    """Ask, then insist; only a process of the lab's own is ever ended by force."""
    request = ask_to_stop(run)
    try:
        if _ended(run, patience_s):
            return True
        if not is_labkit(run["pid"]):
            return False  # a notebook that is too busy to listen
        for insist in (psutil.Process.terminate, psutil.Process.kill):
            with contextlib.suppress(psutil.NoSuchProcess):
                insist(psutil.Process(run["pid"]))
            if _ended(run, INSIST_S):
                return True
        return False
    finally:
        request.unlink(missing_ok=True)


def _ended(run: dict[str, Any], patience_s: float) -> bool:
    """Wait until a run file is gone, or its process; tell whether it is."""
    deadline = time.monotonic() + patience_s
    identity = ("kind", "name", "pid", "process_started")
    while any(
        all(run[key] == other[key] for key in identity) for other in read_run_files(run["kind"])
    ):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def what_reset_deletes() -> list[Path]:
    """Return the folders that hold what the lab has made: its cluster, its logs, its CSV.

    A folder in the data folder counts only if the lab has written it: each CSV there has its
    sidecar. Settings (``.env``), notebooks and the cache of Kafka's jars stay.
    """
    config = load_config()
    own = (
        config.state_dir / name
        for name in ("cluster", *BESIDE_THE_BROKER, "tally", "journal", "logs", "run", "faults")
    )
    data = config.data_path()
    topics = (folder for folder in data.glob("*") if _is_ours(folder))
    return [folder for folder in (*own, *topics) if folder.is_dir()]


def _is_ours(folder: Path) -> bool:
    sidecars = (read_json(folder / f"{partition}.json") for partition in partitions(folder))
    return any(content and "topic_id" in content for content in sidecars)


def reset_lab(folders: list[Path], say: Say) -> None:
    """Stop the lab, and delete the folders."""
    stop_lab(say)
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
