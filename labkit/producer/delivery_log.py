"""The delivery log of a producer run: each record is sent, then acked, failed or unknown.

`sent_counts` says how many; the delivery log says which. The checker reads it: after every fault
it tests whether each acknowledged record is still there. There is one CSV file for each run, in
``<state_dir>/journal/<topic_id>/<run>.csv``, which only grows::

    event,number,partition,offset,reading_id,crc32,co2_g,note
    sent,17,2,,0193f2c1-…,1a2b3c4d,53200,
    acked,17,2,4711,,,53200,

``sent`` is in the file before the record can leave the process; the answers follow a moment later.
So whenever the process is killed, each record in the topic has its line, and one without an answer
is ``unknown``. `unanswered_records` looks for those in the topic later, and adds what it finds:
``found`` or ``absent``. A power cut is not covered: there is no fsync.

Each line has the reading's grams, so any part of the file can be added up alone; a deliberately
malformed record has none.

Lines are collected and written many at once. Each write releases Python's global lock, and the
client's own thread then keeps it for milliseconds: one write per record would halve the rate.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32

from labkit.core.config import load_config
from labkit.core.errors import FolderNotWritable
from labkit.core.written_places import refused_write

EVENTS = ("sent", "acked", "failed", "unknown")
HEADER = b"event,number,partition,offset,reading_id,crc32,co2_g,note\n"
OLD_HEADER = b"event,number,partition,offset,reading_id,crc32,note\n"
NOTE_CHARACTERS = 120


def delivery_log_dir(topic_id: str) -> Path:
    """Return the folder of the delivery logs of all runs into a topic."""
    return load_config().state_dir / "journal" / topic_id


class LogEvent(NamedTuple):
    """One line of a delivery log."""

    event: str
    number: int
    partition: int
    offset: int  # -1 if unknown
    reading_id: str  # empty if deliberately malformed, and in answers
    crc32: int  # of the value; 0 in answers
    co2_g: int | None  # None if deliberately malformed
    note: str
    end: int  # the byte behind the line


def read_events(path: Path, start: int = 0) -> Iterator[LogEvent]:
    """Yield the lines of a delivery log, from a byte on; a torn last line is left out.

    A log of an earlier version has no grams: its events have ``co2_g=None``.
    """
    with path.open("rb") as file:
        is_old = file.readline() == OLD_HEADER
        end = max(start, file.tell())
        file.seek(end)
        for content in file:
            end += len(content)
            words = content.decode(errors="replace").rstrip("\n").split(",", 6 if is_old else 7)
            if is_old:
                words.insert(6, "")
            if not content.endswith(b"\n") or len(words) != 8:
                return
            event, number, partition, offset, reading_id, crc, co2_g, note = words
            yield LogEvent(
                event,
                int(number),
                int(partition),
                int(offset) if offset else -1,
                reading_id,
                int(crc, 16) if crc else 0,
                int(co2_g) if co2_g else None,
                note,
                end,
            )


class DeliveryLog:
    """The delivery log of one producer run.

    Parameters
    ----------
    topic_id : str
        Kafka's id of the topic.
    run : str
        The run's name, as in the name of its `SentCountsFile`.

    Attributes
    ----------
    bytes_written : int
        How long the file is.
    is_refused : bool
        Whether a write was refused, so that answers are missing in the file.
    """

    def __init__(self, topic_id: str, run: str) -> None:
        self.path = delivery_log_dir(topic_id) / f"{run}.csv"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        self.bytes_written = 0
        self._lines = [HEADER.decode()]
        self.is_refused = False
        try:
            self.flush()
        except FolderNotWritable:
            self._file.close()
            raise

    def sent(
        self,
        number: int,
        partition: int,
        value: bytes | None,
        reading_id: str,
        note: str = "",
        co2_g: int | None = None,
    ) -> None:
        """Log that a record is about to be sent; ``reading_id`` is empty for a bad one."""
        crc, mass = crc32(value or b""), "" if co2_g is None else co2_g
        self._lines.append(f"sent,{number},{partition},,{reading_id},{crc:08x},{mass},{note}\n")

    def acked(self, number: int, partition: int, offset: int, co2_g: int | None = None) -> None:
        """Log a record's offset; -1 if the broker only says that it has the record already."""
        mass = "" if co2_g is None else co2_g
        self._lines.append(f"acked,{number},{partition},{offset},,,{mass},\n")

    def lost(
        self,
        number: int,
        partition: int,
        error: str,
        *,
        certain: bool,
        co2_g: int | None = None,
    ) -> None:
        """Log that a record was certainly refused, or that its outcome is unknown."""
        event, mass = "failed" if certain else "unknown", "" if co2_g is None else co2_g
        self._lines.append(f"{event},{number},{partition},,,,{mass},{_plain(error)}\n")

    def flush(self) -> None:
        """Write the collected lines, all or none of them.

        Raises
        ------
        FolderNotWritable
            The disk is full, say. The run has to end: nothing may be sent without its line. What
            is collected afterwards is dropped, so answers that still come are not in the file;
            `unanswered_records` looks for their records in the topic.
        """
        content, self._lines = "".join(self._lines).encode(), []
        if not content or self.is_refused:
            return
        rest = memoryview(content)
        try:
            while rest:  # a raw write may take less than it was given
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.is_refused = True
            with contextlib.suppress(OSError):  # half a line would hide what is added later
                self._file.truncate(self.bytes_written)
            raise refused_write("The delivery log", self.path, error) from error
        self.bytes_written += len(content)

    def close(self) -> None:
        """Write the last lines, and close the file."""
        self.flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _plain(text: str) -> str:
    """Turn a text into one cell of one line, without quotes."""
    words = " ".join(text.replace(",", ";").replace('"', "'").split())
    return "".join(letter for letter in words if letter.isprintable())[:NOTE_CHARACTERS]
