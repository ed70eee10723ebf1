"""The short way from a record's value to the cells of its row, for a plant that is known.

Of a reading's fifteen fields eight say which plant it comes from, and a plant says them with the
very same bytes each time. So once `Reading.from_json` has let a value pass, those bytes are kept
with the cells they make, and in the plant's next value only the other fields are looked at.

This is no second gate. It knows one form of a value, the one in which the lab's producer writes
it: names in their order, numbers in plain decimals. What has another form, or a plant that was not
met yet, or anything beyond a limit, is left to the gate, which says why it is refused. What passes
here passes there too, and makes the same row; a property test holds the two side by side.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from labkit.readings.bad_reading_reasons import FACTOR_ID, UUID7
from labkit.readings.reading import (
    CLOCK_SKEW_S,
    LONGEST_FACTOR_ID,
    MAX_INTERVAL_S,
    MAX_KG_PER_S,
    MAX_LOAD_MW,
    MAX_VALUE_BYTES,
    YEARS,
    Reading,
    from_ms,
    grams,
    iso_milliseconds,
    to_ms,
)
from labkit.sink.csv_row import plant_cells

MOST_PLANTS = 4_096
MOST_DAYS = 4_096
MAX_SKEW_MS = CLOCK_SKEW_S * 1000
SMALLEST = 0.0001  # below it Python writes a number with an exponent

# At most 15 digits, no zero too many: so Python reads such a number and writes the same again.
_NUMBER = r"(?:0|[1-9]\d{0,5})\.(?:\d{0,8}[1-9]|0)"
_GRAMS = r"(?:0|[1-9]\d{0,8})\.(?:\d{0,2}[1-9]|0)"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}"
_HEAD = re.compile(
    rf'\{{"reading_id":"({UUID7.strip("^$")})",'
    rf'"recorded_at":"(\d{{4}}-\d\d-\d\dT{_CLOCK}Z)","interval_s":({_NUMBER}),'.encode()
)
_TAIL_BEGINS = b',"load_mw":'
_TAIL = re.compile(
    rf',"load_mw":({_NUMBER}),"co2_kg":({_GRAMS}),'
    rf'"factor_id":"({FACTOR_ID.strip("^$")})","quality":"(measured|substituted)"\}}'.encode()
)
_DAY = len("2026-11-23")


class Cells(NamedTuple):
    """What of a row a reading alone decides."""

    content: bytes  # from ``reading_id`` to ``quality``
    co2_g: int


class KnownPlants:
    """The plants that one consumer has met."""

    def __init__(self) -> None:
        self._cells: dict[bytes, bytes] = {}  # of a value: the plant's members -> their cells
        self._days: set[bytes] = set()  # that are in the calendar, such as 2026-11-23
        self._early_enough, self._for_ms = b"", 0

    def cells(self, value: bytes | None, timestamp_ms: int) -> Cells | None:
        """Return the cells of a reading; None where the gate shall look at it.

        Parameters
        ----------
        value : bytes or None
            The record's value.
        timestamp_ms : int
            The record's own timestamp, in milliseconds since 1970.
        """
        if value is None or len(value) > MAX_VALUE_BYTES or (head := _HEAD.match(value)) is None:
            return None
        tail_at = value.find(_TAIL_BEGINS, head.end())
        plant = self._cells.get(value[head.end() : tail_at])
        if plant is None or (tail := _TAIL.fullmatch(value, tail_at)) is None:
            return None
        reading_id, recorded_at, interval = head.groups()
        load, co2, factor_id, quality = tail.groups()
        interval_s, load_mw, co2_kg = float(interval), float(load), float(co2)
        if (
            not SMALLEST <= interval_s <= MAX_INTERVAL_S
            or not (SMALLEST <= load_mw <= MAX_LOAD_MW or load_mw == 0)
            or co2_kg > MAX_KG_PER_S * interval_s
            or len(factor_id) > LONGEST_FACTOR_ID
            or not self._is_past(recorded_at, timestamp_ms)
        ):
            return None
        content = b"%b,%b,%b,%b,%b,%b,%b,%b" % (
            reading_id, recorded_at, interval, plant, load, co2, factor_id, quality,
        )  # fmt: skip
        return Cells(content, grams(co2_kg))

    def learn(self, value: bytes, reading: Reading) -> None:
        """Keep the plant of a value that the gate has let pass as this reading."""
        head = _HEAD.match(value)
        if head is not None and (tail_at := value.find(_TAIL_BEGINS, head.end())) > 0:
            if len(self._cells) >= MOST_PLANTS:  # a replay may bring any number
                self._cells.clear()
            if _TAIL.fullmatch(value, tail_at):
                self._cells[value[head.end() : tail_at]] = plant_cells(reading).encode()

    def _is_past(self, recorded_at: bytes, timestamp_ms: int) -> bool:
        """Tell whether a time is one, and not later than the record, but for the clocks.

        Times of this form are in order as texts are. So the latest time that an earlier record
        could have tells for the next minute what is early enough, if its day is in the calendar.
        """
        if (
            recorded_at <= self._early_enough
            and timestamp_ms >= self._for_ms
            and recorded_at[:_DAY] in self._days
        ):
            return True
        try:
            at = datetime.fromisoformat(recorded_at.decode())
            limit = from_ms(timestamp_ms + MAX_SKEW_MS)
        except (ValueError, OverflowError):  # the 30th of February; a record of the year 10000
            return False
        if at.year not in YEARS or to_ms(at) > timestamp_ms + MAX_SKEW_MS:
            return False
        if len(self._days) >= MOST_DAYS:
            self._days.clear()
        self._days.add(recorded_at[:_DAY])
        self._early_enough, self._for_ms = iso_milliseconds(limit).encode(), timestamp_ms
        return True
