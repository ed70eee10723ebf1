"""A fleet of plants that emit CO2: Faker makes the plants once, physics makes each reading.

Names are invented, places are real (Faker's table of places), and emissions follow from the
published factors: ``co2_kg = load_mw * kg_per_mwh * interval_s / 3600``. How the load changes is
an **assumption**, chosen to look plausible: a daily shape with a morning and an evening peak in
local time, plus AR(1) noise with a correlation time of 15 minutes.

Everything random comes from one seed: the same arguments give the same stream, in any process.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from faker import Faker

from labkit.readings.emission_factors import factor_for, read_csv
from labkit.readings.facility import Facility
from labkit.readings.malformed_values import BAD_RECORDS, BadRecord, spoil
from labkit.readings.plant_kinds import MIX, Kind
from labkit.readings.reading import Reading
from labkit.readings.timestamps import EARLIEST

NOISE_SHARE = 0.03  # standard deviation of the load's noise, as a share of capacity
NOISE_MEMORY_S = 900.0  # the correlation time of the noise
FIRST_INTERVAL_S = 1.0  # what a plant's first reading covers, if no interval is given
# Hourly US monitors, 2015 to 2019: 0.6 % of operating hours were missing or invalid (EPA), and
# conservative values were reported instead.
SUBSTITUTED_SHARE = 0.006
# The countries in which Faker knows real places, and the locale of their company names.
LOCALES = {row["country"]: row["faker_locale"] for row in read_csv("countries.csv")}
# The parts of Faker that are needed: places, company names, and the surnames in them.
PROVIDERS = [f"faker.providers.{name}" for name in ("geo", "company", "person")]


class Plant:
    """A facility in operation: its load changes from reading to reading."""

    def __init__(self, facility: Facility, kind: Kind, rng: random.Random) -> None:
        self.facility = facility
        self.kg_per_mw_s = facility.kg_per_mwh / 3600
        self.base = kind.base
        self.swing = kind.swing
        self.noise = rng.gauss(0.0, NOISE_SHARE)
        self.highest_mw = facility.capacity_mw * kind.base
        self.last_at: datetime | None = None
        # The fields that are the same in every reading of this plant.
        self.fixed = facility.model_dump(exclude={"capacity_mw", "efficiency"})

    def load_mw(self, unix_s: float, interval_s: float, rng: random.Random) -> float:
        """Return the mean load of an interval: the daily shape plus AR(1) noise."""
        memory = math.exp(-interval_s / NOISE_MEMORY_S)
        news = math.sqrt(1 - memory * memory)  # keeps the noise's variance constant
        self.noise = memory * self.noise + news * rng.gauss(0.0, NOISE_SHARE)
        share = self.base + self.swing * daily_shape(unix_s, self.facility.longitude) + self.noise
        return round(self.facility.capacity_mw * min(1.0, max(0.0, share)), 3)


class Fleet:
    """The plants, in the order in which they report.

    Parameters
    ----------
    seed : int
        The same seed gives the same plants and the same noise.
    size : int
        How many plants; they report in turn.
    """

    def __init__(self, seed: int = 7, size: int = 24) -> None:
        self.seed = seed
        self._rng = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        kinds = [MIX[number % len(MIX)] for number in range(size)]
        facilities = _make_facilities(kinds, seed, self._rng)
        self._plants = [
            Plant(facility, kind, self._rng)
            for facility, kind in zip(facilities, kinds, strict=True)
        ]
        self.facilities: tuple[Facility, ...] = tuple(facilities)
        self._turn = 0

    def reading(self, at: datetime, interval_s: float | None = None) -> Reading:
        """Return the reading of the next plant in turn.

        Parameters
        ----------
        at : datetime
            End of the interval, UTC.
        interval_s : float, optional
            Seconds covered; None: since this plant's previous reading, so that no tonne between
            two readings goes unreported, whatever the rate is.
        """
        plant = self._plants[self._turn]
        self._turn = (self._turn + 1) % len(self._plants)
        if interval_s is None:
            last_at = plant.last_at
            elapsed_s = (at - last_at).total_seconds() if last_at else FIRST_INTERVAL_S
            interval_s = min(86_400.0, max(1e-6, elapsed_s))
        plant.last_at = at
        return self._measure(plant, at, interval_s)

    def _measure(self, plant: Plant, at: datetime, interval_s: float) -> Reading:
        rng = self._rng
        unix_ms = (at - EARLIEST) // _MILLISECOND
        load_mw = plant.load_mw(unix_ms / 1000, interval_s, rng)
        plant.highest_mw = max(plant.highest_mw, load_mw)
        substituted = rng.random() < SUBSTITUTED_SHARE
        if substituted:
            load_mw = plant.highest_mw  # never to the plant's advantage, as regulators ask
        return Reading.model_validate(
            {
                **plant.fixed,
                "reading_id": uuid7(unix_ms, rng.getrandbits(74)),
                "recorded_at": at,
                "interval_s": interval_s,
                "load_mw": load_mw,
                "co2_kg": round(load_mw * plant.kg_per_mw_s * interval_s, 3),
                "quality": "substituted" if substituted else "measured",
            }
        )

    def readings(
        self, start: datetime, readings_per_s: float, faults: float = 0.0
    ) -> Iterator[Reading | BadRecord]:
        """Make readings without end, evenly spaced in time from ``start``.

        Parameters
        ----------
        start : datetime
            When the first one is recorded, UTC.
        readings_per_s : float
            Of the whole fleet; each reading covers ``size / readings_per_s`` seconds.
        faults : float
            Share of readings that become a `BadRecord` instead, such as 0.006.

        Yields
        ------
        Reading or BadRecord
        """
        interval_s = len(self._plants) / readings_per_s
        for number in count():
            at = start + timedelta(seconds=number / readings_per_s)
            yield self._spoil_some(self.reading(at, interval_s), faults)

    def readings_now(self, faults: float = 0.0) -> Iterator[Reading | BadRecord]:
        """Make readings without end, each recorded when it is asked for."""
        while True:
            yield self._spoil_some(self.reading(datetime.now(UTC)), faults)

    def _spoil_some(self, reading: Reading, faults: float) -> Reading | BadRecord:
        if faults and self._rng.random() < faults:
            return spoil(self._rng.choice(_BAD_NAMES), reading)
        return reading


_MILLISECOND = timedelta(milliseconds=1)
_BAD_NAMES = tuple(BAD_RECORDS)


def daily_shape(unix_s: float, longitude: float) -> float:
    """Return the load's daily shape, -1 to 1: low at night, peaks in the morning and evening.

    The hour is solar time (15 degrees of longitude each), so peaks move around the world.
    """
    day = 2 * math.pi * (unix_s / 86_400 + longitude / 360)
    return 0.65 * math.cos(day - _EVENING) + 0.35 * math.cos(2 * (day - _MORNING))


_EVENING = 2 * math.pi * 17 / 24
_MORNING = 2 * math.pi * 8 / 24


def uuid7(unix_ms: int, random_bits: int) -> str:
    """Return a UUID of version 7 from a time and 74 random bits.

    See: RFC 9562, section 5.7. (Python's `uuid` makes them from 3.14 on, but not from a seed.)
    """
    first = 0x7000 | random_bits >> 62  # the version, and 12 bits
    second = 0x8000 | random_bits >> 48 & 0x3FFF  # the variant, and 14 bits
    last = random_bits & 0xFFFF_FFFF_FFFF
    return f"{unix_ms >> 16:08x}-{unix_ms & 0xFFFF:04x}-{first:x}-{second:x}-{last:012x}"


def _make_facilities(kinds: list[Kind], seed: int, rng: random.Random) -> list[Facility]:
    """Give each plant a place, a name, an operator and a size."""
    fakers: dict[str, Faker] = {}
    numbers: dict[str, int] = {}
    facilities = []
    for kind in kinds:
        country = rng.choice(kind.countries.split() or list(LOCALES))
        if country not in fakers:  # a locale is slow to load: only those that are needed
            fakers[country] = Faker(LOCALES[country], providers=PROVIDERS)
            fakers[country].seed_instance(seed)
        faker = fakers[country]
        somewhere = faker.local_latlng(country_code=country)
        assert somewhere is not None  # every country of LOCALES is in Faker's table
        latitude, longitude, place, _, _ = somewhere
        town = place.title() if place.isupper() else place
        name, identity = f"{town} {kind.name}", f"{country}-{kind.fuel.upper()}"
        for key in (name, identity):
            numbers[key] = numbers.get(key, 0) + 1
        facilities.append(
            Facility(
                facility_id=f"{identity}-{numbers[identity]:03d}",
                facility=name if numbers[name] == 1 else f"{name} {numbers[name]}",
                operator=faker.company(),
                country=country,
                latitude=float(latitude),
                longitude=float(longitude),
                sector=kind.sector,
                fuel=kind.fuel,
                factor_id=factor_for(kind.sector, kind.fuel).factor_id,
                capacity_mw=round(rng.uniform(kind.mw_min, kind.mw_max), 1),
                efficiency=round(rng.uniform(kind.efficiency_min, kind.efficiency_max), 3),
            )
        )
    return facilities
