"""What a producer run knows of each record by itself: sent, then acked, failed or unknown.

The tally says how many; the journal says which. It is the witness of the checker, which asks after
every fault whether what was acknowledged is still there. One CSV file for each run, in
``<state_dir>/journal/<topic_id>/<run>.csv``, which only ever grows::

    event,number,partition,offset,reading_id,crc32,note
    sent,17,2,,0193f2c1-…,1a2b3c4d,
    acked,17,2,4711,,,

``sent`` is on file before the record can leave the process; the answers follow a moment later. So
whenever the process is killed, each record in the topic has its line, and one without an answer
is ``unknown``. What it is not made for is a power cut: there is no fsync.

Lines are collected and written many at once. Each write lets go of Python's global lock, and the
client's own thread then keeps it for milliseconds: one write a record would halve the rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self
from zlib import crc32

from labkit.core.config import load_config

EVENTS = ("sent", "acked", "failed", "unknown")
HEADER = b"event,number,partition,offset,reading_id,crc32,note\n"
NOTE_CHARACTERS = 120


def journal_dir(topic_id: str) -> Path:
    """Return the folder of the journals of all runs into a topic."""
    return load_config().state_dir / "journal" / topic_id


class Journal:
    """The journal of one producer run.

    Parameters
    ----------
    topic_id : str
        Kafka's id of the topic.
    run : str
        The run's name; its tally has the same.
    """

    def __init__(self, topic_id: str, run: str) -> None:
        self.path = journal_dir(topic_id) / f"{run}.csv"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        self._file.write(HEADER)
        self._lines: list[str] = []

    def sent(
        self, number: int, partition: int, value: bytes | None, reading_id: str, note: str = ""
    ) -> None:
        """Note that a record is about to be sent; ``reading_id`` is empty for a bad one."""
        crc = crc32(value or b"")
        self._lines.append(f"sent,{number},{partition},,{reading_id},{crc:08x},{note}\n")

    def acked(self, number: int, partition: int, offset: int) -> None:
        """Note where a record lies; -1 where the broker only says that it has it already."""
        self._lines.append(f"acked,{number},{partition},{offset},,,\n")

    def lost(self, number: int, partition: int, error: str, *, certain: bool) -> None:
        """Note that a record was refused for certain, or that nobody knows."""
        event = "failed" if certain else "unknown"
        self._lines.append(f"{event},{number},{partition},,,,{_plain(error)}\n")

    def flush(self) -> None:
        """Write what was noted, in one go."""
        if self._lines:
            content, self._lines = "".join(self._lines).encode(), []
            self._file.write(content)

    def close(self) -> None:
        """Write what is left, and close the file."""
        self.flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _plain(text: str) -> str:
    """Make a text one cell of one line, without quotes."""
    words = " ".join(text.replace(",", ";").replace('"', "'").split())
    return "".join(letter for letter in words if letter.isprintable())[:NOTE_CHARACTERS]
