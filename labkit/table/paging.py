"""Pages of readings, and the cursor that says how far a client has read.

A cursor is what a Kafka consumer's position is: the last offset seen of each partition, as text
(``0.123-1.456-2.99``). It names places in the topic and not in our memory, so a client can go on
with it after the API was restarted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from labkit.core.errors import CursorInvalid, CursorOutdated
from labkit.readings.reading import READING_FIELDS
from labkit.table.columns import Columns, iso_times
from labkit.table.intervals import Array
from labkit.table.snapshot import Filters, Snapshot

CURSOR_PATTERN = r"^([0-9]{1,9}\.[0-9]{1,18}(-[0-9]{1,9}\.[0-9]{1,18})*)?$"
_CURSOR = re.compile(CURSOR_PATTERN)
_SCAN_ROWS = 65_536  # looked at in one go when a filter skips rows


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
    chosen = snapshot.chosen(filters)
    if cursor is None:
        found = {
            partition: rows.take(_last_matches(rows, chosen, limit))
            for partition, rows in snapshot.partitions.items()
        }
        order = _by_time(found)[-limit:]
        return Page(_to_dicts(snapshot, found, order), format_cursor(ends(snapshot)), False)

    position = _checked(parse_cursor(cursor), snapshot)
    found = {}
    for partition, rows in snapshot.partitions.items():
        start = int(np.searchsorted(rows.offset, position.get(partition, -1), side="right"))
        matches = _first_matches(rows, chosen, start, limit + 1)
        found[partition] = rows.take(matches)
    order = _by_time(found)
    taken = order[:limit]
    more = len(order) > limit
    following = ends(snapshot)
    for number, (partition, rows) in enumerate(found.items()):
        count = int((taken[:, 0] == number).sum())
        if count < len(rows.offset):  # the rest of this partition is for the next page
            last = int(rows.offset[count - 1]) if count else position.get(partition, -1)
            following[partition] = last
    return Page(_to_dicts(snapshot, found, taken), format_cursor(following), more)


def ends(snapshot: Snapshot) -> dict[int, int]:
    """Return the last offset of each partition."""
    parts = snapshot.partitions.items()
    return {partition: int(rows.offset[-1]) for partition, rows in parts if len(rows.offset)}


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
                f"{end.get(partition, 'nothing')}: it was started anew"
            )
            raise CursorOutdated(msg, "GET /api/readings (without `after`: the newest readings)")
    return position


def _first_matches(rows: Columns, chosen: Array, start: int, count: int) -> Array:
    """Return where the first rows from ``start`` on are that come from a chosen source."""
    if chosen.all():
        return np.arange(start, min(start + count, len(rows.offset)))
    found: list[Array] = []
    while count > 0 and start < len(rows.offset):
        block = chosen[rows.source[start : start + _SCAN_ROWS]]
        found.append(np.flatnonzero(block)[:count] + start)
        count -= len(found[-1])
        start += _SCAN_ROWS
    return np.concatenate(found) if found else np.arange(0)


def _last_matches(rows: Columns, chosen: Array, count: int) -> Array:
    """Return where the last rows are that come from a chosen source."""
    stop = len(rows.offset)
    if chosen.all():
        return np.arange(max(stop - count, 0), stop)
    found: list[Array] = []
    while count > 0 and stop > 0:
        start = max(stop - _SCAN_ROWS, 0)
        found.insert(0, np.flatnonzero(chosen[rows.source[start:stop]])[-count:] + start)
        count -= len(found[0])
        stop = start
    return np.concatenate(found) if found else np.arange(0)


def _by_time(found: Mapping[int, Columns]) -> Array:
    """Return pairs of partition and row, by time.

    The partitions are numbered in their order. Stream time never falls within a partition, so
    its rows stay in order, and any beginning of the list is a beginning of each partition.
    """
    lengths = [len(rows.offset) for rows in found.values()]
    number = np.repeat(np.arange(len(lengths)), lengths)
    row = np.concatenate([np.arange(length) for length in lengths]) if lengths else np.arange(0)
    times = [rows.stream_ms for rows in found.values()]
    order = np.lexsort((row, number, np.concatenate(times) if times else np.arange(0)))
    return np.column_stack((number, row))[order]


def _to_dicts(
    snapshot: Snapshot, found: Mapping[int, Columns], order: Array
) -> list[dict[str, Any]]:
    """Return rows as JSON shows them, fields in the order of a reading."""
    parts = [list(_part_to_dicts(snapshot, partition, rows)) for partition, rows in found.items()]
    return [parts[number][row] for number, row in order.tolist()]


def _part_to_dicts(snapshot: Snapshot, partition: int, rows: Columns) -> list[dict[str, Any]]:
    numbers = rows.source.tolist()
    sources = {number: snapshot.sources[number]._asdict() for number in set(numbers)}
    columns = {
        "offset": rows.offset.tolist(),
        "reading_id": rows.reading_id.astype(str).tolist(),
        "recorded_at": iso_times(rows.recorded_ms),
        "interval_s": rows.interval_s.tolist(),
        "load_mw": rows.load_mw.tolist(),
        "co2_kg": rows.co2_kg.tolist(),
    }
    readings = []
    for cells in zip(numbers, *columns.values(), strict=True):
        fields = sources[cells[0]] | dict(zip(columns, cells[1:], strict=True))
        fields["partition"] = partition
        readings.append({name: fields[name] for name in _FIELDS})
    return readings


_FIELDS = ("partition", "offset", *READING_FIELDS)
