"""What a replay understood of its table, in words and units: read it before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from labkit.core.text_tables import aligned, many
from labkit.readings.replay.known_titles import QUANTITIES, words_of
from labkit.readings.replay.time_form import WORDS

if TYPE_CHECKING:
    from labkit.readings.replay.replay import Replay

SHOWN = 8  # how many names a line lists

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SIGNS = {".": "decimal points", ",": "decimal commas"}


def report(replay: Replay) -> str:
    """Return what was understood, one fact a line."""
    return "\n".join(aligned(list(_lines(replay))))


def hours_and_minutes(seconds: float) -> str:
    """Return a duration in the two units that matter: ``2 h 26 min``, ``365 d``, ``12 s``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (minutes if not days else 0, "min")]
    return " ".join(f"{number:,} {unit}" for number, unit in parts if number)


def minute(at: datetime | None) -> str:
    """Return a time as a person reads it, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}" if at is not None else "?"


def _lines(replay: Replay) -> Iterator[tuple[str, str]]:
    table, totals, mapping = replay.table, replay.totals, replay.mapping
    columns = mapping.columns
    signs = {form.decimal for form in replay.number_forms.values()} or {"."}
    yield (
        replay.name,
        f"{many(totals.rows, 'row')} below line {table.header_line}; {_encoding(replay)}, "
        f"{_DELIMITERS[table.delimiter]} between cells, "
        f"{' and '.join(_SIGNS[sign] for sign in sorted(signs))}",
    )
    yield "when", _when(replay)
    for field in QUANTITIES:
        if field in columns and field != "interval":
            total = f"; {totals.co2_g / 1000:,.3f} kg in all" if field == "co2" else ""
            yield field, f"{columns[field].title!r} in {columns[field].meaning.unit}{total}"
    if totals.from_load:
        rates = " to ".join(dict.fromkeys(f"{rate:,.0f}" for rate in totals.kg_per_mwh))
        yield (
            "co2",
            f"worked out from the load for {many(totals.from_load, 'row')}, at {rates} kg per MWh: "
            "the fuel's emission factor, and the efficiency of a simulated plant; "
            f"{totals.co2_g / 1000:,.3f} kg in all",
        )
    if totals.from_co2:
        yield (
            "load",
            f"worked out from the CO2, by emission factor, for {many(totals.from_co2, 'row')}",
        )
    if replay.left_below_a_gram:
        left = float(replay.left_below_a_gram)
        than = "less" if left > 0 else "more"
        said = "carried on to the facility's next reading; the readings add up to "
        yield "below 1 g", f"{said}{abs(left):.3g} g {than} than the table"
    yield "a row covers", _covers(replay)
    yield "facilities", _facilities(replay)
    facts = [f"{f} from {columns[f].title!r}" for f in _FACTS if f in columns]
    facts += [f"{field} {value}, as you said" for field, value in replay.options.values.items()]
    facts += ["country US and sector power: the titles are the US EPA's"] if mapping.is_epa else []
    if facts:
        yield "facts", ", ".join(facts)
    if totals.renamed_fuels:
        names = [f"{seen!r} is {fuel}" for seen, fuel in sorted(totals.renamed_fuels.items())]
        more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
        yield "fuels", ", ".join([*names[:SHOWN], *more])
    if replay.borrowed:
        such = ", ".join(f"{name} {value}" for name, value in replay.borrowed.items())
        whose = "" if len(replay.facilities) == 1 else "for its first facility "
        yield "borrowed", f"from simulated plants, as the table lacks them: {whose}{such}"
    unknown = [repr(title) for title, reason in mapping.ignored.items() if not reason]
    if unknown:
        yield "ignored", f"not titles that the lab knows: {', '.join(unknown)}"
    for title, reason in mapping.ignored.items():
        if reason:
            yield "ignored", f"{title!r}: {reason}"
    yield from _left_out(replay)


_FACTS = ("operator", "country", "latitude", "longitude", "sector", "fuel", "quality", "factor_id")


def _encoding(replay: Replay) -> str:
    found = replay.table.encoding
    if found == "cp1252" and not replay.options.encoding:
        return "cp1252, as it is not UTF-8 (--encoding states another)"
    return found


def _when(replay: Replay) -> str:
    columns, totals = replay.mapping.columns, replay.totals
    names = ("begins_at", "recorded_at", "date", "hour")
    found = dict.fromkeys(repr(columns[name].title) for name in names if name in columns)
    titles = " and ".join(found)
    kinds = ", ".join(dict.fromkeys(WORDS[form.kind] for form in replay.time_forms.values()))
    says_utc = any("utc" in words_of(c.title).split() for c in columns.values())
    zone = ""
    if totals.no_zone:
        utc = "UTC" if says_utc else "UTC (no zone is written; --zone states one)"
        zone = f", read as {replay.options.zone or utc}"
        if totals.with_zone:
            zone += f" where no zone is written (first in line {totals.no_zone})"
    order = "" if replay.cover.is_ordered else "; not in order of time, and sent as they stand"
    first, last = minute(totals.first_at), minute(totals.last_at)
    return f"{titles}: {kinds}{zone}; {first} to {last} UTC{order}"


def _covers(replay: Replay) -> str:
    columns, cover = replay.mapping.columns, replay.cover
    if replay.options.interval:
        return f"{replay.options.interval}, as you said"
    if "interval" in columns:
        return f"what {columns['interval'].title!r} says, in {columns['interval'].meaning.unit}"
    if replay.has_span:
        return "the time from its beginning to its end"
    if replay.open_cover:
        return f"not known: {replay.open_cover} (--interval states it)"
    if not cover.common_s:
        return "an hour, assumed: no facility has two rows (--interval states it)"
    said = f"{hours_and_minutes(cover.common_s)}, the usual time between a facility's rows"
    if cover.gaps:
        said += f"; {many(cover.gaps, 'longer gap')} not covered"
    if cover.irregular:
        said += (
            f"; in {cover.irregular:,} facilities without a usual time, the time since the row "
            "before, at most a day"
        )
    return said


def _facilities(replay: Replay) -> str:
    columns, ids = replay.mapping.columns, replay.facilities
    fields = [f for f in ("facility_id", "facility", "unit") if f in columns]
    if not ids:
        return "none, as no row can be used"
    shown = ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
    if fields:
        titles = " and ".join(repr(columns[field].title) for field in fields)
        return f"{len(ids):,} by {titles}: {shown}"
    if {"facility", "facility_id"} & replay.options.values.keys():
        return f"one, as you said: {shown}"
    return f"no column says which, so all rows are of one, named {shown} (--set facility=NAME)"


def _left_out(replay: Replay) -> Iterator[tuple[str, str]]:
    totals, options = replay.totals, replay.options
    if replay.table.repeated_headers:
        yield "left out", many(replay.table.repeated_headers, "repeated header")
    if totals.empty_rows:
        done = options.skip_empty or options.skip_bad
        what = "left out" if done else "not usable"
        yield what, f"{many(totals.empty_rows, 'row')} without an amount"
    if totals.unusable_rows:
        what = "left out" if options.skip_bad else "not usable"
        yield what, f"{many(totals.unusable_rows, 'row')}, such as:"
    for bad in replay.bad_rows:  # the first of each kind
        yield "", f"line {bad.line}{bad.reason}"
    if options.from_line:
        yield "left out", f"rows above line {options.from_line:,}, as you said"
