"""All stored readings of a topic in one file, for another program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from labkit.core.errors import LabError
from labkit.core.spreadsheet_text import neutralise
from labkit.readings.reading import iso_milliseconds
from labkit.table.table import read_table


def export_readings(
    out: str | Path, data_dir: str | Path | None = None, topic: str | None = None
) -> int:
    """Write all stored readings of a topic into one file; its ending says the format.

    ``.csv`` is for spreadsheets: UTF-8 with the mark that Excel needs to see that it is, and text
    that a spreadsheet would run as a formula stays behind a ``'`` (CWE-1236). ``.json`` (an array
    of objects) and ``.parquet`` are for programs, and hold every text as it was recorded. Rows
    are in the order of partition and offset.

    Parameters
    ----------
    out : str or Path
        The file to write; it is replaced whole, or not at all.
    data_dir, topic
        Which CSV to read; by default the lab's own.

    Returns
    -------
    int
        How many readings were written.

    Raises
    ------
    LabError
        The ending is none of the three, or nothing has been stored yet.

    See: OWASP, "CSV Injection".
    """
    out = Path(out).expanduser()
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        known = ", ".join(_WRITERS)
        msg = f"{out.name} has none of the endings that can be written: {known}"
        raise LabError(msg, f"labkit export --out {out.stem or 'readings'}.csv")
    table = read_table(data_dir, topic)
    if table.empty:
        raise LabError("Nothing has been stored yet, so there is nothing to export.", "labkit up")
    table = table.sort_values(["partition", "offset"], ignore_index=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.part")
    write(table, draft)
    draft.replace(out)
    return len(table)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    safe = table.copy()
    for column in safe.select_dtypes(include=["string", "object", "category"]):
        safe[column] = safe[column].astype("object").map(neutralise, na_action="ignore")
    safe["recorded_at"] = _iso(safe["recorded_at"])
    safe.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def _write_json(table: pd.DataFrame, path: Path) -> None:
    table.assign(recorded_at=_iso(table["recorded_at"])).to_json(
        path, orient="records", indent=1, force_ascii=False, double_precision=15
    )


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path, index=False)


def _iso(times: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    return times.map(iso_milliseconds)


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
