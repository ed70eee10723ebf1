"""A long CSV, made by repeating the rows of a real one at increasing offsets."""

from __future__ import annotations

from pathlib import Path

from labkit.sink.csv_row import HEADER, at_offset


def append_rows(source: Path, target: Path, times: int = 1, rows: int | None = None) -> int:
    """Append the rows of a topic's CSV files to those of another folder; return their number.

    Parameters
    ----------
    times : int
        How often.
    rows : int, optional
        Only this many of the last rows of each file; default: all.
    """
    target.mkdir(parents=True, exist_ok=True)
    appended = 0
    for path in sorted(source.glob("*.csv")):
        lines = path.read_bytes().splitlines(keepends=True)[1:][-(rows or 0) :] * times
        copy = target / path.name
        there = copy.read_bytes().count(b"\n") - 1 if copy.exists() else 0
        with copy.open("ab") as file:
            if not there:
                file.write(HEADER)
            file.writelines(at_offset(line, there + n) for n, line in enumerate(lines))
        appended += len(lines)
    return appended
