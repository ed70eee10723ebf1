"""Replay a table of your own as a stream of readings.

The table is looked through first, in three passes: how numbers and times are written; which time
each row covers; and whether each row can become a reading. Only then are readings given out, by
the same code as in the third pass. Memory grows by 16 bytes a row, for its time and line.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from labkit.core.errors import ReplayError
from labkit.core.progress_bar import waiting
from labkit.core.spreadsheet_text import restore
from labkit.core.text_tables import many
from labkit.readings.emission_factors import FUELS
from labkit.readings.fleet import uuid7
from labkit.readings.reading import CLOCK_SKEW_S, MAX_INTERVAL_S, READING_FIELDS, Reading
from labkit.readings.rejection_reasons import sentence, shorten
from labkit.readings.replay.borrowed_facts import COUNTRY_CODES, PLANT_FIELDS, FacilityFacts
from labkit.readings.replay.column_mapping import Column, ColumnMapping, map_columns
from labkit.readings.replay.csv_table import CsvTable, Row
from labkit.readings.replay.known_titles import EPA_FACTS, FUEL_NAMES, QUANTITIES, Meaning, words_of
from labkit.readings.replay.number_form import NumberEvidence, NumberForm, settle_numbers
from labkit.readings.replay.replay_options import ReplayOptions
from labkit.readings.replay.row_cover import RowCover
from labkit.readings.replay.source_file import SourceFile
from labkit.readings.replay.time_form import (
    WORDS,
    TimeEvidence,
    TimeForm,
    in_utc,
    is_shown_twice,
    parse_clock,
    split_span,
    zone_in,
)
from labkit.readings.timestamps import to_ms

SHOWN_BAD_ROWS = 10
ONE_FACILITY = "replay"  # of all rows, if nothing says which; the same for a file and a pipe
# How tables write that there is none; NA is not among them, as it is Namibia.
_NO_VALUE = {"-", "–", "—", "--", "n/a", "N/A", "#N/A", "n/e", "nan", "NaN", "null", "NULL"}
_PLACE = ("latitude", "longitude")
_NUMBERS = (*QUANTITIES, *_PLACE)
_WHEN = ("begins_at", "recorded_at", "date")  # the first of them says when a row is
# The US EPA's words for values that were not substituted, and none at all.
_MEASURED = {"", "measured", "calculated", "lme", "other", "undetermined", "not applicable"}


class BadRow(NamedTuple):
    """A row that cannot become a reading."""

    line: int
    reason: str
    is_empty: bool
    """Whether all that it lacks is an amount: an hour in which a plant did not run."""


class _RowError(Exception):
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
    no_zone: bool = False
    from_load: int = 0
    """Readings whose CO2 was worked out from the load."""
    from_co2: int = 0
    """Readings whose load was worked out from the CO2."""
    renamed_fuels: dict[str, str] = field(default_factory=dict)


class _Pass:
    """What one pass through the rows remembers, so that each pass makes the same readings."""

    def __init__(self, seed: int) -> None:
        self.facts = FacilityFacts(seed)
        self.below_a_gram: dict[str, Decimal] = {}
        """By facility: what rounding to whole grams left, and the next row gets."""


class Replay:
    """A table, read as readings.

    A table is text: cells separated by commas, semicolons, tabs or ``|``, in any common encoding.
    It needs a column of times and one of amounts; `labkit.readings.replay.known_titles` has the
    titles. Nothing is guessed silently: what the table leaves open is refused, with the option
    that settles it, and what was understood is in `report`.

    Parameters
    ----------
    source : str or Path
        A file, a pipe, or ``-`` for standard input; see `SourceFile`.
    seed : int
        The seed of the fleet that fills in what the table lacks.
    options : ReplayOptions, optional
        How to read what the table leaves open.
    **more
        Fields of `ReplayOptions`, such as ``columns={"co2": "kg"}``.

    Attributes
    ----------
    bad_rows : list of BadRow
        The first rows that cannot be used.

    Raises
    ------
    ReplayError
        The source cannot be read, or it is not clear what its columns are.

    Examples
    --------
    >>> replay = Replay("readings.csv", columns={"co2": "kg"})  # doctest: +SKIP
    >>> print(replay.report())  # doctest: +SKIP
    """

    def __init__(
        self,
        source: str | Path,
        seed: int = 7,
        options: ReplayOptions | None = None,
        **more: Any,
    ) -> None:
        self.options = replace(options or ReplayOptions(), **more)
        self._seed = seed
        self._is_ready = False
        with waiting(f"Looking through {source}"):
            self.source = SourceFile(source)
            self.name = self.source.name
            try:
                self._look_through()
            except ReplayError as error:
                raise self._with_command(error) from error
        self._is_ready = True

    @property
    def identity(self) -> str:
        """The identity of the content: the same bytes have the same one, whatever their name."""
        return self.source.identity

    @property
    def names_facility(self) -> bool:
        """Whether the table, or the user, says of which facility a row is."""
        fields = {"facility_id", "facility"}
        return bool(fields & (self.mapping.columns.keys() | self.options.values.keys()))

    @property
    def open_cover(self) -> str:
        """Why nothing says what a row covers; empty if something does."""
        stated = self._interval_s or self.mapping.columns.keys() & {"interval", "begins_at"}
        if stated or self._has_clock or (self.cover.common_s and not self.cover.irregular):
            return ""
        why = "the rows are not evenly spaced"
        if not self.cover.common_s:
            why = "no facility has two rows"
        return f"its dates have no time of day, and {why}, so nothing says what a row covers"

    def command(self, *more: str) -> str:
        """Return the command that replays this table with these options, and more."""
        return self.options.command(self.source.argument, *more)

    def report(self) -> str:
        """Return what was understood, in words and units."""
        from labkit.readings.replay.replay_report import report

        return report(self)

    def __repr__(self) -> str:
        return self.report() if self._is_ready else f"<Replay of {self.name}>"

    def refuse_bad_rows(self) -> None:
        """Refuse a table with rows that cannot be used, unless they are to be left out.

        Raises
        ------
        ReplayError
            With the first such row's line and reason.
        """
        totals, options = self.totals, self.options
        unusable = totals.unusable_rows and not options.skip_bad
        empty = totals.empty_rows and not (options.skip_bad or options.skip_empty)
        if not (unusable or empty):
            if not totals.readings:
                msg = f"{self.name} line {self.table.header_line}: no row below the header is used"
                raise ReplayError(msg, "look at the file; it may be cut off")
            if self.open_cover:
                title = self.mapping.columns[self._when].title
                msg = f"{self.name}, column {title!r}: {self.open_cover}; nothing was sent"
                hint = f"{self.command('--interval 1d')}   (if each row is of one day)"
                raise ReplayError(msg, hint)
            return
        refused = [bad for bad in self.bad_rows if not bad.is_empty or empty]
        first = min(refused, key=lambda bad: bad.line)
        others = (totals.unusable_rows if unusable else 0) + (totals.empty_rows if empty else 0) - 1
        more = f" (and {many(others, 'more row')})" if others else ""
        msg = f"{self.name} line {first.line}{first.reason}{more}; nothing was sent"
        skip = "--skip-bad" if unusable else "--skip-empty"
        hint = f"correct line {first.line}, or leave such rows out: {self.command(skip)}"
        if first.line in self._second_lines and "reading_id" not in self.mapping.columns:
            apart = "unit" if self.names_facility else "facility"
            command = self.command(f"--map COLUMN={apart}")
            hint = f"say which column tells them apart: {command}   (or {skip})"
            if first.line in self._put_back_lines:
                command = self.command("--zone Europe/Berlin")
                hint = f"if clocks were put back then, state the zone: {command}"
        raise ReplayError(msg, hint)

    def _with_command(self, error: ReplayError) -> ReplayError:
        """Make a whole command of a next line that is only an option."""
        if not error.next_line.startswith("--"):
            return error
        return ReplayError(error.what, self.command(error.next_line))

    def readings(self) -> Iterator[Reading]:
        """Yield a reading for each row, in the table's order.

        Raises
        ------
        ReplayError
            Rows cannot be used, and `ReplayOptions` do not say to leave them out.
        """
        for _line, reading in self.numbered_readings():
            yield reading

    def numbered_readings(self, again: int = 0) -> Iterator[tuple[int, Reading]]:
        """Yield each reading with the line of its row.

        Parameters
        ----------
        again : int
            How often the table was sent before on purpose: the readings then get other ids.
        """
        self.refuse_bad_rows()
        bad_lines = set(self._bad_lines)
        state = _Pass(self._seed)
        for row in self.table.rows():
            if row.line not in bad_lines:
                reading = self._reading(row, state, again)
                if row.line >= self.options.from_line:
                    yield row.line, reading

    # ---- the three passes of looking through ----

    def _look_through(self) -> None:
        self._zone, self._interval_s = self.options.zone_info(), self.options.interval_s()
        self.table = CsvTable(self.source, self.options.encoding, self.options.delimiter)
        where = f"{self.name} line {self.table.header_line}"
        if not self.options.columns and (line := self.table.likely_header_line()):
            msg = f"{where} has no known title; the header seems to be line {line}"
            hint = "take out the lines above it"
            path = Path(self.source.argument)
            if self.table.encoding in ("utf-8", "utf-8-sig", "cp1252"):  # one byte ends a line
                cat = {".gz": "zcat", ".bz2": "bzcat", ".xz": "xzcat"}.get(path.suffix, "cat")
                rest = f"{cat} {shlex.quote(str(path))} | tail -n +{line}"
                hint += f": {rest} | {self.options.command('-')}"
            raise ReplayError(msg, hint)
        is_long = {"_field", "_value"} <= set(self.table.header)
        if is_long and "_field" not in self.options.columns:
            msg = (
                f"{where}: it is InfluxDB's long form, in which '_field' says row by row what "
                "'_value' is"
            )
            pivot = '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
            hint = (
                f"export a column for each field: add {pivot} to the query; or, if there is only "
                f"one field: {self.options.command(self.source.argument)} "
                "--map _field=ignore --map _value=UNIT"
            )
            raise ReplayError(msg, hint)
        self.mapping = map_columns(self.table.header, self.options.columns, where)
        self.number_forms: dict[str, NumberForm] = {}
        self.time_forms: dict[str, TimeForm] = {}
        self.is_export = set(self.table.header) >= set(READING_FIELDS)
        self.totals = ReplayTotals()
        self._latest = datetime.now(UTC) + timedelta(seconds=CLOCK_SKEW_S)
        self._find_forms()
        columns = self.mapping.columns
        self._amount = self.mapping.amount
        self.has_span = columns.keys() >= {"begins_at", "recorded_at"}
        self._when = next(field for field in _WHEN if field in columns)
        self._second_hour: set[int] = set()
        """Lines in the second of two equal hours, where clocks were put back."""
        self._second_lines: dict[int, int] = {}
        """Lines of rows that are there already, and the line of the first one."""
        self._put_back_lines: set[int] = set()
        """Those of them that may be an hour in which clocks were put back, if no zone is known."""
        self.cover = RowCover()
        self._find_cover()
        self.bad_rows: list[BadRow] = []
        self._bad_lines = array("q")
        self._check_rows()

    def _find_forms(self) -> None:
        """Look at all cells of number and time columns, and settle how they are written."""
        self._split_spans()
        columns = self.mapping.columns
        numbers = {f: NumberEvidence(c.title) for f, c in columns.items() if f in _NUMBERS}
        times = {f: TimeEvidence(c.title) for f, c in columns.items() if f in _WHEN}
        looks = [(columns[f], evidence.add) for f, evidence in (numbers | times).items()]
        weak_ids: set[str] | None = set() if self.mapping.has_weak_id else None
        clocks = not_clocks = 0
        joined = "date" in columns and "recorded_at" in columns
        for row in self.table.rows():
            width = len(row.cells)
            for column, look_at in looks:
                if cell := column.cell(row.cells).strip():
                    look_at(cell, row.line)
            if weak_ids is not None and columns["facility_id"].number < width:
                found = row.cells[columns["facility_id"].number].strip()
                if found in weak_ids:
                    weak_ids = None  # it repeats, so it is a facility
                else:
                    weak_ids.add(found)
            if joined and columns["recorded_at"].number < width:
                is_clock = parse_clock(row.cells[columns["recorded_at"].number]) is not None
                clocks, not_clocks = clocks + is_clock, not_clocks + (not is_clock)
        if weak_ids is not None:
            reason = "it numbers the rows: no value comes twice, so it is not a facility"
            self.mapping = self.mapping.without("facility_id", reason)
        if joined:
            self._join(clocks, not_clocks)
            times.pop("recorded_at")
        columns = self.mapping.columns
        when = next(name for name in _WHEN if name in columns)
        for unused in ("date", "hour"):  # they say when only together, or a date alone
            if unused in columns and when != "date":
                reason = f"{columns[when].title!r} says when"
                self.mapping = self.mapping.without(unused, reason)
        self._has_clock = "hour" in columns or times[when].has_clock or not times[when].seen
        self._settle_forms(numbers, times)

    def _split_spans(self) -> None:
        """Take a column of times with a beginning and an end in each cell as two columns."""
        columns = dict(self.mapping.columns)
        when = [field for field in ("recorded_at", "begins_at", "date") if field in columns]
        first = next(self.table.rows(), None)
        if first is None or not when:
            return
        column = columns[when[0]]
        cell = column.cell(first.cells).strip()
        zone = next(filter(None, map(zone_in, (cell, column.title))), "")
        if (
            zone not in ("", "UTC", "GMT")
            and not (zone in cell and "/" not in zone)
            and not self.options.zone
        ):
            city = "Europe/Brussels" if "CE" in zone else f"Europe/London   (or where {zone} is)"
            msg = f"{self.name} line {first.line}, column {column.title!r}: the times are in {zone}"
            raise ReplayError(f"{msg}; state the zone whose clocks those are", f"--zone {city}")
        if len(when) == 1 and split_span(cell):
            for part, field in enumerate(("begins_at", "recorded_at")):
                columns[field] = Column(column.number, column.title, Meaning(field), part)
            self.mapping = replace(self.mapping, columns=columns)

    def _settle_forms(
        self, numbers: Mapping[str, NumberEvidence], times: Mapping[str, TimeEvidence]
    ) -> None:
        options = self.options
        decimal = {"point": ".", "comma": ","}.get(options.decimal or "")
        self.number_forms = settle_numbers(numbers, decimal, self.name)
        self.time_forms = {
            field: evidence.settle(options.dates, self.name)
            for field, evidence in times.items()
            if field in self.mapping.columns
        }

    def _join(self, clocks: int, not_clocks: int) -> None:
        """Take a column "time" beside a column "date" as the time of day, if that is what it is."""
        columns = dict(self.mapping.columns)
        time = columns.pop("recorded_at")
        date = columns["date"].title
        if not_clocks > clocks or "hour" in columns:
            msg = (
                f"{self.name} line {self.table.header_line}: the columns {date!r} and "
                f"{time.title!r} both say when"
            )
            raise ReplayError(msg, f"--map '{date}=ignore'")
        columns["hour"] = time
        self.mapping = ColumnMapping(columns, self.mapping.ignored, self.mapping.is_epa)

    def _find_cover(self) -> None:
        """Find the time between the rows of each facility, and which hours are shown twice."""
        shown_twice: set[tuple[str, datetime]] = set()
        lines_by_id: dict[str, int] = {}
        for row in self.table.rows():
            if self.table.count_error(row.cells):
                continue
            try:
                facility_id = self._known_facts(row)["facility_id"]
                local = self._local_time(self._when, row)
                self.totals.no_zone |= local.tzinfo is None
                if self.options.zone and is_shown_twice(local, self._zone):
                    if (facility_id, local) in shown_twice:
                        self._second_hour.add(row.line)
                    shown_twice.add((facility_id, local))
                at, _seconds = self._span(row)
            except _RowError:
                continue
            self.cover.add(facility_id, to_ms(at), row.line)
            if own_id := self._cell("reading_id", row):
                first_line = lines_by_id.setdefault(own_id, row.line)
                if first_line != row.line:
                    self._second_lines[row.line] = first_line
        self.cover.settle()
        if not lines_by_id:  # without ids, a row is known by its facility and time
            self._second_lines = self.cover.second_rows
        step_s = self.cover.common_s
        stated = self._interval_s or self.mapping.columns.keys() & {"interval", "begins_at"}
        kind = self.time_forms[self._when].kind
        if (step_s > MAX_INTERVAL_S or kind in ("year", "month", "week")) and not stated:
            why = f"a row is of {WORDS[kind]}"
            if step_s > MAX_INTERVAL_S:
                why = f"most rows are {step_s / 86_400:,.3g} days apart"
            msg = f"{self.name}: {why}, and a reading covers at most a day"
            hint = "take hourly or daily rows; or --interval 1d, if each row is of one day only"
            raise ReplayError(msg, hint)

    def _check_rows(self) -> None:
        """Make each row's reading, and count; keep which rows cannot become one."""
        state, totals = _Pass(self._seed), self.totals
        for row in self.table.rows():
            totals.rows += row.line >= self.options.from_line
            try:
                counts = row.line >= self.options.from_line
                reading = self._reading(row, state, 0, count=counts)
            except _RowError as error:
                self._bad_lines.append(row.line)
                if row.line < self.options.from_line:
                    continue
                totals.empty_rows += error.is_empty
                totals.unusable_rows += not error.is_empty
                same_kind = totals.empty_rows if error.is_empty else totals.unusable_rows
                if same_kind <= SHOWN_BAD_ROWS:
                    self.bad_rows.append(BadRow(row.line, error.reason, error.is_empty))
                continue
            if row.line < self.options.from_line:
                continue
            totals.readings += 1
            totals.co2_g += round(reading.co2_kg * 1000)
            at = reading.recorded_at
            totals.first_at = min(totals.first_at or at, at)
            totals.last_at = max(totals.last_at or at, at)
            totals.first_line = totals.first_line or row.line
            totals.last_line = row.line
        self.borrowed, self.facilities = state.facts.borrowed, state.facts.ids
        self.left_below_a_gram = sum(state.below_a_gram.values(), Decimal(0))

    # ---- one row ----

    def _reading(self, row: Row, state: _Pass, again: int, *, count: bool = False) -> Reading:
        """Return a row's reading, or raise why it cannot be one."""
        if wrong := self.table.count_error(row.cells):
            raise _RowError(f" {wrong}")
        known = self._known_facts(row)
        facility_id: str = known["facility_id"]
        recorded_at, seconds = self._span(row)
        if recorded_at > self._latest:
            raise self._wrong(self._when, row, "is in the future; expected a past time")
        if recorded_at.year < 1970:
            raise self._wrong(self._when, row, "is before 1970, when Kafka's timestamps begin")
        at_ms = to_ms(recorded_at)
        if first_line := self._second_lines.get(row.line):
            if "reading_id" in self.mapping.columns:
                raise self._wrong("reading_id", row, f"is already the id of line {first_line}")
            is_autumn = recorded_at.month in (10, 11) and recorded_at.weekday() == 6
            if self.totals.no_zone and not self.options.zone and is_autumn and recorded_at.hour < 4:
                self._put_back_lines.add(row.line)
            why = f"is already the time of line {first_line}, of the same facility {facility_id!r}"
            raise self._wrong(self._when, row, why)
        given = {
            field: self._number(field, row) for field in self.number_forms if self._cell(field, row)
        }
        known |= {place: float(given[place]) for place in _PLACE if place in given}
        facts = state.facts.facts(known)
        if self._interval_s or "interval" in given:
            seconds = self._interval_s or float(given["interval"])
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
            raise _RowError(f": {sentence(error, b'')}") from error
        state.below_a_gram[facility_id] = exact_g - whole_g
        state.facts.keep(known, facts)
        if count:
            self.totals.from_load += "co2" not in given
            self.totals.from_co2 += load_mw is None
        return reading

    def _reading_id(self, row: Row, facility_id: str, at_ms: int, again: int) -> str:
        """Return the id of a row's reading: its own, or one that follows from its content.

        So a row that is sent again, by whatever file, is known by its id.
        """
        own = self._cell("reading_id", row)
        if own and not again:
            return own
        amount = self._cell(self._amount.meaning.field, row)
        content = f"{facility_id}\n{at_ms}\n{amount}\n{own}\n{again}".encode()
        digest = hashlib.blake2b(content, digest_size=10).digest()
        return uuid7(at_ms, int.from_bytes(digest) >> 6)

    def _known_facts(self, row: Row) -> dict[str, Any]:
        """Return what the row and the options say of the facility; its id is always known."""
        known: dict[str, Any] = dict(EPA_FACTS) if self.mapping.is_epa else {}
        for name in PLANT_FIELDS:
            if name in self.options.values:
                known[name] = self._fact(name, self.options.values[name])
            elif name in self.mapping.columns and name not in _PLACE:
                text = self._cell(name, row)
                if text:
                    known[name] = self._fact(name, text, has_co2=bool(self._cell("co2", row)))
                elif name in ("facility_id", "facility"):
                    raise self._wrong(name, row, "is empty; expected a facility")
        known.setdefault("facility_id", known.get("facility", ONE_FACILITY))
        known.setdefault("facility", known["facility_id"])
        if "unit" in self.mapping.columns:
            unit = self._cell("unit", row)
            known["facility_id"] = f"{known['facility_id']}-{unit}"
            known["facility"] = f"{known['facility']} unit {unit}"
        return known

    def _fact(self, field: str, text: str, *, has_co2: bool = True) -> Any:
        if field in _PLACE:
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
            raise _RowError(f"{why}; state it: --set fuel={fuels[0]}")
        return fuels[0]

    def _span(self, row: Row) -> tuple[datetime, float | None]:
        """Return a row's time in UTC, and the seconds it covers if the row itself says them."""
        repeated = row.line in self._second_hour
        at = self._local_time(self._when, row)
        utc = self._in_utc(self._when, at, row, repeated)
        if not self.has_span:
            return utc, None
        end = self._local_time("recorded_at", row)
        ends = [in_utc(end, self._zone, fold) for fold in (False, True)]
        spans = [(one - utc).total_seconds() for one in ends if one is not None]
        if end.tzinfo is None and at.tzinfo is None:
            spans.append((end - at).total_seconds())
        seconds = min((span for span in spans if span > 0), default=0.0)
        if not seconds:
            raise self._wrong("recorded_at", row, "is not after the beginning of the interval")
        return utc + timedelta(seconds=seconds), seconds

    def _local_time(self, field: str, row: Row) -> datetime:
        """Return a time as the row has it, in the zone that it has, or without one."""
        text = self._cell(field, row)
        if not text:
            raise self._wrong(field, row, "is empty; expected a time")
        at = self.time_forms[field].parse(text)
        if at is None:
            expected = "is not a time; expected ISO 8601 such as 2026-11-23 22:13:04"
            if re.fullmatch(r"[2-5]\d{4}([.,]\d+)?", text):
                expected = "is not a time; it may be Excel's number of a day: format it as a date"
            elif re.search(r"\d.*(?<![AP]M)(\b[A-Z]{3,5}|\])$", text):
                expected = "has a zone's name, which is not read; take it out, and state --zone"
            raise self._wrong(field, row, expected)
        if field == "date" and "hour" in self.mapping.columns:
            after = parse_clock(self._cell("hour", row))
            if after is None:
                raise self._wrong("hour", row, "is not a time of day; expected one such as 18:30")
            at += after
        return at

    def _in_utc(self, field: str, at: datetime, row: Row, repeated: bool) -> datetime:
        try:
            utc = in_utc(at, self._zone, repeated)
        except OverflowError:
            utc = None
        if utc is None:
            raise self._wrong(field, row, f"does not exist in the zone {self._zone.key}")
        return utc

    def _number(self, field: str, row: Row) -> Decimal:
        """Return a cell's number, in the reading's own unit."""
        text = self._cell(field, row)
        number = self.number_forms[field].parse(text)
        if number is None:
            raise self._wrong(field, row, "is not a number; expected one such as 12.5")
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
                self._amount.meaning.field, row, "is empty; expected an amount", is_empty=True
            )
        return load_mw, Decimal(repr(load_mw * kg_per_mwh * interval_s / 3600)) * 1000

    def _quality(self, row: Row) -> Literal["measured", "substituted"]:
        text = self._cell("quality", row).casefold()
        if "substitut" in text:
            return "substituted"
        if text not in _MEASURED:
            raise self._wrong("quality", row, "is unknown; known are measured, substituted")
        return "measured"

    def _cell(self, field: str, row: Row) -> str:
        """Return a cell's text; in the lab's own export, as it was before it was made safe."""
        column = self.mapping.columns.get(field)
        if column is None:
            return ""
        text = column.cell(row.cells)
        if self.is_export:
            return restore(text)
        text = text.strip()
        return "" if text in _NO_VALUE else text

    def _wrong(self, field: str, row: Row, why: str, *, is_empty: bool = False) -> _RowError:
        column = self.mapping.columns[field]
        text = self._cell(field, row) or row.cells[column.number].strip()  # also n/a
        return _RowError(f", column {column.title!r}: {shorten(text)} {why}", is_empty=is_empty)
