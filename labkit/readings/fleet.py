"""A fleet of plants that emit CO2: Faker makes the plants once, physics makes each reading.

Names are invented, places are real (Faker's table of places), and emissions follow from the
published factors: ``co2_kg = load_mw * kg_per_mwh * interval_s / 3600``. Plants start, ramp, trip
and stop as `plant_operation` says.

Everything random comes from one seed: the same arguments give the same stream, in any process. The
load follows from the seed, the plant and the time alone, so it does not matter how often a plant
reports, nor how often its producer was started.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count

from faker import Faker

from labkit.readings.emission_factors import factor_for, read_csv
from labkit.readings.facility import Facility
from labkit.readings.malformed_values import BAD_RECORDS, BadRecord, spoil
from labkit.readings.plant_kinds import MIX, Kind
from labkit.readings.plant_operation import PlantOperation
from labkit.readings.reading import EARLIEST, Reading
from labkit.readings.simulated_clock import utc_now

# What a plant's first reading covers, if no interval is given: so much that a chart has a whole
# interval of all plants as soon as each of them has reported once.
FIRST_INTERVAL_S = 5.0
# Hourly US monitors, 2015 to 2019: 0.6 % of operating hours were missing or invalid (EPA), and
# conservative values were reported instead.
SUBSTITUTED_SHARE = 0.006
SUBSTITUTED_FROM_S = 3600.0  # the value is the highest load of so many seconds
# The countries in which Faker knows real places, and the locale of their company names.
LOCALES = {row["country"]: row["faker_locale"] for row in read_csv("countries.csv")}
# The parts of Faker that are needed: places, company names, and the surnames in them.
PROVIDERS = [f"faker.providers.{name}" for name in ("geo", "company", "person")]


class Plant:
    """A facility in operation, and until when it has reported.

    Parameters
    ----------
    facility : Facility
        The plant's facts.
    kind : Kind
        How it is run.
    seed : int
        The fleet's.
    """

    def __init__(self, facility: Facility, kind: Kind, seed: int) -> None:
        self.facility = facility
        self.kg_per_mw_s = facility.kg_per_mwh / 3600
        self.last_at: datetime | None = None
        # The fields that are the same in every reading of this plant.
        self.fixed = facility.model_dump(exclude={"capacity_mw", "efficiency"})
        self._capacity_mw = facility.capacity_mw
        of_plant = f"{seed}:{facility.facility_id}"
        self._operation = PlantOperation(kind, of_plant, facility.longitude)

    def load_mw(self, unix_s: float, interval_s: float) -> float:
        """Return the mean load of the interval that ends at a moment."""
        return round(self._capacity_mw * self._operation.mean(unix_s - interval_s, unix_s), 3)

    def substituted_mw(self, unix_s: float, interval_s: float) -> float:
        """Return the load that is reported if the monitor fails: the highest of the last hour."""
        begin_s = unix_s - max(interval_s, SUBSTITUTED_FROM_S)
        return round(self._capacity_mw * self._operation.highest(begin_s, unix_s), 3)


class Fleet:
    """The plants, in the order in which they report.

    Parameters
    ----------
    seed : int
        The same seed gives the same plants, and the same load at the same time.
    size : int
        How many plants; they report in turn.
    """

    def __init__(self, seed: int = 7, size: int = 24) -> None:
        self.seed = seed
        self._rng = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        kinds = [MIX[number % len(MIX)] for number in range(size)]
        facilities = _make_facilities(kinds, seed, self._rng)
        self._plants = [
            Plant(facility, kind, seed) for facility, kind in zip(facilities, kinds, strict=True)
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
        # Never to the plant's advantage, as regulators ask.
        substituted = rng.random() < SUBSTITUTED_SHARE
        load_of = plant.substituted_mw if substituted else plant.load_mw
        load_mw = load_of(unix_ms / 1000, interval_s)
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

    def readings_now(
        self, faults: float = 0.0, now: Callable[[], datetime] = utc_now
    ) -> Iterator[Reading | BadRecord]:
        """Make readings without end, each recorded when it is asked for; ``now`` is the clock."""
        while True:
            yield self._spoil_some(self.reading(now()), faults)

    def go_on(
        self, reported_until: Mapping[str, datetime], start: datetime, break_s: float
    ) -> None:
        """Let each plant report from where its last reading ended, as an earlier run made it.

        Without this, the first readings of a run that follows at once would cover a second that is
        reported already.

        Parameters
        ----------
        reported_until : mapping of str to datetime
            When each plant reported last, by ``facility_id``. Others are ignored.
        start : datetime
            When this run starts.
        break_s : float
            After a longer break a plant starts again: what it emitted meanwhile, nobody measured.
        """
        for plant in self._plants:
            last_at = reported_until.get(plant.facility.facility_id)
            if last_at is not None and start - last_at <= timedelta(seconds=break_s):
                plant.last_at = last_at

    def _spoil_some(self, reading: Reading, faults: float) -> Reading | BadRecord:
        if faults and self._rng.random() < faults:
            return spoil(self._rng.choice(_BAD_NAMES), reading)
        return reading


_MILLISECOND = timedelta(milliseconds=1)
_BAD_NAMES = tuple(BAD_RECORDS)


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
