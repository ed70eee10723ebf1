"""The watcher: reads Kafka, the lab's files and the API, and keeps what a trend needs."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import deque
from pathlib import Path
from typing import Any, Self

from labkit.broker.cluster_state import cluster_dir
from labkit.core.config import dead_letter_topic
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.diagnostics.watch.lag_trend import Lag, LagTrends
from labkit.diagnostics.watch.watch_report import Disk, GroupLag, WatchReport
from labkit.ledger.stage_totals import find_api, get_json
from labkit.sink.partition_status import read_progress
from labkit.topics.health_watch import ClusterHealth, GroupPosition, HealthWatch

NEW_FOR_S = 60.0
"""How long a dead letter counts as new."""
Key = tuple[str, str]
"""A topic and a group."""


class Watcher:
    """Reads everything about a lab repeatedly, from one thread.

    Parameters
    ----------
    topic : str
        The topic whose CSV, ledger and dead letters are watched. The lag of every group in every
        topic is watched, too.
    data_dir : Path
        The folder of the CSV.
    """

    def __init__(self, topic: str, data_dir: Path) -> None:
        self.topic, self.data_dir = topic, data_dir
        self._kafka = HealthWatch()
        self._trends: LagTrends[Key] = LagTrends()
        self._dead_letters: deque[tuple[float, int]] = deque()
        self._seen_active: set[Key] = set()
        self._api = ""

    def read(self) -> WatchReport:
        """Read everything once. A part that does not answer is missing, with the reason."""
        began = time.monotonic()
        cluster, error = None, None
        try:
            cluster = self._kafka.read()
        except LabError as refused:
            error = refused
            self._trends.forget()
        groups = self._groups(cluster, began) if cluster else ()
        dead_letters, new = self._count_dead_letters(cluster, began)
        api, api_problem, state, ledger = self._ask_api()
        return WatchReport(
            topic=self.topic,
            cluster=cluster,
            kafka_problem=error.what if error else "",
            kafka_next=_in_terminal(error) if error else "",
            groups=groups,
            statuses=tuple(read_progress(self.data_dir, self.topic)),
            dead_letters=dead_letters,
            new_dead_letters=new,
            disks=tuple(_disks(self.data_dir)),
            api=api,
            api_problem=api_problem,
            ledger_state=state,
            ledger=ledger,
            seen_active=frozenset(self._seen_active),
            read_at=time.time(),
            took_s=time.monotonic() - began,
        )

    def _groups(self, cluster: ClusterHealth, at_s: float) -> tuple[GroupLag, ...]:
        by_group: dict[Key, list[GroupPosition]] = {}
        for one in cluster.positions:
            by_group.setdefault((one.topic, one.group_id), []).append(one)
        lags = {key: _lag(found) for key, found in by_group.items()}
        trends = self._trends.add(at_s, lags)
        rows = tuple(
            GroupLag(
                topic=topic,
                group_id=group,
                state=cluster.groups.get(group, ""),
                end_offsets=_sum([one.end_offset for one in found]),
                committed=sum(one.committed for one in found),
                lag=lags[topic, group],
                trend=trends[topic, group],
            )
            for (topic, group), found in sorted(by_group.items())
        )
        self._seen_active |= {(one.topic, one.group_id) for one in rows if one.is_active}
        return rows

    def _count_dead_letters(
        self, cluster: ClusterHealth | None, at_s: float
    ) -> tuple[int | None, int]:
        """Return how many records the dead-letter queue got, ever and in the last minute."""
        name = dead_letter_topic(self.topic)
        ends = [
            one.end_offset for one in (cluster.partitions if cluster else ()) if one.topic == name
        ]
        count = _sum(ends) if ends else None if cluster is None else 0
        if count is None:
            return None, 0
        seen = self._dead_letters
        if seen and count < seen[-1][1]:
            seen.clear()  # the queue was deleted and created again
        seen.append((at_s, count))
        while len(seen) > 1 and seen[1][0] <= at_s - NEW_FOR_S:
            seen.popleft()
        return count, count - seen[0][1]

    def _ask_api(self) -> tuple[str, str, Any, str]:
        """Return the API's address, why it does not answer, the ledger's state and sentence."""
        url = find_api(self.data_dir, self.topic)
        if url is None:
            what = f"The API at {self._api} has ended" if self._api else ""
            return "", what, "", "no API of this folder runs"
        self._api = url
        try:
            ledger = get_json(url, "api/ledger")
        except (OSError, ValueError) as error:
            what = f"The API at {url} does not answer: {error}"
            return url, what, "", what
        return url, "", ledger["state"], ledger["sentence"]

    def close(self) -> None:
        """Close the clients."""
        self._kafka.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _in_terminal(error: LabError) -> str:
    """Return the next line of an error, without what only a notebook can run."""
    if isinstance(error, BrokerUnavailable) and error.next_line.startswith("lab."):
        return "labkit broker start"
    return error.next_line


def _lag(positions: list[GroupPosition]) -> Lag:
    """Add up a group's partitions; the age is that of the oldest unread record in any of them."""
    records = _sum([one.lag for one in positions])
    if records == 0:
        return Lag(0, 0.0)
    times_ms = [one.oldest_unread_ms for one in positions if one.lag]
    if records is None or None in times_ms:
        return Lag(records, None)
    oldest_ms = min(at for at in times_ms if at is not None)
    return Lag(records, round(max(0.0, time.time() - oldest_ms / 1000), 3))


def _sum(numbers: list[int | None]) -> int | None:
    known = [one for one in numbers if one is not None]
    return sum(known) if len(known) == len(numbers) else None


def _disks(data_dir: Path) -> list[Disk]:
    """Return the disks of the CSV and of the lab's own brokers."""
    found = []
    for folder in (data_dir, cluster_dir()):
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            found.append(Disk(str(folder), usage.free, usage.total, _size_of(folder)))
    return found


def _size_of(folder: Path) -> int:
    """Add up the disk space of a folder's files; Kafka's indexes are sparse, and take less."""
    total = 0.0
    for parent, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # it was removed just now
                status = os.stat(os.path.join(parent, name))  # noqa: PTH116, PTH118 (thousands)
                total += getattr(status, "st_blocks", status.st_size / 512) * 512
    return int(total)
