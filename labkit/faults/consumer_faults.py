"""Faults of a consumer's process: kill, freeze, slow down, full disk."""

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
from labkit.faults.fault_kinds import FaultContext, FaultKind, does_not_apply
from labkit.sink.segment_files import segments, topic_dir

SPARE_BYTES = 4096  # for the process's small files: status, run file, checkpoint
_revived: list[subprocess.Popen[bytes]] = []  # kept, so that an ended child is reaped


def consumer_kill(context: FaultContext) -> None:
    """Kill one consumer (SIGKILL) while it works; at the end, start another.

    Watch: the group waits six seconds for its heartbeat (`session.timeout.ms`), then assigns its
    partitions to other members. They remove a torn last row and continue after the last whole one.

    Promise: no record is lost, none is stored twice, none out of order.
    """
    run = context.choose(running_members(context))
    if run["parent_pid"] in {one["pid"] for one in read_run_files("up")}:
        why = "it is a stage of `labkit up`, which ends when one of its stages does"
        next_line = "labkit produce, labkit consume and labkit api, each in its own terminal"
        raise does_not_apply(context.plan.fault, why, next_line)
    process = psutil.Process(run["pid"])
    before = len(_members(context.topic, context.group_id))
    place = {"topic": context.topic, "group_id": context.group_id, "members": before}
    context.record_undo(_description(run), command=process.cmdline(), **place)
    process.kill()


def consumer_freeze(context: FaultContext) -> None:
    """Freeze one consumer (SIGSTOP): a zombie that believes it still owns its partitions.

    Watch: after six seconds other members get its partitions, and report which process holds the
    CSV. When it runs again, it learns that it lost the partitions, and closes their files.

    Promise: no partition ever has two writers; nothing is lost or stored twice.
    """
    run = context.choose(running_members(context))
    context.record_undo(_description(run), **process_identity(run))
    psutil.Process(run["pid"]).suspend()


def slow_consumer(context: FaultContext) -> None:
    """Let one consumer run only in short bursts, as on an overloaded machine.

    Watch: its lag grows in `labkit status`, and falls again at the end. Its heartbeats still
    arrive, so it keeps its partitions.

    Promise: records may arrive late; none is lost or duplicated.
    """
    run = context.choose(running_members(context))
    process = psutil.Process(run["pid"])
    context.record_undo(_description(run), **process_identity(run))

    def hinder(stop: threading.Event) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended
            while not stop.is_set():
                process.suspend()
                stop.wait(context.rng.uniform(0.4, 1.2))
                process.resume()
                stop.wait(context.rng.uniform(0.05, 0.15))

    context.run_in_background(hinder)


def disk_full(context: FaultContext) -> None:
    """Prevent one consumer's files from growing, by a system limit (`RLIMIT_FSIZE`).

    Watch: its partitions are paused, with the reason; a row that was half written is removed. When
    there is space again, it continues without help. A full disk returns ENOSPC and this limit
    EFBIG: the system refuses the write in both cases.

    Promise: records that did not fit are fetched again; none is lost, and no half row remains.
    """
    if sys.platform != "linux":
        why = (
            "only Linux lets one process limit the files of another; on macOS a small disk image, "
            "on Windows a small virtual disk as data folder shows the same"
        )
        raise does_not_apply("disk-full", why, "labkit break consumer-kill")
    run = context.choose(running_members(context))
    process = psutil.Process(run["pid"])
    soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    context.record_undo(_description(run), soft=soft, **process_identity(run))
    folder = topic_dir(context.data_dir, context.topic)
    logs = [segments(folder, partition) for partition in run["partitions"] or ()]
    sizes = [files[-1].stat().st_size for files in logs if files]
    process.rlimit(psutil.RLIMIT_FSIZE, (max(SPARE_BYTES, min(sizes, default=0)), hard))


def running_members(context: FaultContext) -> list[dict[str, Any]]:
    """Return the run files of the group's consumers; raise a `LabError` if there is none."""
    members = _members(context.topic, context.group_id)
    if not members:
        why = f"no consumer of {context.topic} in the group {context.group_id} runs"
        raise does_not_apply(context.plan.fault, why, "labkit consume   (in another terminal)")
    return members


def _members(topic: str, group_id: str) -> list[dict[str, Any]]:
    """Return the consumers in separate processes; those in a notebook are never victims."""
    return sorted(
        (
            run
            for run in read_run_files("consumer")
            if (run.get("topic"), run.get("group_id")) == (topic, group_id)
            and run["pid"] != os.getpid()
            and is_labkit(run["pid"])
        ),
        key=lambda run: (run["started_at"], run["pid"]),
    )


def _description(run: Mapping[str, Any]) -> str:
    parts = ", ".join(map(str, run["partitions"] or ())) or "none"
    return f"consumer in process {run['pid']} (partitions {parts})"


def process_identity(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `is_alive`."""
    return {"pid": run["pid"], "process_started": run["process_started"]}


def resume(undo: Mapping[str, Any]) -> None:
    """Let a frozen process run again, if it is still alive."""
    if is_alive(undo["pid"], undo["process_started"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(undo["pid"]).resume()


def _restore_limit(undo: Mapping[str, Any]) -> None:
    if sys.platform == "linux" and is_alive(undo["pid"], undo["process_started"]):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(undo["pid"])
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (undo["soft"], hard))


def _replace(undo: Mapping[str, Any]) -> None:
    """Start a consumer like the killed one, unless the group is complete again."""
    _revived[:] = [one for one in _revived if one.poll() is None]
    if len(_members(undo["topic"], undo["group_id"])) >= undo["members"]:
        return
    log_path = load_config().state_dir / "logs" / "consumer-revived.log"
    _revived.append(start_process(undo["command"], log_path))  # it ends with `labkit down`


KINDS = (
    FaultKind("consumer-kill", consumer_kill, _replace, revives=True),
    FaultKind("consumer-freeze", consumer_freeze, resume),
    FaultKind("slow-consumer", slow_consumer, resume),
    FaultKind("disk-full", disk_full, _restore_limit),
)
