"""Faults of a consumer's process: killed, frozen, slow, and without room on its disk."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import psutil

from labkit.core.background_workers import start_process
from labkit.core.config import load_config
from labkit.core.processes import is_alive, is_labkit
from labkit.core.run_files import read_run_files
from labkit.faults.fault_kinds import FaultKind, Scene, does_not_apply
from labkit.sink.segment_files import segments, topic_dir

ROOM_BYTES = 4096  # what a process needs for its small files: status, run file, sidecar
_revived: list[subprocess.Popen[bytes]] = []  # kept, so that a child's end is noticed


def consumer_kill(scene: Scene) -> None:
    """Kill one consumer (SIGKILL) in the middle of its work; at the end, start another.

    Watch: the group waits six seconds for its heartbeat (`session.timeout.ms`), then gives its
    partitions to others, who cut a torn last row off and read on behind the last true one.

    Promise: no record is lost, none is stored twice, none out of order.
    """
    run = _victim(scene)
    if run["parent_pid"] in {one["pid"] for one in read_run_files("up")}:
        why = "it is a stage of `labkit up`, which ends when one of its stages does"
        next_line = "labkit produce, labkit consume and labkit api, each in its own terminal"
        raise does_not_apply(scene.plan.fault, why, next_line)
    process = psutil.Process(run["pid"])
    before = len(_members(scene.topic, scene.group_id))
    place = {"topic": scene.topic, "group_id": scene.group_id, "members": before}
    scene.will_break(_named(run), command=process.cmdline(), **place)
    process.kill()


def consumer_freeze(scene: Scene) -> None:
    """Freeze one consumer (SIGSTOP): a zombie, which believes that it still owns its partitions.

    Watch: after six seconds others are given its partitions, and say which process holds their
    CSV. Thawed, it learns that they were taken away, and lets go of what it held.

    Promise: no partition ever has two writers; nothing is lost or stored twice.
    """
    run = _victim(scene)
    scene.will_break(_named(run), **_mark(run))
    psutil.Process(run["pid"]).suspend()


def slow_consumer(scene: Scene) -> None:
    """Give one consumer the processor in short bursts only: a machine that is much too busy.

    Watch: its lag grows in `labkit status`, and falls again at the end. Its heartbeats still come,
    so the group leaves it its partitions.

    Promise: late is all that anything is.
    """
    run = _victim(scene)
    process = psutil.Process(run["pid"])
    scene.will_break(_named(run), **_mark(run))

    def hinder(stop: threading.Event) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended: then it is slow no more
            while not stop.is_set():
                process.suspend()
                stop.wait(scene.rng.uniform(0.4, 1.2))
                process.resume()
                stop.wait(scene.rng.uniform(0.05, 0.15))

    scene.meanwhile(hinder)


def disk_full(scene: Scene) -> None:
    """Let no file of one consumer grow any more, by the system's own limit (`RLIMIT_FSIZE`).

    Watch: its partitions are paused, with the reason; a row that went half onto the disk is taken
    back. When there is room again, it goes on by itself. A truly full disk says ENOSPC, this limit
    EFBIG: both are the system's refusal to write.

    Promise: what did not fit is fetched again; nothing is lost, and no half row stays.
    """
    if sys.platform != "linux":
        why = (
            "only Linux lets one process limit the files of another; on macOS a small disk image, "
            "on Windows a small virtual disk as data folder shows the same"
        )
        raise does_not_apply("disk-full", why, "labkit break consumer-kill")
    run = _victim(scene)
    process = psutil.Process(run["pid"])
    soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    scene.will_break(_named(run), soft=soft, **_mark(run))
    folder = topic_dir(scene.data_dir, scene.topic)
    logs = [segments(folder, partition) for partition in run["partitions"] or ()]
    sizes = [files[-1].stat().st_size for files in logs if files]
    process.rlimit(psutil.RLIMIT_FSIZE, (max(ROOM_BYTES, min(sizes, default=0)), hard))


def _members(topic: str, group_id: str) -> list[dict[str, Any]]:
    """Return the consumers that are processes of their own; a notebook's is left alone."""
    return sorted(
        (
            run
            for run in read_run_files("consumer")
            if (run["topic"], run["group_id"]) == (topic, group_id)
            and run["pid"] != os.getpid()
            and is_labkit(run["pid"])
        ),
        key=lambda run: (run["started_at"], run["pid"]),
    )


def _victim(scene: Scene) -> dict[str, Any]:
    members = _members(scene.topic, scene.group_id)
    if not members:
        why = f"no consumer of {scene.topic} in the group {scene.group_id} runs"
        raise does_not_apply(scene.plan.fault, why, "labkit consume   (in another terminal)")
    return scene.choose(members)


def _named(run: Mapping[str, Any]) -> str:
    parts = ", ".join(map(str, run["partitions"] or ())) or "none"
    return f"consumer in process {run['pid']} (partitions {parts})"


def _mark(run: Mapping[str, Any]) -> dict[str, Any]:
    return {"pid": run["pid"], "process_started": run["process_started"]}


def _resume(undo: Mapping[str, Any]) -> None:
    if is_alive(undo["pid"], undo["process_started"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(undo["pid"]).resume()


def _give_room(undo: Mapping[str, Any]) -> None:
    if sys.platform == "linux" and is_alive(undo["pid"], undo["process_started"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(undo["pid"])
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (undo["soft"], hard))


def _start_another(undo: Mapping[str, Any]) -> None:
    """Start a consumer as the killed one was, unless somebody has done that already."""
    _revived[:] = [one for one in _revived if one.poll() is None]
    if len(_members(undo["topic"], undo["group_id"])) >= undo["members"]:
        return
    log_path = load_config().state_dir / "logs" / "consumer-revived.log"
    consumer = start_process(undo["command"], log_path)  # it ends with `labkit down`
    _revived.append(consumer)


KINDS = (
    FaultKind("consumer-kill", consumer_kill, _start_another, revives=True),
    FaultKind("consumer-freeze", consumer_freeze, _resume),
    FaultKind("slow-consumer", slow_consumer, _resume),
    FaultKind("disk-full", disk_full, _give_room),
)
