"""The titles that people give to columns, and what each means: a field, and its unit.

Upper case, blanks, signs and brackets do not matter: "CO₂ (kg)" is ``co2 kg``. A quantity without
a unit is known, but not used: "co2" may be kilograms, tonnes or a room sensor's ppm.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

# The units of each quantity, as they are typed in `--map COLUMN=UNIT`, in the reading's own unit.
UNITS: dict[str, dict[str, Decimal]] = {
    "co2": {  # kilograms
        "kg": Decimal(1),
        "g": Decimal("0.001"),
        "mg": Decimal("0.000001"),
        "t": Decimal(1000),
        "kt": Decimal(1_000_000),
        "Mt": Decimal(1_000_000_000),
        "short-tons": Decimal("907.18474"),  # the US EPA's
        "lb": Decimal("0.45359237"),
    },
    "load": {"MW": Decimal(1), "kW": Decimal("0.001"), "GW": Decimal(1000)},  # megawatts
    "energy": {"MWh": Decimal(1), "kWh": Decimal("0.001"), "GWh": Decimal(1000)},
    "interval": {"s": Decimal(1), "min": Decimal(60), "h": Decimal(3600)},  # seconds
}
# How titles spell the units.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "kg": ("kilograms", "kilogram"),
    "g": ("grams", "gram"),
    "mg": ("milligrams", "milligram"),
    "t": ("tonnes", "tonne", "metric tons", "metric tonnes"),
    "kt": ("kilotonnes", "kilotonne", "thousand tonnes"),
    "Mt": ("megatonnes", "megatonne", "million tonnes"),
    "short-tons": ("short tons", "short ton"),
    "lb": ("lbs", "pounds"),
    "MW": ("megawatts",),
    "kW": ("kilowatts",),
    "GW": ("gigawatts",),
    "MWh": ("megawatt hours",),
    "kWh": ("kilowatt hours",),
    "GWh": ("gigawatt hours",),
    "s": ("seconds", "sec", "secs"),
    "min": ("minutes", "mins"),
    "h": ("hours", "hrs"),
}
# How titles call the quantities, beside their unit.
QUANTITIES: dict[str, tuple[str, ...]] = {
    "co2": (
        "co2",
        "co2 emissions",
        "co2 emission",
        "co2 mass",
        "emissions",
        "emission",
        "emissions co2",
        "carbon emissions",
        "carbon dioxide",
        "carbon dioxide emissions",
        "total co2",
        "total emissions",
        "total co2 emissions",
        "co2 emissionen",
        "emissionen",
        "co2 ausstoß",
        "émissions de co2",
        "émissions co2",
        "emisja co2",
        "emisje co2",
        "co2排出量",
    ),
    "load": ("load", "gross load", "net load", "power", "output", "last", "leistung"),
    "energy": ("energy", "generation", "gross generation", "net generation", "erzeugung"),
    "interval": ("interval", "duration", "dauer"),
}
# Units of another size in each country: a title that has one is known, but its unit is asked for.
AMBIGUOUS_UNITS = ("tons", "ton")
# Titles that mix the two up: the US EPA's Gross Load (MWh). Their unit decides.
_OTHER_UNITS = {"load": "energy", "energy": "load"}
# Units that are a title by themselves: "kg", "tonnes", "MW", "seconds".
ALONE = {"kg", "tonnes", "mw", "seconds"}

# The titles of the other fields. "id" is weak: it may only number the rows.
TITLES: dict[str, tuple[str, ...]] = {
    "recorded_at": (
        "timestamp",
        "time",
        "datetime",
        "date time",
        "date and time",
        "utc",
        "time utc",
        "datetime utc",
        "timestamp utc",
        "zeitstempel",
        "end time",
        "datum bis",
        "zeit",
        "datum uhrzeit",
        "datum und uhrzeit",
        "mtu",
        "time interval",
        "horodatage",
        "date heure",
        "date et heure",
        "czas",
        "data i godzina",
        "日時",
        "year",
    ),
    "begins_at": ("begin", "start time", "datum von"),
    "date": ("day", "datum", "日付"),
    "hour": ("hour of day", "time of day", "stunde", "uhrzeit", "anfang", "heure", "godzina"),
    "facility_id": ("plant id", "site id", "installation id", "orispl code", "id"),
    "facility": ("facility name", "plant", "plant name", "site", "installation", "name"),
    "unit": ("unit id", "unitid", "boiler id"),
    "operator": ("company", "owner", "owner operator"),
    "country": ("country code", "country name", "iso2"),
    "latitude": ("lat",),
    "longitude": ("lon", "lng", "long"),
    "sector": (),
    "fuel": ("fuel type", "primary fuel type"),
    "quality": ("co2 mass measure indicator",),
    "factor_id": (),
    "reading_id": (),
}
_TIMES = {"recorded_at", "begins_at", "date", "hour"}
WEAK_TITLE = "id"
_NOT_BY_TITLE = {"unit"}  # a column titled "unit" says kg or t, not which boiler

# What `--map COLUMN=...` takes beside a unit.
FIELD_WORDS = {
    "time": "recorded_at",
    "begin": "begins_at",
    "ignore": "ignore",
    **{field: field for field in TITLES},
}
MEANINGS: tuple[str, ...] = (*(unit for units in UNITS.values() for unit in units), *FIELD_WORDS)

# A table with these titles is hourly data of the US EPA's power sector.
EPA_TITLES = {"state", "facility id", "unit id", "primary fuel type"}
EPA_FACTS = {"country": "US", "sector": "power"}

# The EPA's names of fuels, as the lab's fuels. Wood is not among them: its CO2 is not fossil.
FUEL_NAMES = {
    "coal refuse": "coal",
    "hard coal": "coal",
    "pipeline natural gas": "gas",
    "natural gas": "gas",
    "process gas": "gas",
    "other gas": "gas",
    "diesel oil": "diesel",
    "residual oil": "oil",
    "other oil": "oil",
    "fuel oil": "oil",
    "petroleum coke": "petcoke",
    "tire derived fuel": "waste",
    "other solid fuel": "waste",
}


class Meaning(NamedTuple):
    """What a column is: a field, and for quantities a unit; without one it has to be asked for."""

    field: str  # a key of `QUANTITIES` or `TITLES`, or "ignore"
    unit: str | None = None

    @property
    def factor(self) -> Decimal:
        """How much one is in the reading's own unit."""
        assert self.unit is not None
        return UNITS[self.field][self.unit]


def words_of(title: str) -> str:
    """Return a title in lower case, its words separated by single blanks."""
    text = unicodedata.normalize("NFKC", title).casefold()
    text = re.sub(r"[\W_]+", " ", text).strip()
    return re.sub(r"\b(kg|g|t)?co2(eq|e)?\b", lambda co2: f"{co2[1] or ''} co2".strip(), text)


def meaning_of(title: str) -> Meaning | None:
    """Return what a title means, or None if it is unknown."""
    found = _BY_WORDS.get(words_of(title))
    if (
        found is None
        and (bare := re.sub(r"\s*[(\[][A-Z]{1,4}T?(/[A-Z]{2,5})?[)\]]$", "", title)) != title
    ):
        found = _BY_WORDS.get(words_of(bare))  # MTU (CET/CEST)
        return found if found is not None and found.field in _TIMES else None
    return found


def typed_meaning(text: str) -> Meaning | None:
    """Return what is meant by the right side of ``--map COLUMN=...``, or None."""
    for quantity, units in UNITS.items():
        for unit in units:
            if text.casefold() == unit.casefold():
                return Meaning(quantity, unit)
    field = FIELD_WORDS.get(text.casefold())
    return None if field is None else Meaning(field)


def unit_in(title: str) -> Meaning | None:
    """Return the amount whose unit a title ends with, such as ``Use [MWh]``; None if with none."""
    bracket = re.search(r"[(\[]\s*(\w+(?: \w+)?)\s*[)\]]", title)
    last = re.search(r"([kMG]Wh?)\s*$", title, re.I)
    unit = bracket or last
    found = _UNIT_WORDS.get(words_of(unit[1])) if unit else None
    return found if found is not None and found.field != "interval" else None


def is_share(title: str) -> bool:
    """Tell whether a title is of CO2 per something else: a concentration, an intensity, a rate."""
    is_co2 = re.search(r"co2|carbon", unicodedata.normalize("NFKC", title), re.I)
    shares = r"pp[mb]|/|%|\bper\b|intensity|rate|percentage|concentration"
    return bool(is_co2 and re.search(shares, title, re.I))


def titles_by_field() -> dict[str, list[str]]:
    """Return the known titles in words, by the field that they mean; quantities need a unit."""
    known = {field: [words_of(name) for name in (field, *names)] for field, names in TITLES.items()}
    for quantity, names in QUANTITIES.items():
        units = ", ".join(UNITS[quantity])
        known[f"{quantity} ({units})"] = list(names)
    return known


def _unit_words() -> dict[str, Meaning]:
    return {
        spelling: Meaning(quantity, unit)
        for quantity, units in UNITS.items()
        for unit in units
        for spelling in (unit.casefold(), *SPELLINGS[unit])
        if spelling not in ("short-tons", "mt")  # in the USA, MT in a title is a metric ton
    }


def _by_words() -> dict[str, Meaning]:
    """Build the table of all known titles."""
    known = {
        words_of(name): Meaning(field)
        for field, names in TITLES.items()
        for name in (*(() if field in _NOT_BY_TITLE else (field,)), *names)
    }
    for quantity, names in QUANTITIES.items():
        units = {
            spelling: meaning
            for spelling, meaning in _UNIT_WORDS.items()
            if meaning.field in (quantity, _OTHER_UNITS.get(quantity))
        }
        if quantity == "co2":
            units |= dict.fromkeys(AMBIGUOUS_UNITS, Meaning(quantity))
        for name in map(words_of, names):
            known[name] = Meaning(quantity)
            for spelling, meaning in units.items():
                for title in (f"{name} {spelling}", f"{name} in {spelling}", f"{spelling} {name}"):
                    known[title] = meaning
                    if quantity == "co2":
                        known[f"{title} co2"] = meaning  # Emissions (kg CO2)
    return known | {word: _UNIT_WORDS[word] for word in ALONE}


_UNIT_WORDS = _unit_words()
_BY_WORDS = _by_words()
