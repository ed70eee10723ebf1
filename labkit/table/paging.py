"""Pages of readings, and the cursor that says how far a client has read.

A cursor is what a Kafka consumer's position is: the last offset seen of each partition, as text
(``0.123-1.456-2.99``). It names places in the topic and not in our memory, so a client can go on
with it after the API was restarted.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import pandas as pd

from labkit.core.errors import CursorInvalid, CursorOutdated
from labkit.table.csv_frames import FRAME_FIELDS, NO_ROWS, Array, iso_times
from labkit.table.snapshot import Filters, Partition, Snapshot

CURSOR_PATTERN = r"^([0-9]{1,9}\.[0-9]{1,18}(-[0-9]{1,9}\.[0-9]{1,18})*)?$"
_CURSOR = re.compile(CURSOR_PATTERN)


class Page(NamedTuple):
    """Some readings; the cursor behind them; whether more were there already."""

    readings: list[dict[str, Any]]
    next: str
    more: bool


def page_after(snapshot: Snapshot, cursor: str | None, limit: int, filters: Filters) -> Page:
    """Return the readings that follow a cursor, at most ``limit``.

    Readings of one partition come in the order of their offsets. Across partitions they come by
    time, as near as that order allows.

    Parameters
    ----------
    cursor : str or None
        Where the last page ended; ``""`` for the very beginning; None for the newest readings.

    Raises
    ------
    CursorInvalid
        The text is not a cursor.
    CursorOutdated
        It points behind the last reading.
    """
    chosen = snapshot.chosen(filters) if filters else None
    following = ends(snapshot)
    if cursor is None:
        newest = [
            _readings(snapshot, number, _last_matches(partition, chosen, limit))
            for number, partition in snapshot.partitions.items()
        ]
        in_order = list(heapq.merge(*newest, key=_BY_TIME))[-limit:]
        return Page([reading for _, reading in in_order], format_cursor(following), False)

    position = _checked(parse_cursor(cursor), snapshot)
    found = [
        _readings(
            snapshot,
            number,
            _first_matches(partition, chosen, position.get(number, -1), limit + 1),
        )
        for number, partition in snapshot.partitions.items()
    ]
    # Readings that came late stay behind those of their partition that came before them.
    in_order = list(heapq.merge(*found, key=_BY_TIME))
    taken = [reading for _, reading in in_order[:limit]]
    for _, reading in reversed(in_order[limit:]):  # these are for the next page
        following[reading["partition"]] = position.get(reading["partition"], -1)
    for reading in taken:
        if following[reading["partition"]] < reading["offset"]:
            following[reading["partition"]] = reading["offset"]
    return Page(taken, format_cursor(following), len(in_order) > limit)


def ends(snapshot: Snapshot) -> dict[int, int]:
    """Return the last offset of each partition."""
    parts = snapshot.partitions.items()
    return {number: part.last_offset for number, part in parts if part.last_offset >= 0}


def reading_id_at(snapshot: Snapshot, partition: int, offset: int) -> str | None:
    """Return the id of the reading at one place; None where none is stored there."""
    chunk = next(snapshot.partitions.get(partition, Partition()).after(offset - 1), None)
    if chunk is None:
        return None
    found = chunk.rows.loc[chunk.rows["offset"] == offset, "reading_id"]
    return None if found.empty else str(found.iloc[0])


def format_cursor(position: Mapping[int, int]) -> str:
    """Write a cursor; partitions of which nothing was read are left out."""
    return "-".join(f"{p}.{offset}" for p, offset in sorted(position.items()) if offset >= 0)


def parse_cursor(cursor: str) -> dict[int, int]:
    """Read a cursor; of a partition that it names twice, the lower offset counts.

    Raises
    ------
    CursorInvalid
        The text is not a cursor.
    """
    if not cursor:
        return {}
    if _CURSOR.fullmatch(cursor) is None:
        msg = "`after` is not a cursor: it is the `next` of an earlier answer, such as 0.123-1.456"
        raise CursorInvalid(msg, "GET /api/readings (without `after`: the newest readings)")
    position: dict[int, int] = {}
    for place in cursor.split("-"):
        partition, offset = map(int, place.split("."))
        position[partition] = min(offset, position.get(partition, offset))
    return position


def _checked(position: dict[int, int], snapshot: Snapshot) -> dict[int, int]:
    end = ends(snapshot)
    for partition, offset in position.items():
        if offset > end.get(partition, -1):
            msg = (
                f"`after` names offset {offset} of partition {partition}, and the CSV ends at "
                f"{end.get(partition, 'nothing')}: it was started again"
            )
            raise CursorOutdated(msg, "GET /api/readings (without `after`: the newest readings)")
    return position


def _first_matches(
    partition: Partition, chosen: Array | None, after: int, count: int
) -> list[pd.DataFrame]:
    """Return the first rows behind an offset that come from a chosen source."""
    found: list[pd.DataFrame] = []
    for chunk in partition.after(after, chosen):
        if count <= 0:
            break
        rows = chunk.rows
        start = int(rows["offset"].to_numpy().searchsorted(after, side="right"))
        found.append(_from_chosen(rows.iloc[start:], chosen).iloc[:count])
        count -= len(found[-1])
    return found


def _last_matches(partition: Partition, chosen: Array | None, count: int) -> list[pd.DataFrame]:
    """Return the last rows that come from a chosen source."""
    found: list[pd.DataFrame] = []
    for chunk in partition.newest_first(chosen):
        if count <= 0:
            break
        found.insert(0, _from_chosen(chunk.rows, chosen).iloc[-count:])
        count -= len(found[0])
    return found


def _from_chosen(rows: pd.DataFrame, chosen: Array | None) -> pd.DataFrame:
    return rows if chosen is None else rows[chosen[rows["source"].to_numpy()]]


def _readings(
    snapshot: Snapshot, number: int, frames: list[pd.DataFrame]
) -> list[tuple[int, dict[str, Any]]]:
    """Return rows of a partition as JSON shows them, each behind its time in milliseconds."""
    readings = []
    for rows in frames:
        times_ms, numbers = rows["recorded_ms"].to_list(), rows["source"].to_list()
        sources = {source: snapshot.sources[source]._asdict() for source in set(numbers)}
        columns = [rows[name].to_list() for name in _ROW]
        for time_ms, at, source, *cells in zip(
            times_ms, iso_times(times_ms), numbers, *columns, strict=True
        ):
            fields = {"partition": number, "recorded_at": at, **sources[source]}
            fields.update(zip(_ROW, cells, strict=True))
            readings.append((time_ms, {name: fields[name] for name in FRAME_FIELDS}))
    return readings


_ROW = [name for name in FRAME_FIELDS if name in NO_ROWS]
_BY_TIME = itemgetter(0)
