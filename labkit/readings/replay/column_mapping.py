"""Which column of a table is which field of a reading; what is not clear is asked for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labkit.core.errors import ReplayError
from labkit.readings.rejection_reasons import shorten
from labkit.readings.replay.known_titles import (
    AMBIGUOUS_UNITS,
    EPA_TITLES,
    MEANINGS,
    QUANTITIES,
    UNITS,
    WEAK_TITLE,
    Meaning,
    is_share,
    meaning_of,
    typed_meaning,
    unit_in,
    words_of,
)
from labkit.readings.replay.time_form import split_span

AMOUNTS = ("co2", "load", "energy")
_YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")


@dataclass(frozen=True)
class Column:
    """A column that is used."""

    number: int  # from 0
    title: str
    meaning: Meaning
    part: int | None = None
    """Of cells with a beginning and an end: which of the two."""

    def cell(self, cells: Sequence[str]) -> str:
        """Return the column's cell in a row; empty if the row has none."""
        text = cells[self.number] if self.number < len(cells) else ""
        if self.part is None:
            return text
        span = split_span(text.strip())
        return span[self.part] if span else text


@dataclass(frozen=True)
class ColumnMapping:
    """The columns that are used, by field, and the others, with the reason."""

    columns: Mapping[str, Column]
    ignored: Mapping[str, str]
    """By title; the reason is empty if the lab does not know the title."""
    is_epa: bool

    def without(self, field: str, reason: str) -> ColumnMapping:
        """Return the mapping with one column less."""
        ignored = {**self.ignored, self.columns[field].title: reason}
        columns = {key: column for key, column in self.columns.items() if key != field}
        return ColumnMapping(columns, ignored, self.is_epa)

    @property
    def has_weak_id(self) -> bool:
        """Whether the facility's id is a column titled "id", which may only number the rows."""
        column = self.columns.get("facility_id")
        return column is not None and words_of(column.title) == WEAK_TITLE

    @property
    def amount(self) -> Column:
        """The column that says how much: of CO2, else of load or energy."""
        return next(self.columns[field] for field in AMOUNTS if field in self.columns)


def map_columns(header: Sequence[str], stated: Mapping[str, str], where: str) -> ColumnMapping:
    """Find which column is which field.

    Parameters
    ----------
    header : sequence of str
        The titles.
    stated : mapping
        What the user says of columns, by title or ``#number``.
    where : str
        The table's name and its header's line, for messages.

    Raises
    ------
    ReplayError
        Two columns mean the same, none holds a time, or none an amount with a unit; the next line
        has an option for each question.
    """
    meanings = _meanings(header, stated, where)
    columns: dict[str, Column] = {}
    ignored: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for number, (title, meaning) in enumerate(zip(header, meanings, strict=True)):
        if meaning is None:
            if title:
                ignored[title] = ""  # not a title that the lab knows
            else:  # such as the index that pandas writes
                name = f"#{number + 1}"
                ignored[name] = f"it has no title; --map '{name}=MEANING' uses it"
        elif meaning.field == "ignore":
            ignored[title] = "as you said"
        elif meaning.field in QUANTITIES and meaning.unit is None:
            continue  # looked at below, when it is known whether it is needed
        elif meaning.field in columns:
            first = columns[meaning.field].title
            problems.append(
                (
                    f"the columns {first!r} and {title!r} both mean {meaning.field}",
                    _option(number if first == title else title, "ignore"),
                )
            )
        else:
            columns[meaning.field] = Column(number, title, meaning)
    asked = _without_unit(header, meanings, columns, ignored)
    problems += asked
    if not columns.keys() & {"recorded_at", "begins_at", "date"}:
        if len(years := [title for title in header if _YEAR.search(title)]) > 1:
            named = shorten(", ".join(years))
            msg = f"{where}: no column says when; its titles are of years: {named}"
            raise ReplayError(msg, "take hourly or daily data, with a row for each time")
        why = "no column says when: expected one such as recorded_at or time"
        problems.append((why, "--map COLUMN=time"))
    if "load" in columns and "energy" in columns:
        title = columns["energy"].title
        why = f"the columns {columns['load'].title!r} and {title!r} both say the load"
        problems.append((why, _option(title, "ignore")))
    elif not asked and not any(field in columns for field in AMOUNTS):
        problems.append(_no_amount(header))
    if problems:
        titles = shorten(", ".join(header) or "none")
        msg = f"{where}: {'; '.join(why for why, _ in problems)}; its columns are {titles}"
        options = " ".join(option for _, option in problems if option)
        raise ReplayError(msg, options or "take a table with a column of amounts")
    is_epa = set(map(words_of, header)) >= EPA_TITLES
    return ColumnMapping(columns, ignored, is_epa)


def _meanings(header: Sequence[str], stated: Mapping[str, str], where: str) -> list[Meaning | None]:
    """Return the meaning of each column: what the user says, else what the title says."""
    meanings = [meaning_of(title) for title in header]
    said: set[int] = set()
    for name, text in stated.items():
        meaning = typed_meaning(text)
        if meaning is None:
            msg = f"--map {name}={text}: {text!r} is not a meaning; known are {', '.join(MEANINGS)}"
            raise ReplayError(msg, f"--map {shlex.quote(name)}=kg")
        numbers = [number for number, title in enumerate(header) if title == name.strip()]
        if name.startswith("#") and name[1:].isdigit() and 0 < int(name[1:]) <= len(header):
            numbers = [int(name[1:]) - 1]
        if len(numbers) != 1:
            how_many = "no column is" if not numbers else f"{len(numbers)} columns are"
            msg = f"{where}: {how_many} titled {name!r}; its columns are {', '.join(header)}"
            raise ReplayError(msg, f"--map '#1={text}'   (the first column, {header[0]!r})")
        for number, other in enumerate(meanings):  # it comes before what another title says
            if number not in said and other is not None and other.field == meaning.field:
                meanings[number] = Meaning("ignore")
        meanings[numbers[0]] = meaning
        said.add(numbers[0])
    return meanings


def _without_unit(
    header: Sequence[str],
    meanings: Sequence[Meaning | None],
    columns: Mapping[str, Column],
    ignored: dict[str, str],
) -> list[tuple[str, str]]:
    """Ask for the unit of an amount if it is needed; otherwise the column is ignored."""
    has_amount = any(field in columns for field in AMOUNTS)
    problems = []
    for number, (title, meaning) in enumerate(zip(header, meanings, strict=True)):
        name = title if header.count(title) == 1 else number
        if meaning is None or meaning.field not in QUANTITIES or meaning.unit is not None:
            continue
        if meaning.field == "co2" and "co2" in columns:
            first = columns["co2"].title
            why = f"the columns {first!r} and {title!r} both mean co2"
            problems.append((why, _option(name, "ignore")))
        elif meaning.field in AMOUNTS and not has_amount:
            other = {"load": "energy", "energy": "load"}.get(meaning.field, "")
            units = ", ".join([*UNITS[meaning.field], *UNITS.get(other, ())])
            why = f"the column {title!r} says no unit; it may be {units}"
            if set(words_of(title).split()) & set(AMBIGUOUS_UNITS):
                why = f"the column {title!r} says tons; they may be t (1,000 kg) or short-tons"
                why += " (907 kg, in the USA)"
            elif meaning.field == "co2":
                why += " (but a room sensor's ppm is a concentration, not an amount)"
            problems.append((why, _option(name, "UNIT")))
        else:
            ignored[title] = f"it has no unit; --map {shlex.quote(title)}=UNIT uses it"
    return problems


def _no_amount(header: Sequence[str]) -> tuple[str, str]:
    """Say why no column is an amount, by what the titles are."""
    shares = [title for title in header if is_share(title)]
    units = [(title, unit) for title in header if (unit := unit_in(title)) and title not in shares]
    if units:
        titles = ", ".join(repr(title) for title, _ in units[:5])
        title, meaning = units[0]
        why = f"the titles do not say which column is the amount: {titles}"
        return why, _option(title, meaning.unit or "kg")
    if shares:
        why = (
            f"no column says how much: {shares[0]!r} is CO2 per something else, which is not an "
            "amount; it needs a column of kg, t, MW or MWh"
        )
        return why, ""
    why = "no column says how much: expected co2_kg, co2_t or load_mw"
    return why, "--map COLUMN=UNIT"


def _option(column: str | int, meaning: str) -> str:
    name = f"#{column + 1}" if isinstance(column, int) else column
    return f"--map {shlex.quote(f'{name}={meaning}')}"
