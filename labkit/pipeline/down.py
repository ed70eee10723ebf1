"""Stop a whole lab, regardless of which process started its parts, and reset it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from labkit.broker.broker import find_broker
from labkit.broker.cluster_start import stop_cluster
from labkit.broker.cluster_state import cluster_dir
from labkit.core.config import CLUSTERS, MARKS, load_config
from labkit.core.errors import LabError, WorkerFailed
from labkit.core.json_files import read_json
from labkit.core.processes import is_labkit
from labkit.core.run_files import ask_to_stop, read_run_files
from labkit.core.wait_until import wait_until
from labkit.faults.faults import mend
from labkit.sink.segment_files import partitions

STOP_ORDER = ("up", "producer", "consumer", "api", "proxy")
"""Producers stop first, so that consumers can finish. `up` stops its own stages."""
BESIDE_THE_BROKER = ("connect", "secured", "second-broker")
"""Other supervised clusters, by folder in the state folder; they stop before the broker."""
STOP_TIMEOUT_S = {"up": 90.0, "lab": 0.0}
DEFAULT_STOP_TIMEOUT_S = 20.0
FORCE_TIMEOUT_S = 5.0

Say = Callable[[str], None]


def stop_lab(say: Say) -> list[str]:
    """Stop everything of this lab, in any process; JupyterLab comes last.

    A process is identified by its pid and its start time, so that another program that got the same
    pid is left alone. A thread of a notebook is asked to stop; the notebook keeps running.

    Returns
    -------
    list of str
        What was stopped; empty if nothing ran.
    """
    stopped = []

    def stop(run: dict[str, Any], timeout_s: float) -> None:
        say(f"{run['name']:<9} stopping (process {run['pid']}) ...")
        if not _stop(run, timeout_s):
            msg = f"The {run['name']} in process {run['pid']} does not react."
            raise WorkerFailed(msg, "lab.stop_all() in its notebook, or restart that kernel")
        stopped.append(run["name"])

    try:  # first: a frozen process could not react to the request to stop
        for one in mend(revive=False):
            say(f"{'mended':<9} {one}")
    except LabError as error:
        say(f"not everything could be mended: {error.what}")
    for kind in STOP_ORDER:
        for run in read_run_files(kind):
            stop(run, STOP_TIMEOUT_S.get(kind, DEFAULT_STOP_TIMEOUT_S))
    for name, folder in _other_clusters():
        if folder.is_dir() and stop_cluster(folder):
            say(f"{name:<9} stopped")
            stopped.append(name)
    broker = find_broker()
    if broker is not None:
        say(f"{'broker':<9} stopping at {broker.bootstrap_servers} ...")
        stop_cluster(cluster_dir())  # for all its users, not only for this process
        stopped.append("broker")
    for run in read_run_files("lab"):
        if run["pid"] in {process.pid for process in psutil.Process().parents()}:
            say("JupyterLab stays: this terminal runs inside it.")
        else:
            stop(run, STOP_TIMEOUT_S["lab"])
    return stopped


def _other_clusters() -> Iterator[tuple[str, Path]]:
    """Yield each cluster beside the lab's own: its name, and its folder."""
    home = load_config().state_dir
    for name in BESIDE_THE_BROKER:
        yield name, home / name
    for folder in sorted((home / CLUSTERS).glob("*/cluster")):
        yield folder.parent.name, folder


def _stop(run: dict[str, Any], timeout_s: float) -> bool:
    """Ask the process to stop, then force it; only the lab's own processes are forced."""
    request = ask_to_stop(run)
    try:
        if _ended(run, timeout_s):
            return True
        if not is_labkit(run["pid"]):
            return False  # a notebook that is too busy to react
        for force in (psutil.Process.terminate, psutil.Process.kill):
            with contextlib.suppress(psutil.NoSuchProcess):
                force(psutil.Process(run["pid"]))
            if _ended(run, FORCE_TIMEOUT_S):
                return True
        return False
    finally:
        request.unlink(missing_ok=True)


def _ended(run: dict[str, Any], timeout_s: float) -> bool:
    """Wait until a run file or its process is gone, and return whether it is."""
    identity = ("kind", "name", "pid", "process_started")

    def is_gone() -> bool:
        return not any(
            all(run[key] == other[key] for key in identity) for other in read_run_files(run["kind"])
        )

    try:
        return wait_until(is_gone, timeout_s)
    except TimeoutError:
        return False


def what_reset_deletes(*, keep_marks: bool = False) -> list[Path]:
    """Return what the lab has created: its cluster, its logs, its CSV files, the learner's marks.

    A folder in the data folder counts only if the lab has written it: each CSV there has a
    checkpoint. Settings (``.env``), notebooks and the cache of Kafka's jars stay.
    """
    config = load_config()
    own = (
        config.state_dir / name
        for name in (
            "cluster",
            *BESIDE_THE_BROKER,
            CLUSTERS,
            "tally",
            "journal",
            "replay",
            "logs",
            "run",
            "faults",
            "tmp",
            *(() if keep_marks else (MARKS,)),
        )
    )
    data = config.data_path()
    topics = (folder for folder in data.glob("*") if _is_of_the_lab(folder))
    return [path for path in (*own, *topics) if path.exists()]


def _is_of_the_lab(folder: Path) -> bool:
    checkpoints = (read_json(folder / f"{partition}.json") for partition in partitions(folder))
    return any(content and "topic_id" in content for content in checkpoints)


def reset_lab(paths: list[Path], say: Say) -> None:
    """Stop the lab, and delete the folders and files."""
    stop_lab(say)
    for path in filter(Path.exists, paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
