"""Retention of delivery logs: those of runs that are over are removed by age and by bytes.

What the ledger needs of a log stays: its counts, and the offsets that were acknowledged, as ranges,
in ``<run>.json`` beside the logs. Both are written before the log is deleted, so a kill between the
steps changes no figure. The checker can no longer say what became of each of these records.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from labkit.core.json_files import read_json, write_json
from labkit.producer.delivery_log import delivery_log_dir, read_events
from labkit.producer.offset_set import OffsetSet
from labkit.producer.sent_counts import Run, counts_path, read_runs
from labkit.sink.retention import Retention, persist

log = logging.getLogger(__name__)


def remove_old_delivery_logs(topic_id: str) -> None:
    """Remove what the settings do not keep of the delivery logs of a topic.

    The logs of running producers stay, and those with readings of which nobody knows yet whether
    they are in the topic.
    """
    retention = Retention.from_settings()
    if retention == Retention():
        return
    try:
        logs = {path: path.stat() for path in delivery_log_dir(topic_id).glob("*.csv")}
        over = {
            run.log_path: run
            for run in read_runs(topic_id)
            if run.state != "running" and run.counts.unknown == 0 and run.log_path in logs
        }
        oldest_first = sorted(over, key=lambda path: logs[path].st_mtime)
        others_bytes = sum(found.st_size for path, found in logs.items() if path not in over)
        for path in retention.expired(oldest_first, others_bytes):
            _remove(topic_id, over[path])
    except OSError as error:  # another producer does the same now, or nobody may
        log.warning("old delivery logs stay for now: %s", error)


def read_acked_offsets(path: Path) -> dict[int, list[tuple[int, int]]]:
    """Return the acknowledged offsets of a removed log, as ranges, by partition."""
    return {int(partition): ranges for partition, ranges in (read_json(path) or {}).items()}


def acked_in_removed_logs(topic_id: str) -> dict[int, OffsetSet]:
    """Return the offsets that were acknowledged according to all removed logs, by partition."""
    found: defaultdict[int, OffsetSet] = defaultdict(OffsetSet)
    for path in delivery_log_dir(topic_id).glob("*.json"):
        for partition, ranges in read_acked_offsets(path).items():
            for start, stop in ranges:
                found[partition].add(start, stop)
    return found


def _remove(topic_id: str, run: Run) -> None:
    path = counts_path(topic_id, run.name)
    record = read_json(path)
    if record is None:  # emptied by a power cut: only the log knows the run
        return
    acked: defaultdict[int, OffsetSet] = defaultdict(OffsetSet)
    size = 0
    for event in read_events(run.log_path):
        size = event.end
        if event.offset >= 0:
            acked[event.partition].add(event.offset)
        elif event.event == "acked":  # the broker did not say where: only the log has its id
            return
    ranges = run.log_path.with_suffix(".json")
    write_json(ranges, {partition: found.ranges for partition, found in acked.items()})
    persist(ranges)
    if record.get("log_bytes") is not None:
        write_json(path, {**record, "state": "ended", "log_bytes": size, **asdict(run.counts)})
        persist(path)
    run.log_path.unlink(missing_ok=True)
