"""09d · Restore and upgrade: lost disks, what no copy has, and how long it took."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from labkit.core.config import load_config
from labkit.exercises.engine.answer_kinds import RETURNED, number, refusal
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.table.table import read_table

TOPIC, DATA_DIR = "lesson09d-readings", "data/lesson09d"
BACKED_UP, STORED, WAITING = 300, 100, 50
SENT = BACKED_UP + STORED + WAITING

Log = list[dict[str, str]]


@prediction(possible=range(SENT + 1), solution=f"ex.p1.predict({STORED + WAITING})")
def p1() -> Observed:
    """300 readings are in the backup, 100 more in the CSV, 50 more in Kafka alone.

    The disks of the broker and of the CSV are lost. How many of the 450 are in no copy?
    """
    logs, stored = _logs_of_the_first(), _stored()
    sent = sum(map(_sent, logs))
    if sent != SENT:
        raise NotAttempted(
            f"{sent} readings were sent before the loss, and not {SENT}: a cell was run twice. "
            "Begin again with the cell that makes the cluster."
        )
    gone = [_lost(log, stored)[0] for log in logs]
    return Observed(
        sum(gone),
        f"Of {SENT} acknowledged readings, {SENT - sum(gone)} are stored again, from the backup. "
        "All later ones are gone, those in the CSV and those in Kafka alone.",
    )


@exercise
def q1(lost: Callable[[Log, set[str]], Any]) -> str:
    """Write `lost(log, stored)`: how many acknowledged readings are not stored, and their tonnes.

    `log` is a delivery log as above, `stored` the set of all `reading_id` that the CSV has. A
    number that is 'acked' was acknowledged; its id and its grams of CO2 are in its line 'sent'.
    """
    logs, stored = _logs_of_the_first(), _stored()
    everything = {line["reading_id"] for log in logs for line in log}
    cases = [(log, some) for log in logs for some in (stored, set[str](), everything)]
    cases += [(_without_some_answers(log), set[str]()) for log in logs]
    for log, some in cases:
        said, right = lost([dict(line) for line in log], set(some)), _lost(log, some)
        if not isinstance(said, tuple | list) or len(said) != 2:
            raise NotYet(refusal(said, "two values: a number of readings, and tonnes", RETURNED))
        readings, tonnes = (number(one, RETURNED) for one in said)
        if readings != right[0] or not math.isclose(tonnes, right[1], abs_tol=1e-6):
            acked = sum(line["event"] == "acked" for line in log)
            raise NotYet(
                f"A log with {_sent(log)} readings sent and {acked} acknowledged, and "
                f"{len(some):,} stored: you returned {readings:g} and {tonnes:g} t. They are "
                f"{right[0]} and {right[1]:g} t."
            )
    gone = [_lost(log, stored) for log in logs]
    return (
        f"Lost are {sum(one[0] for one in gone)} readings, {sum(one[1] for one in gone):,.3f} t of "
        "CO₂: all that came after the backup."
    )


@exercise
def q2(longest_pause: Callable[[list[float]], Any]) -> str:
    """Write `longest_pause(times)`: the longest time between two readings, in seconds.

    `times` has the time of each acknowledged reading in seconds, the oldest first.
    """
    _logs_of_the_first()
    times = acknowledged_at()
    if len(times) <= SENT:
        raise NotAttempted("No reading has come since: run the cell that sends new ones.")
    steps = [0.0, 0.5, 1.0, 9.0, 9.25, 30.5, 31.0]
    for some in (times, times[:2], [times[0] + step for step in steps], steps, steps[:4]):
        said = number(longest_pause(list(some)), RETURNED)
        right = max(after - before for before, after in pairwise(some))
        if not math.isclose(said, right, abs_tol=1e-3):
            raise NotYet(
                f"Of {len(some)} times you returned {said:,.3f} s; the longest pause was "
                f"{right:,.3f} s."
            )
    pause_s = max(after - before for before, after in pairwise(times))
    return f"For {pause_s:.1f} s no reading was acknowledged."


def delivery_logs() -> list[Log]:
    """Return the delivery log of each producer run of this lesson, as dictionaries."""
    return [_read(path) for path in _log_paths()]


def _log_paths() -> list[Path]:
    folder = load_config().state_dir / "journal"
    return sorted(folder.glob("*/*.csv"), key=lambda path: path.stat().st_mtime)


def _read(path: Path) -> Log:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def _logs_of_the_first() -> list[Log]:
    """Return the logs of all runs into the topic that was lost."""
    paths = _log_paths()
    if not paths or paths[-1].parent == paths[0].parent:
        raise NotAttempted("Nothing is lost and restored yet: run the cells above, one by one.")
    return [_read(path) for path in paths if path.parent == paths[0].parent]


def _stored() -> set[str]:
    frame = read_table(DATA_DIR, TOPIC)
    if frame.empty:
        raise NotAttempted("The CSV is not restored yet: run the cells above, one by one.")
    return set(frame["reading_id"])


def acknowledged_at() -> list[float]:
    """Return when each acknowledged reading was made, in seconds since 1970, the oldest first.

    The id of a reading is a UUIDv7: it begins with its time in milliseconds.
    """
    ids = {line["reading_id"] for log in delivery_logs() for line in _acked(log)}
    return sorted(int(one.replace("-", "")[:12], 16) / 1000 for one in ids)


def _acked(log: Log) -> Log:
    sent = {line["number"]: line for line in log if line["event"] == "sent"}
    return [sent[line["number"]] for line in log if line["event"] == "acked"]


def _sent(log: Log) -> int:
    return sum(line["event"] == "sent" for line in log)


def _lost(log: Log, stored: set[str]) -> tuple[int, float]:
    missing = [line for line in _acked(log) if line["reading_id"] not in stored]
    return len(missing), sum(int(line["co2_g"]) for line in missing) / 1e6


def _without_some_answers(log: Log) -> Log:
    """Return a log as a broker leaves it that died meanwhile: some answers are others, or none."""
    answers = [line for line in log if line["event"] == "acked"]
    unknown, none = answers[1::5], answers[2::5]
    return [
        {**line, "event": "unknown", "offset": ""} if line in unknown else line
        for line in log
        if line not in none
    ]
