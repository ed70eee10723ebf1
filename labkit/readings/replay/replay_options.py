"""The answers that settle what a table leaves open; each is an option of ``labkit replay``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from labkit.core.errors import ReplayError
from labkit.readings.reading import MAX_INTERVAL_S

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
DECIMALS = {"point": ".", "comma": ","}
DATES = ("day-first", "month-first")
# What `values` (`--set`) may state for all rows.
SETTABLE = (
    "facility_id",
    "facility",
    "operator",
    "country",
    "latitude",
    "longitude",
    "sector",
    "fuel",
)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class ReplayOptions:
    """How to read a table, where the table itself does not say it.

    Parameters
    ----------
    columns : mapping
        What a column is, by its title or by ``#3``: a unit (``kg``, ``MWh``), a field
        (``facility``), or ``ignore``. See `labkit.readings.replay.known_titles.MEANINGS`.
    values : mapping
        A fact of all rows, such as ``{"country": "US"}``.
    encoding : str, optional
        Such as ``cp1252``; None: found out.
    delimiter : {'comma', 'semicolon', 'tab', 'pipe'}, optional
        None: found out.
    decimal : {'point', 'comma'}, optional
        The decimal sign; the other one then separates thousands.
    dates : {'day-first', 'month-first'}, optional
        How to read 03/04/2025.
    zone : str, optional
        The zone of times without one, such as ``Europe/Berlin``; None: UTC.
    interval : str, optional
        What each row covers, such as ``1h``, ``15min``, ``900``; None: found out.
    skip_empty : bool
        Leave out rows without an amount, and count them.
    skip_bad : bool
        Leave out all rows that cannot be used, and count them.
    from_line : int
        Begin at this line of the file.

    Raises
    ------
    ReplayError
        An option is not one of those.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    decimal: Literal["point", "comma"] | None = None
    dates: Literal["day-first", "month-first"] | None = None
    zone: str | None = None
    interval: str | None = None
    skip_empty: bool = False
    skip_bad: bool = False
    from_line: int = 0

    def __post_init__(self) -> None:
        _one_of("--delimiter", self.delimiter, DELIMITERS)
        _one_of("--decimal", self.decimal, DECIMALS)
        _one_of("--dates", self.dates, DATES)
        for name in self.values:
            _one_of("--set", name, SETTABLE)
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                msg = f"{self.encoding!r} is not an encoding that Python knows"
                raise ReplayError(msg, "--encoding cp1252") from error
        self.zone_info()
        self.interval_s()

    def command(self, source: str, *more: str) -> str:
        """Return the command with these options, and more, as it is typed."""
        words = ["labkit", "replay", source]
        words += [w for pair in self.columns.items() for w in ("--map", "=".join(pair))]
        words += [w for pair in self.values.items() for w in ("--set", "=".join(pair))]
        for name in ("encoding", "delimiter", "decimal", "dates", "zone", "interval", "from_line"):
            value = getattr(self, name)
            words += [f"--{name.replace('_', '-')}", str(value)] if value else []
        words += ["--skip-empty"] if self.skip_empty else []
        words += ["--skip-bad"] if self.skip_bad else []
        return " ".join([*map(shlex.quote, words), *more])

    def zone_info(self) -> ZoneInfo:
        """Return the zone of times without one."""
        try:
            return ZoneInfo(self.zone or "UTC")
        except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise _no_zone(self.zone) from error
        except KeyError as error:
            raise _no_zone(self.zone) from error

    def interval_s(self) -> float | None:
        """Return the seconds that each row covers, if they were stated."""
        if self.interval is None:
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)?", self.interval.strip())
        seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
        if not 0 < seconds <= MAX_INTERVAL_S:
            msg = f"{self.interval!r} is not an interval above 0 and up to a day"
            raise ReplayError(msg, "--interval 1h, or 15min, or 900 (seconds)")
        return seconds


def _one_of(option: str, value: str | None, known: Mapping[str, str] | tuple[str, ...]) -> None:
    if value is not None and value not in known:
        msg = f"{option} cannot be {value!r}: known are {', '.join(known)}"
        raise ReplayError(msg, f"{option} {next(iter(known))}")


def _no_zone(zone: str | None) -> ReplayError:
    return ReplayError(f"{zone!r} is not a time zone", "--zone Europe/Berlin")
