"""Replay a user's own CSV as a stream of readings, row by row, in constant memory.

Columns may have the names that people give them (`ALIASES`). Two are required: a time, and an
amount (of CO2, or the load that it follows from). Missing fields are filled in from the simulated
fleet: each facility of the file borrows from the next plant that agrees with what the file says.
A row that cannot become a reading stops the replay with its line, its column, what was found and
what was expected; nothing is guessed and nothing is skipped.
"""

from __future__ import annotations

import csv
import math
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from labkit.core.errors import ReplayError
from labkit.readings.emission_factors import FUELS, SECTORS, factor_for
from labkit.readings.fleet import Fleet, uuid7
from labkit.readings.reading import CLOCK_SKEW_S, MAX_INTERVAL_S, Facility, Reading
from labkit.readings.rejection_reasons import sentence, shorten

FIRST_INTERVAL_S = 3600.0  # what a facility's first row covers: monitors report by the hour
STAND_INS = 96  # plants to borrow from: enough for most countries, sectors and fuels
MAX_FACILITIES = 10_000  # remembered at once

# The names that people give to columns. Upper case, blanks, signs and brackets do not matter:
# "CO2 (kg)" is co2_kg.
ALIASES: dict[str, tuple[str, ...]] = {
    "recorded_at": ("timestamp", "time", "datetime", "date_time", "date", "utc", "time_utc"),
    "co2_kg": ("co2", "kg_co2", "emissions_kg", "co2_emissions_kg", "emission_kg", "kg"),
    "co2_t": ("co2_tonnes", "t_co2", "tco2", "emissions_t", "co2_emissions_t", "tonnes", "t"),
    "co2_short_tons": ("co2_mass_short_tons", "co2_mass", "co2_tons"),
    "load_mw": ("mw", "load", "gross_load_mw", "gross_load", "power_mw"),
    "interval_s": ("interval", "seconds", "duration_s"),
    "facility_id": ("plant_id", "site_id", "installation_id", "orispl_code", "id"),
    "facility": ("facility_name", "plant", "plant_name", "site", "installation", "name"),
    "operator": ("company", "owner", "owner_operator"),
    "country": ("country_code", "iso2"),
    "latitude": ("lat",),
    "longitude": ("lon", "lng", "long"),
    "sector": (),
    "fuel": ("fuel_type", "primary_fuel_type"),
}
KG_PER = {"co2_kg": 1.0, "co2_t": 1000.0, "co2_short_tons": 907.18474}

NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
NUMBERS = {*KG_PER, "load_mw", "interval_s", "latitude", "longitude"}


class Replay:
    """A CSV, read as readings.

    Columns are separated by commas, semicolons or tabs; with semicolons or tabs, a comma inside a
    number is a decimal comma. The file is UTF-8, with or without a byte-order mark. Times are ISO
    8601, without a zone in UTC; they are not changed, so none may be in the future. Without an
    interval column, a row covers the time since the previous row of its facility (the first one:
    an hour; at most a day). Units: ``co2_kg``, ``co2_t`` (tonnes) or ``co2_short_tons`` (907.18
    kg, as the US EPA reports).

    Parameters
    ----------
    path : path
        The file; its header is read at once, so a wrong file is found before anything is sent.
    seed : int
        The seed of the fleet that fills in what the file lacks.

    Raises
    ------
    ReplayError
        There is no such file, or its header lacks what is needed.
    """

    def __init__(self, path: str | Path, seed: int = 7) -> None:
        self.path = Path(path)
        try:
            with self.path.open("rb") as file:
                first = file.readline()
        except OSError as error:
            msg = f"{self.path} cannot be read: {error.strerror}"
            hint = f"check the path; a relative one starts at {Path.cwd()}"
            raise ReplayError(msg, hint) from error
        header = self._decode(first, 1)
        self.delimiter = max(",;\t", key=header.count)
        self.header = next(csv.reader([header], delimiter=self.delimiter), [])
        self.columns = map_columns(self.header, self.path.name)
        self._stand_ins = _stand_ins(seed)
        self._rng = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._facilities: dict[tuple[Any, ...], Facility] = {}
        self._last_at: dict[str, datetime] = {}

    def readings(self) -> Iterator[Reading]:
        """Yield a reading for each row, in the file's order."""
        with self.path.open("rb") as file:
            lines = (self._decode(line, number) for number, line in enumerate(file, 1))
            rows = csv.reader(lines, delimiter=self.delimiter)
            next(rows)
            while True:
                try:
                    row = next(rows, None)
                except csv.Error as error:
                    raise ReplayError(f"{self.path.name} line {rows.line_num}: {error}") from error
                if row is None:
                    return
                if row:
                    yield self._reading(row, rows.line_num)

    def _decode(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            msg = f"{self.path.name} line {number} is not UTF-8: byte 0x{line[error.start]:02x}"
            raise ReplayError(msg, "save it as “CSV UTF-8” and replay it again") from error

    def _reading(self, row: list[str], line: int) -> Reading:
        if len(row) != len(self.header):
            msg = f"{self.path.name} line {line} has {len(row)} columns, not {len(self.header)}"
            raise ReplayError(msg, f"open line {line} in an editor and look for a stray delimiter")
        given = {
            field: self._value(field, row[number].strip(), line)
            for field, number in self.columns.items()
            if row[number].strip()
        }
        if "recorded_at" not in given:
            self._refuse(line, "recorded_at", "", "is empty; expected a time")
        recorded_at: datetime = given["recorded_at"]
        unix_ms = max(0, int(recorded_at.timestamp() * 1000))  # before 1970: the model refuses
        try:
            facility = self._facility({key: given[key] for key in given.keys() & _PLANT_FIELDS})
            interval_s = self._since_last(facility, recorded_at)
            interval_s = given.get("interval_s", interval_s)
            load_mw, co2_kg = self._amounts(given, facility, interval_s, line)
            return Reading(
                reading_id=uuid7(unix_ms, self._rng.getrandbits(74)),
                recorded_at=recorded_at,
                interval_s=interval_s,
                load_mw=load_mw,
                co2_kg=co2_kg,
                quality="measured",
                **facility.model_dump(exclude={"capacity_mw", "efficiency"}),
            )
        except ValidationError as error:
            msg = f"{self.path.name} line {line}: {sentence(error, b'')}"
            raise ReplayError(msg, f"correct line {line}, or take it out") from error

    def _value(self, field: str, seen: str, line: int) -> Any:
        """Convert a cell's text to the type of its field."""
        if field == "recorded_at":
            return self._time(seen, line)
        if field in NUMBERS:
            text = seen.replace(",", ".") if self.delimiter != "," else seen
            number = float(text) if NUMBER.fullmatch(text) else math.nan
            if not math.isfinite(number):
                self._refuse(line, field, seen, "is not a number; expected one such as 12.5")
            if field == "interval_s" and number <= 0:
                self._refuse(line, field, seen, "is not above 0; expected seconds")
            if number < 0 and field not in ("latitude", "longitude"):
                self._refuse(line, field, seen, "is below 0; expected an amount")
            return number
        if field in ("fuel", "sector"):
            return seen.casefold()
        return seen

    def _time(self, seen: str, line: int) -> datetime:
        try:
            at = datetime.fromisoformat(seen)
        except ValueError:
            expected = "is not a time; expected ISO 8601 such as 2026-11-23 22:13:04"
            self._refuse(line, "recorded_at", seen, expected)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        if at > datetime.now(UTC) + timedelta(seconds=CLOCK_SKEW_S):
            self._refuse(line, "recorded_at", seen, "is in the future; expected a past time")
        return at

    def _refuse(self, line: int, field: str, seen: str, why: str) -> NoReturn:
        title = self.header[self.columns[field]]
        msg = f"{self.path.name} line {line}, column {title!r}: {shorten(seen)} {why}"
        raise ReplayError(msg, f"correct line {line}, or take it out") from None

    def _facility(self, known: dict[str, Any]) -> Facility:
        """Return the row's facility: fields of the file, and the others from the fleet."""
        key = tuple(known.get(field) for field in _PLANT_FIELDS)
        if key not in self._facilities:
            if len(self._facilities) >= MAX_FACILITIES:
                self._facilities.clear()
            self._facilities[key] = self._complete(known, turn=len(self._facilities))
        return self._facilities[key]

    def _complete(self, known: dict[str, Any], turn: int) -> Facility:
        """Borrow unknown fields from the next plant that agrees with the known ones."""
        said = [field for field in ("country", "sector", "fuel") if field in known]
        agreeing = [
            plant
            for plant in self._stand_ins
            if all(getattr(plant, field) == known[field] for field in said)
        ] or self._stand_ins
        plant = {**agreeing[turn % len(agreeing)].model_dump(), **known}
        if "facility" in known and "facility_id" not in known:
            plant["facility_id"] = known["facility"]
        elif "facility_id" in known and "facility" not in known:
            plant["facility"] = known["facility_id"]
        if plant["fuel"] in FUELS and plant["sector"] in SECTORS:  # else Facility refuses them
            plant["factor_id"] = factor_for(plant["sector"], plant["fuel"]).factor_id
        return Facility(**plant)

    def _since_last(self, facility: Facility, recorded_at: datetime) -> float:
        """Return the seconds since the previous row of this facility."""
        if len(self._last_at) >= MAX_FACILITIES:
            self._last_at.clear()
        last_at = self._last_at.get(facility.facility_id)
        self._last_at[facility.facility_id] = recorded_at
        elapsed_s = (recorded_at - last_at).total_seconds() if last_at else 0.0
        return min(elapsed_s, MAX_INTERVAL_S) if elapsed_s > 0 else FIRST_INTERVAL_S

    def _amounts(
        self, given: dict[str, Any], facility: Facility, interval_s: float, line: int
    ) -> tuple[float, float]:
        """Return load and CO2; if the file has only one of them, compute the other."""
        kg_per_mw = facility.kg_per_mwh * interval_s / 3600
        load_mw: float | None = given.get("load_mw")
        for unit, kg in KG_PER.items():
            if unit in given:
                co2_kg = round(given[unit] * kg, 3)
                return (round(co2_kg / kg_per_mw, 3) if load_mw is None else load_mw), co2_kg
        if load_mw is None:
            column = next(field for field in (*KG_PER, "load_mw") if field in self.columns)
            self._refuse(line, column, "", "is empty; expected an amount")
        return load_mw, round(load_mw * kg_per_mw, 3)


def map_columns(header: list[str], file_name: str) -> dict[str, int]:
    """Find which column holds which field.

    Returns
    -------
    dict
        Position of the column, by a key of `ALIASES`; columns with other names are ignored.

    Raises
    ------
    ReplayError
        Two columns mean the same, or none holds a time, or none holds an amount.
    """
    meanings = {alias: field for field, names in ALIASES.items() for alias in (field, *names)}
    columns: dict[str, int] = {}
    why = ""
    for number, title in enumerate(header):
        field = meanings.get(re.sub(r"\W+", "_", title.casefold()).strip("_"))
        if field in columns:
            why = f"the columns {header[columns[field]]!r} and {title!r} both mean {field}"
        elif field is not None:
            columns[field] = number
    if "recorded_at" not in columns:
        why = "no column says when: expected one such as recorded_at or time"
    elif not columns.keys() & {*KG_PER, "load_mw"}:
        why = "no column says how much: expected co2_kg, co2_t or load_mw"
    if why:
        names = shorten(", ".join(header) or "none")
        msg = f"{file_name} line 1: {why}; its columns are {names}"
        raise ReplayError(msg, "rename its columns; labkit.readings.replay.ALIASES has the names")
    return columns


_PLANT_FIELDS = frozenset(Facility.model_fields)


@cache
def _stand_ins(seed: int) -> tuple[Facility, ...]:
    """Return the plants to borrow from; made once, because loading their languages is slow."""
    return Fleet(seed, STAND_INS).facilities
