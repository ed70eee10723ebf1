"""Replay a table of your own as a stream of readings.

The table is looked through first, in three passes: how numbers and times are written; which time
each row covers; and whether each row can become a reading. Only then are readings given out, by
the same code as in the third pass. Memory grows by 16 bytes a row, for its time and line.
"""

from __future__ import annotations

import shlex
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from labkit.core.errors import ReplayError
from labkit.core.progress_bar import waiting
from labkit.core.text_tables import many
from labkit.readings.reading import MAX_INTERVAL_S, Reading, to_ms
from labkit.readings.replay.column_mapping import Column, ColumnMapping, map_columns
from labkit.readings.replay.csv_table import CsvTable
from labkit.readings.replay.known_titles import QUANTITIES, Meaning
from labkit.readings.replay.number_form import NumberEvidence, settle_numbers
from labkit.readings.replay.replay_options import ReplayOptions
from labkit.readings.replay.row_to_reading import PLACE, WHEN, Pass, RowError, RowReader
from labkit.readings.replay.source_file import SourceFile
from labkit.readings.replay.time_form import (
    WORDS,
    TimeEvidence,
    is_shown_twice,
    parse_clock,
    split_span,
    zone_in,
)

SHOWN_BAD_ROWS = 10
_NUMBERS = (*QUANTITIES, *PLACE)


class BadRow(NamedTuple):
    """A row that cannot become a reading."""

    line: int
    reason: str
    is_empty: bool
    """Whether all that it lacks is an amount: an hour in which a plant did not run."""


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
        stated = self._rows.interval_s or self.mapping.columns.keys() & {"interval", "begins_at"}
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
                title = self.mapping.columns[self._rows.when].title
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
        if first.line in self._rows.second_lines and "reading_id" not in self.mapping.columns:
            apart = "unit" if self.names_facility else "facility"
            command = self.command(f"--map COLUMN={apart}")
            hint = f"say which column tells them apart: {command}   (or {skip})"
            if first.line in self._rows.put_back_lines:
                command = self.command("--zone Europe/Berlin")
                hint = f"if clocks were put back then, state the zone: {command}"
        raise ReplayError(msg, hint)

    def _with_command(self, error: ReplayError) -> ReplayError:
        """Make a whole command of a next line that is only an option."""
        piped = "| labkit replay -"
        if error.next_line.endswith(piped):
            hint = f"{error.next_line.removesuffix(piped)}| {self.options.command('-')}"
            return ReplayError(error.what, hint)
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
        state = Pass(self._seed)
        for row in self.table.rows():
            if row.line not in bad_lines:
                reading = self._rows.reading(row, state, again)
                if row.line >= self.options.from_line:
                    yield row.line, reading

    # ---- the three passes of looking through ----

    def _look_through(self) -> None:
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
        self._rows = RowReader(self.table, self.mapping, self.options)
        self.totals, self.cover = self._rows.totals, self._rows.cover
        self._find_forms()
        self._rows.settle(self.mapping, self.number_forms, self.time_forms)
        self.has_span = self._rows.has_span
        self._find_cover()
        self.bad_rows: list[BadRow] = []
        self._bad_lines = array("q")
        self._check_rows()

    def _find_forms(self) -> None:
        """Look at all cells of number and time columns, and settle how they are written."""
        self._split_spans()
        columns = self.mapping.columns
        numbers = {f: NumberEvidence(c.title) for f, c in columns.items() if f in _NUMBERS}
        times = {f: TimeEvidence(c.title) for f, c in columns.items() if f in WHEN}
        looks = [(columns[f], evidence.add) for f, evidence in (numbers | times).items()]
        weak_ids: set[str] | None = set() if self.mapping.has_weak_id else None
        clocks = not_clocks = 0
        joined = "date" in columns and "recorded_at" in columns
        untitled = {f"#{n + 1}": n for n, title in enumerate(self.table.header) if not title}
        untitled = {name: n for name, n in untitled.items() if name in self.mapping.ignored}
        for row in self.table.rows():
            width = len(row.cells)
            for name, number in list(untitled.items()):
                if number < width and row.cells[number].strip():
                    del untitled[name]  # it is not an empty column
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
        for name in untitled:
            ignored = {**self.mapping.ignored, name: "it is empty, and has no title"}
            self.mapping = replace(self.mapping, ignored=ignored)
        if weak_ids is not None:
            reason = "it numbers the rows: no value comes twice, so it is not a facility"
            self.mapping = self.mapping.without("facility_id", reason)
        if joined:
            self._join(clocks, not_clocks)
            times.pop("recorded_at")
        columns = self.mapping.columns
        when = next(name for name in WHEN if name in columns)
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
                facility_id = self._rows.known_facts(row)["facility_id"]
                local = self._rows.local_time(self._rows.when, row)
                if local.tzinfo is None:
                    self.totals.no_zone = self.totals.no_zone or row.line
                else:
                    self.totals.with_zone = self.totals.with_zone or row.line
                if self.options.zone and is_shown_twice(local, self._rows.zone):
                    if (facility_id, local) in shown_twice:
                        self._rows.second_hour.add(row.line)
                    shown_twice.add((facility_id, local))
                at, _seconds = self._rows.span(row)
            except RowError:
                continue
            self.cover.add(facility_id, to_ms(at), row.line)
            if own_id := self._rows.cell("reading_id", row):
                first_line = lines_by_id.setdefault(own_id, row.line)
                if first_line != row.line:
                    self._rows.second_lines[row.line] = first_line
        self._refuse_mixed_zones()
        self.cover.settle()
        if not lines_by_id:  # without ids, a row is known by its facility and time
            self._rows.second_lines = self.cover.second_rows
        step_s = self.cover.common_s
        stated = self._rows.interval_s or self.mapping.columns.keys() & {"interval", "begins_at"}
        kind = self.time_forms[self._rows.when].kind
        if (step_s > MAX_INTERVAL_S or kind in ("year", "month", "week")) and not stated:
            why = f"a row is of {WORDS[kind]}"
            if step_s > MAX_INTERVAL_S:
                why = f"most rows are {step_s / 86_400:,.3g} days apart"
            msg = f"{self.name}: {why}, and a reading covers at most a day"
            hint = "take hourly or daily rows; or --interval 1d, if each row is of one day only"
            raise ReplayError(msg, hint)

    def _refuse_mixed_zones(self) -> None:
        without, with_zone = self.totals.no_zone, self.totals.with_zone
        if without and with_zone and not self.options.zone:
            title = self.mapping.columns[self._rows.when].title
            msg = (
                f"{self.name} line {max(without, with_zone)}, column {title!r}: the time in line "
                f"{with_zone} has a zone, the one in line {without} has none"
            )
            hint = f"{self.command('--zone UTC')}   (or the zone of the times without one)"
            raise ReplayError(msg, hint)

    def _check_rows(self) -> None:
        """Make each row's reading, and count; keep which rows cannot become one."""
        state, totals = Pass(self._seed), self.totals
        for row in self.table.rows():
            totals.rows += row.line >= self.options.from_line
            try:
                counts = row.line >= self.options.from_line
                reading = self._rows.reading(row, state, 0, count=counts)
            except RowError as error:
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
