"""Whether a CSV's rows are still of the records that the topic holds.

An offset means something only in one history. If a broker's data are put back from an older copy,
the topic has the same name and the same ids, and gives the offsets of the lost records to new ones.
A consumer that only knows its position would leave those out without a word.

See: KIP-320 (which finds this only while a client remembers the epoch of what it has read).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.core.errors import BadReading, SinkForeign
from labkit.readings.reading import Reading, reading_id_of
from labkit.sink.csv_log import CsvLog
from labkit.sink.csv_row import row_grams
from labkit.sink.segment_files import set_aside_line


def first_difference(rows: Mapping[int, bytes], records: Sequence[Any]) -> str:
    """Say where records are not those of the CSV's rows; empty if nothing contradicts it.

    A record that is gone (compacted, or of an aborted transaction) proves nothing. A reading is
    known by its id. A dead letter left no content to compare, so its row counts only if there is
    no other: then its record must not be a reading.
    """
    readings = {offset: row for offset, row in rows.items() if row_grams(row) is not None}
    for record in records:
        row = rows.get(record.offset)
        if row is None:
            return f"at offset {record.offset} the topic holds a record that has no row"
        found = reading_id_of(record.value)
        if record.offset in readings:
            expected = row.split(b",", 3)[2].decode()
            if found != expected:
                other = f"reading {found}" if found else "a record that is not a reading"
                return f"at offset {record.offset} they hold reading {expected}, the topic {other}"
        elif not readings and _is_reading(record):
            return f"at offset {record.offset} they have a dead letter, the topic reading {found}"
    return ""


def other_history(log: CsvLog, difference: str) -> SinkForeign:
    """Return the error for rows whose records are no longer those of the topic."""
    msg = (
        f"the rows of partition {log.partition} in {log.folder} are of records that the topic no "
        f"longer holds: {difference}. The broker's data were probably put back from an older copy. "
        "Nothing was changed. Set the folder aside, and the CSV is written again from what the "
        "topic retains"
    )
    return SinkForeign(msg, set_aside_line(log.folder))


def _is_reading(record: Any) -> bool:
    try:
        Reading.from_json(record.value, record.timestamp)
    except BadReading:
        return False
    return True
