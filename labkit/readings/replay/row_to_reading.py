"""A row of a table as a reading, or the reason why it cannot be one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

from pydantic import ValidationError

from labkit.core.errors import ReplayError
from labkit.core.spreadsheet_text import restore
from labkit.readings.emission_factors import FUELS
from labkit.readings.fleet import uuid7
from labkit.readings.reading import CLOCK_SKEW_S, READING_FIELDS, Reading, to_ms
from labkit.readings.rejection_reasons import sentence, shorten
from labkit.readings.replay.borrowed_facts import COUNTRY_CODES, PLANT_FIELDS, FacilityFacts
from labkit.readings.replay.column_mapping import ColumnMapping
from labkit.readings.replay.csv_table import CsvTable, Row
from labkit.readings.replay.known_titles import EPA_FACTS, FUEL_NAMES, QUANTITIES, words_of
from labkit.readings.replay.number_form import NumberForm
from labkit.readings.replay.replay_options import ReplayOptions
from labkit.readings.replay.row_cover import RowCover
from labkit.readings.replay.time_form import TimeForm, in_utc, parse_clock

ONE_FACILITY = "replay"  # of all rows, if nothing says which; the same for a file and a pipe
# How tables and spreadsheets write that there is none, in lower case.
_NO_VALUE = {"-", "–", "—", "--", "−", "n/a", "#n/a", "<na>", "n/e", "nan", "null", "none"}
_NO_VALUE |= {"k.a.", "k. a.", "#nv", "#n/v", "#div/0!", "#value!", "#wert!"}
_FOOTERS = r"(grand |sub)?totals?\b|(gesamt)?summe\b|gesamt|sum\b|average\b|mittelwert\b"
PLACE = ("latitude", "longitude")
WHEN = ("begins_at", "recorded_at", "date")  # the first of them says when a row is
# The US EPA's words for values that were not substituted, and none at all.
_MEASURED = {"", "measured", "calculated", "lme", "other", "undetermined", "not applicable"}


class RowError(Exception):
    """Why a row cannot become a reading."""

    def __init__(self, reason: str, *, is_empty: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.is_empty = reason, is_empty


@dataclass
class ReplayTotals:
    """What the look-through counted."""

    rows: int = 0
    readings: int = 0
    co2_g: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    first_line: int = 0
    last_line: int = 0
    empty_rows: int = 0
    unusable_rows: int = 0
    no_zone: int = 0
    """The first line whose time has no zone; 0 if each has one."""
    with_zone: int = 0
    """The first line whose time has a zone."""
    from_load: int = 0
    """Readings whose CO2 was worked out from the load."""
    kg_per_mwh: tuple[float, ...] = ()
    """The least and the most CO2 of a load that was used for it."""
    from_co2: int = 0
    """Readings whose load was worked out from the CO2."""
    renamed_fuels: dict[str, str] = field(default_factory=dict)


class Pass:
    """What one pass through the rows remembers, so that each pass makes the same readings."""

    def __init__(self, seed: int) -> None:
        self.facts = FacilityFacts(seed)
        self.below_a_gram: dict[str, Decimal] = {}
        """By facility: what rounding to whole grams left, and the next row gets."""


class RowReader:
    """Turn rows into readings, by what the look-through of their table has found.

    Parameters
    ----------
    table : CsvTable
        The rows are its own.
    mapping : ColumnMapping
        Which column is which field.
    options : ReplayOptions
        What the user states.
    """

    def __init__(self, table: CsvTable, mapping: ColumnMapping, options: ReplayOptions) -> None:
        self.table, self.options = table, options
        self.zone, self.interval_s = options.zone_info(), options.interval_s()
        self.is_export = set(table.header) >= set(READING_FIELDS)
        self.latest = datetime.now(UTC) + timedelta(seconds=CLOCK_SKEW_S)
        self.totals, self.cover = ReplayTotals(), RowCover()
        self.second_hour: set[int] = set()
        """Lines in the second of two equal hours, where clocks were put back."""
        self.second_lines: dict[int, int] = {}
        """Lines of rows that are there already, and the line of the first one."""
        self.put_back_lines: set[int] = set()
        """Those of them that may be an hour in which clocks were put back, if no zone is known."""
        self.settle(mapping, {}, {})

    def settle(
        self,
        mapping: ColumnMapping,
        number_forms: Mapping[str, NumberForm],
        time_forms: Mapping[str, TimeForm],
    ) -> None:
        """Take over which columns there are, and how their numbers and times are written."""
        self.mapping, self.number_forms, self.time_forms = mapping, number_forms, time_forms
        columns = mapping.columns
        self.amount = mapping.amount
        self.has_span = columns.keys() >= {"begins_at", "recorded_at"}
        self.when = next(field for field in WHEN if field in columns)

    def reading(self, row: Row, state: Pass, again: int, *, count: bool = False) -> Reading:
        """Return a row's reading, or raise why it cannot be one."""
        if wrong := self.table.count_error(row.cells):
            raise RowError(f" {wrong}")
        known = self.known_facts(row)
        facility_id: str = known["facility_id"]
        recorded_at, seconds = self.span(row)
        if recorded_at > self.latest:
            raise self._wrong(self.when, row, "is in the future; expected a past time")
        if recorded_at.year < 1970:
            raise self._wrong(self.when, row, "is before 1970, when Kafka's timestamps begin")
        at_ms = to_ms(recorded_at)
        if first_line := self.second_lines.get(row.line):
            if "reading_id" in self.mapping.columns:
                raise self._wrong("reading_id", row, f"is already the id of line {first_line}")
            is_autumn = recorded_at.month in (10, 11) and recorded_at.weekday() == 6
            if self.totals.no_zone and not self.options.zone and is_autumn and recorded_at.hour < 4:
                self.put_back_lines.add(row.line)
            why = f"is already the time of line {first_line}, of the same facility {facility_id!r}"
            raise self._wrong(self.when, row, why)
        given = {
            field: self._number(field, row) for field in self.number_forms if self.cell(field, row)
        }
        known |= {place: float(given[place]) for place in PLACE if place in given}
        if "co2" not in given and given.keys() & {"load", "energy"} and "fuel" not in known:
            msg = (
                f"{self.table.name} line {row.line}: the CO2 has to be worked out from the load, "
                "and nothing says of which fuel"
            )
            raise ReplayError(msg, "--set fuel=gas   (or coal, lignite, oil ...)")
        facts = state.facts.facts(known)
        if self.interval_s or "interval" in given:
            seconds = self.interval_s or float(given["interval"])
        interval_s = seconds or self.cover.seconds(facility_id, at_ms)
        load_mw, exact_g = self._amounts(row, given, facts.kg_per_mwh, interval_s)
        exact_g += state.below_a_gram.get(facility_id, Decimal(0))
        whole_g = int(exact_g.to_integral_value(ROUND_HALF_EVEN))
        co2_kg = whole_g / 1000
        try:
            reading = Reading(
                reading_id=self._reading_id(row, facility_id, max(0, at_ms), again),
                recorded_at=recorded_at,
                interval_s=interval_s,
                load_mw=round(co2_kg / facts.kg_per_mwh / interval_s * 3600, 3)
                if load_mw is None
                else load_mw,
                co2_kg=co2_kg,
                quality=self._quality(row),
                **facts.plant,
            )
        except ValidationError as error:
            raise RowError(f": {sentence(error, b'')}") from error
        state.below_a_gram[facility_id] = exact_g - whole_g
        state.facts.keep(known, facts)
        if count:
            if "co2" not in given:
                used = (*self.totals.kg_per_mwh, facts.kg_per_mwh)
                self.totals.from_load += 1
                self.totals.kg_per_mwh = (min(used), max(used))
            self.totals.from_co2 += load_mw is None
        return reading

    def _reading_id(self, row: Row, facility_id: str, at_ms: int, again: int) -> str:
        """Return the id of a row's reading: its own, or one that follows from its content.

        So a row that is sent again, by whatever file, is known by its id.
        """
        own = self.cell("reading_id", row)
        if own and not again:
            return own
        amount = self.cell(self.amount.meaning.field, row)
        content = f"{facility_id}\n{at_ms}\n{amount}\n{own}\n{again}".encode()
        digest = hashlib.blake2b(content, digest_size=10).digest()
        return uuid7(at_ms, int.from_bytes(digest) >> 6)

    def known_facts(self, row: Row) -> dict[str, Any]:
        """Return what the row and the options say of the facility; its id is always known."""
        known: dict[str, Any] = dict(EPA_FACTS) if self.mapping.is_epa else {}
        for name in PLANT_FIELDS:
            if name in self.options.values:
                known[name] = self._fact(name, self.options.values[name])
            elif name in self.mapping.columns and name not in PLACE:
                text = self.cell(name, row)
                if text:
                    known[name] = self._fact(name, text, has_co2=bool(self.cell("co2", row)))
                elif name in ("facility_id", "facility"):
                    raise self._wrong(name, row, "is empty; expected a facility")
        known.setdefault("facility_id", known.get("facility", ONE_FACILITY))
        known.setdefault("facility", known["facility_id"])
        if "unit" in self.mapping.columns:
            unit = self.cell("unit", row)
            known["facility_id"] = f"{known['facility_id']}-{unit}"
            known["facility"] = f"{known['facility']} unit {unit}"
        return known

    def _fact(self, field: str, text: str, *, has_co2: bool = True) -> Any:
        if field in PLACE:
            number = NumberForm().parse(text)
            if number is None:
                raise ReplayError(f"--set {field}={text}: not a number", f"--set {field}=52.5")
            return float(number)
        if field in ("fuel", "sector"):
            plain = text.casefold()
            known = self._fuel(text, has_co2) if field == "fuel" else plain
            if known != plain:
                self.totals.renamed_fuels[text] = known
            return known
        if field == "country":
            return COUNTRY_CODES.get(text.casefold(), text.upper() if len(text) == 2 else text)
        return text

    def _fuel(self, text: str, has_co2: bool) -> str:
        """Return the lab's fuel; of several in a cell the first, if no CO2 follows from it."""
        names = [part.strip() for part in re.split(r"[,;/+]", text)]
        fuels = [FUEL_NAMES.get(words_of(name), name.casefold()) for name in names]
        if len(fuels) == 1 or not all(fuel in FUELS for fuel in fuels):
            return FUEL_NAMES.get(words_of(text), text.casefold())
        if len(set(fuels)) > 1 and not has_co2:
            why = f": {shorten(text)} are several fuels, and the CO2 of a load is that of one"
            raise RowError(f"{why}; state it: --set fuel={fuels[0]}")
        return fuels[0]

    def span(self, row: Row) -> tuple[datetime, float | None]:
        """Return a row's time in UTC, and the seconds it covers if the row itself says them."""
        repeated = row.line in self.second_hour
        at = self.local_time(self.when, row)
        utc = self._in_utc(self.when, at, row, repeated)
        if not self.has_span:
            return utc, None
        end = self.local_time("recorded_at", row)
        ends = [in_utc(end, self.zone, fold) for fold in (False, True)]
        spans = [(one - utc).total_seconds() for one in ends if one is not None]
        if end.tzinfo is None and at.tzinfo is None:
            spans.append((end - at).total_seconds())
        seconds = min((span for span in spans if span > 0), default=0.0)
        if not seconds:
            raise self._wrong("recorded_at", row, "is not after the beginning of the interval")
        return utc + timedelta(seconds=seconds), seconds

    def local_time(self, field: str, row: Row) -> datetime:
        """Return a time as the row has it, in the zone that it has, or without one."""
        text = self.cell(field, row)
        if not text:
            raise self._wrong(field, row, "is empty; expected a time")
        at = self.time_forms[field].parse(text)
        if at is None:
            expected = "is not a time; expected ISO 8601 such as 2026-11-23 22:13:04"
            if re.fullmatch(r"[2-5]\d{4}([.,]\d+)?", text):
                expected = "is not a time; it may be Excel's number of a day: format it as a date"
            elif re.search(r"\d.*(?<![AP]M)(\b[A-Z]{3,5}|\])$", text):
                expected = "has a zone's name, which is not read; take it out, and state --zone"
            elif re.match(_FOOTERS, text, re.I):
                expected = "is not a time; the row seems to be a footer, which sums up the others"
            elif re.match(r"\d{1,2}([/.-])\d{1,2}\1\d{2}\b", text):
                expected = "has a year of two digits, which is not read; write all four"
            raise self._wrong(field, row, expected)
        if field == "date" and "hour" in self.mapping.columns:
            after = parse_clock(self.cell("hour", row))
            if after is None:
                raise self._wrong("hour", row, "is not a time of day; expected one such as 18:30")
            at += after
        return at

    def _in_utc(self, field: str, at: datetime, row: Row, repeated: bool) -> datetime:
        try:
            utc = in_utc(at, self.zone, repeated)
        except OverflowError:
            utc = None
        if utc is None:
            raise self._wrong(
                field,
                row,
                f"does not exist in the zone {self.zone.key}, where clocks were put forward",
            )
        return utc

    def _number(self, field: str, row: Row) -> Decimal:
        """Return a cell's number, in the reading's own unit."""
        text = self.cell(field, row)
        number = self.number_forms[field].parse(text)
        if number is None:
            why = "is not a number; expected one such as 12.5"
            if re.fullmatch(r"[-+−]?[\d.,]*\d[\d.,]*\s*[^\W\d_][\w₂.-]*", text):
                why = "has more than a number in the cell; a unit belongs into the title, or --map"
            raise self._wrong(field, row, why)
        if field == "interval" and number <= 0:
            raise self._wrong(field, row, "is not above 0; expected seconds")
        if number < 0 and field in QUANTITIES:
            raise self._wrong(field, row, "is below 0; expected an amount")
        return (
            number * self.mapping.columns[field].meaning.factor if field in QUANTITIES else number
        )

    def _amounts(
        self, row: Row, given: Mapping[str, Decimal], kg_per_mwh: float, interval_s: float
    ) -> tuple[float | None, Decimal]:
        """Return the load, and exact grams of CO2; if only the load is there, they follow from it.

        A load of None is to be worked out from the CO2.
        """
        load_mw = float(given["load"]) if "load" in given else None
        if "energy" in given:
            load_mw = round(float(given["energy"]) * 3600 / interval_s, 6)
        if "co2" in given:
            return load_mw, given["co2"] * 1000
        if load_mw is None:
            raise self._wrong(
                self.amount.meaning.field, row, "is empty; expected an amount", is_empty=True
            )
        return load_mw, Decimal(repr(load_mw * kg_per_mwh * interval_s / 3600)) * 1000

    def _quality(self, row: Row) -> Literal["measured", "substituted"]:
        text = self.cell("quality", row).casefold()
        if "substitut" in text:
            return "substituted"
        if text not in _MEASURED:
            raise self._wrong("quality", row, "is unknown; known are measured, substituted")
        return "measured"

    def cell(self, field: str, row: Row) -> str:
        """Return a cell's text; in the lab's own export, as it was before it was made safe."""
        column = self.mapping.columns.get(field)
        if column is None:
            return ""
        text = column.cell(row.cells)
        if self.is_export:
            return restore(text)
        text = text.strip()
        if text.casefold() in _NO_VALUE or (text in ("NA", "na") and field in QUANTITIES):
            return ""  # NA is also Namibia
        return text

    def _wrong(self, field: str, row: Row, why: str, *, is_empty: bool = False) -> RowError:
        column = self.mapping.columns[field]
        text = self.cell(field, row) or row.cells[column.number].strip()  # also n/a
        return RowError(f", column {column.title!r}: {shorten(text)} {why}", is_empty=is_empty)
