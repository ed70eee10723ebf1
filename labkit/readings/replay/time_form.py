"""How the times of a column are written, and in which zone they are.

ISO 8601, day.month.year, month/day/year, seconds since 1970, or a date and an hour in two columns.
03/04/2025 is a day in March or in April; the whole column decides, or the user.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from labkit.core.errors import ReplayError
from labkit.readings.rejection_reasons import shorten

_CLOCK = r"(\d{1,2})(?:[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?)?(?:\s*([AaPp])\.?[Mm]\.?)?"
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}-?W\d{2}")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?:[T ,]+(.+))?")
_YEAR_LAST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[T ,]+(.+))?")
_EPOCH = re.compile(r"\d{10}(\d{3}){0,3}|\d{10}\.\d+")
_DATE_ONLY = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}[/.]\d\d?[/.]\d\d?|\d\d?([/.-])\d\d?\1\d{4}")
_WEEK = re.compile(r"\d{4}-?W\d{2}")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
# Names that mean one offset everywhere; EST is of America and of Australia.
_OFFSETS = {"UTC": 0, "GMT": 0, "CET": 1, "CEST": 2}
_ZONE_NAME = re.compile(r"\s*[(\[]?\b(UTC|GMT|CET|CEST)[)\]]?$")
_SPAN = re.compile(r"(\d.*?\d.*?)(?:\s+(?:[-–—]|to|bis)\s+|/(?=\d{4}-))(\d.*)")
_BOTH_ZONES = re.compile(r"\s*[(\[]?\bCET/CEST\b[)\]]?$")
_END_OF_DAY = re.compile(r"(?<=[T ])24:00(:00)?(?=$|[Z+-])")

WORDS = {
    "iso": "ISO 8601",
    "day-first": "day, month, year",
    "month-first": "month, day, year",
    "year-first": "year, month, day",
    "unix": "seconds or parts of seconds since 1970",
    "month": "a month",
    "week": "a week",
    "year": "a year",
}


class TimeForm(NamedTuple):
    """The form of a column: a key of `WORDS`."""

    kind: str

    def parse(self, text: str) -> datetime | None:
        """Return the time, without a zone unless it is written; None if it is not one."""
        try:
            return _PARSERS[self.kind](text)
        except (ValueError, OverflowError):
            return None


class TimeEvidence:
    """What the cells of a column tell: the first line of each form, and of days above 12."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.seen: dict[str, tuple[int, str]] = {}
        self.others = 0  # cells that are not a date
        self.has_clock = False  # whether any cell has a time of day

    def add(self, text: str, line: int) -> None:
        """Look at one cell."""
        kind = _kind(text)
        if kind is None:
            self.others += 1
            return
        self.has_clock = self.has_clock or not _DATE_ONLY.fullmatch(text)
        if kind not in self.seen:
            self.seen[kind] = (line, text)

    def settle(self, stated: str | None, name: str) -> TimeForm:
        """Decide on the column's form.

        Raises
        ------
        ReplayError
            The column has two forms, or nothing tells the day from the month.
        """
        seen = dict(self.seen)
        ambiguous = seen.pop("ambiguous", None)
        if stated is not None and (ambiguous or seen.keys() & {"day-first", "month-first"}):
            return TimeForm(stated)
        if len(seen) > 1:
            (one, first), (other, second) = sorted(seen.values())[:2]
            msg = (
                f"{name} line {other}, column {self.title!r}: {shorten(second)} is another form of "
                f"time than {shorten(first)} (line {one})"
            )
            raise ReplayError(msg, "correct the file; or say what is right: --dates day-first")
        if ambiguous and not seen:
            line, text = ambiguous
            msg = (
                f"{name} line {line}, column {self.title!r}: {shorten(text)} has the day or the "
                "month first, and no row of the column tells which"
            )
            raise ReplayError(msg, "--dates day-first   (or month-first)")
        return TimeForm(next(iter(seen), "iso"))


def _kind(text: str) -> str | None:
    if _WEEK.fullmatch(text):
        return "week"
    if _ISO.match(text) and not text.isdecimal():
        return "iso" if _iso(text) else None
    if text.isdecimal():
        kinds = {4: "year", 8: "iso", 10: "unix", 13: "unix", 16: "unix", 19: "unix"}
        return kinds.get(len(text))
    if _EPOCH.fullmatch(text):
        return "unix"
    if _MONTH.fullmatch(text):
        return "month"
    if _YEAR_FIRST.fullmatch(text):
        return "year-first"
    if found := _YEAR_LAST.fullmatch(text):
        first, sign, second = int(found[1]), found[2], int(found[3])
        if sign == "." or first > 12:
            return "day-first"  # with dots, nobody writes the month first
        return "month-first" if second > 12 else "ambiguous"
    return None


def parse_clock(text: str) -> timedelta | None:
    """Return a time of day, such as 18:30, 6:30 PM, 18.30.00, or the number of an hour."""
    found = re.fullmatch(_CLOCK, text.strip())
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[4] in "Pp" else 0)
    clock = timedelta(hours=hour, minutes=minute, seconds=second)
    return clock if minute < 60 and second < 60 and clock <= timedelta(days=1) else None


def split_span(text: str) -> tuple[str, str] | None:
    """Return a beginning and an end that are in one cell, or None.

    Such as "01.01.2026 00:00 - 01.01.2026 00:15 (CET/CEST)"; the end may be a time of day alone.
    """
    text = without_cet(text)
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    begin, end = found[1].strip(), found[2].strip()
    if (zone := _ZONE_NAME.search(end)) and not _ZONE_NAME.search(begin):
        begin += f" {zone[1]}"
    clock = parse_clock(_ZONE_NAME.sub("", end))
    if clock is not None:
        day = re.split(r"[T ,]", begin, maxsplit=1)[0]
        end = f"{day} {end}"
    return begin, end


def without_cet(text: str) -> str:
    """Return a time without "(CET/CEST)": that names both of a zone's offsets, so neither."""
    return _BOTH_ZONES.sub("", text)


def zone_in(text: str) -> str:
    """Return the zone that a title or a time ends with, such as CET/CEST; empty if it has none."""
    found = re.search(r"[(\[_ ]([A-Z]{1,4}T(/[A-Z]{2,5})?)[)\]]?$", text)
    return found[1] if found else ""


def in_utc(at: datetime, zone: ZoneInfo, repeated: bool) -> datetime | None:
    """Return a time in UTC.

    Parameters
    ----------
    at : datetime
        With a zone, or in ``zone``.
    repeated : bool
        Whether it is the second of two such times: clocks that are put back show an hour twice.

    Returns
    -------
    datetime or None
        None for an hour that does not exist, because clocks were put forward.
    """
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    utc = at.replace(tzinfo=zone, fold=int(repeated)).astimezone(UTC)
    return utc if utc.astimezone(zone).replace(tzinfo=None) == at else None


def is_shown_twice(at: datetime, zone: ZoneInfo) -> bool:
    """Tell whether a local time comes twice, because clocks are put back."""
    if at.tzinfo is not None:
        return False
    first, second = (at.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    text = _ZONE_NAME.sub(lambda found: f"+{_OFFSETS[found[1]]:02}:00", text)
    at_midnight = _END_OF_DAY.sub("00:00", text)
    try:
        at = datetime.fromisoformat(at_midnight)
    except ValueError:
        return None
    return at if at_midnight == text else at + timedelta(days=1)


def _year_first(text: str) -> datetime | None:
    found = _YEAR_FIRST.fullmatch(text)
    return _joined(found[1], found[2], found[3], found[4]) if found else None


def _day_first(text: str) -> datetime | None:
    found = _YEAR_LAST.fullmatch(text)
    return _joined(found[4], found[3], found[1], found[5]) if found else None


def _month_first(text: str) -> datetime | None:
    found = _YEAR_LAST.fullmatch(text)
    return _joined(found[4], found[1], found[3], found[5]) if found else None


def _joined(year: str, month: str, day: str, clock: str | None) -> datetime | None:
    date = datetime(int(year), int(month), int(day))
    if clock is None:
        return date
    zone = _ZONE_NAME.search(clock)
    after = parse_clock(_ZONE_NAME.sub("", clock))
    if after is None or clock.strip().isdecimal():
        return None
    return (date + after).replace(
        tzinfo=timezone(timedelta(hours=_OFFSETS[zone[1]])) if zone else None
    )


def _unix(text: str) -> datetime | None:
    if not _EPOCH.fullmatch(text):
        return None
    seconds = float(text) / (10 ** (len(text) - 10) if text.isdecimal() else 1)
    return datetime.fromtimestamp(seconds, UTC)


def _year(text: str) -> datetime | None:
    is_year = re.fullmatch(r"\d{4}", text)
    return datetime(int(text), 1, 1) if is_year else None


def _month(text: str) -> datetime | None:
    found = _MONTH.fullmatch(text)
    return datetime(int(found[1]), int(found[2]), 1) if found else None


_PARSERS = {
    "iso": _iso,
    "day-first": _day_first,
    "month-first": _month_first,
    "year-first": _year_first,
    "unix": _unix,
    "year": _year,
    "month": _month,
    "week": _iso,
}
