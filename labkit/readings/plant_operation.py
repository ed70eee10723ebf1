"""How a plant is run: its load at any moment, from its kind, a seed and the time alone.

A plant is off, starting, running or tripped. Its kind says what moves it from one to the next:

- ``daily``: low at night, high by day, with a peak in the morning and one in the evening; some
  gas-fired plants are shut down at night
- ``peaks``: off, but for some hours in the morning and in the evening
- ``steps``: runs on, at a level that the operator changes every few hours
- ``heats``: a high and a low load in turns, as in a steelworks, where oxygen is blown for some
  18 of every 40 minutes

Every plant trips now and then. It then stands still for a while, starts slowly up to its minimum
load, and climbs at its ramp rate. What of this is published, and what is assumed, `plant_kinds`
says. Times of day are solar time at the plant, so peaks move around the world.

Nothing is remembered from one moment to the next. A day's plan is drawn from a random generator
that the seed, the plant and the day start; so a producer that is started again goes on where the
last one stopped, and two with the same seed agree.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from labkit.readings.plant_kinds import Kind

DAY_MIN = 1440
WEEK_MIN = 7 * DAY_MIN
NOISE_EVERY_MIN = 10
NOISE = 0.005  # standard deviation of the load's noise, as a share of the load
RAMP_USED = 0.6  # planned changes leave room for the noise
TRIP_MIN = 2.0  # from full load to standstill
MAX_DOWN = 2.5  # times the mean
SLOT_MIN = 240  # `steps`: one level each
HEAT_MIN, BLOW_MIN = 40, 18
MORNING_RUNS, EVENING_RUNS = 0.7, 0.95  # `peaks`: in which share of days

Knot = tuple[float, float]  # a minute, and the load then as a share of capacity
Line = list[Knot]  # straight between two knots


class PlantOperation:
    """The load of one plant over time, as a share of its capacity.

    Parameters
    ----------
    kind : Kind
        How such plants are run.
    seed : str
        Names the fleet's seed and the plant.
    longitude : float
        15 degrees are an hour of solar time.
    """

    def __init__(self, kind: Kind, seed: str, longitude: float) -> None:
        self._kind = kind
        self._seed = seed
        self._offset_min = round(longitude * 4)
        self._days: dict[int, _Day] = {}
        # The straight piece of the latest question: most questions are of the same minute.
        self._minute = -1
        self._level = self._slope = 0.0

    def mean(self, begin_s: float, end_s: float) -> float:
        """Return the mean load between two moments, in seconds since 1970."""
        begin, end = begin_s / 60, end_s / 60
        minute = int(begin)
        if end <= minute + 1:
            return self._at(minute, (begin + end) / 2)
        area = 0.0
        while begin < end:
            until = min(end, minute + 1)
            area += (until - begin) * self._at(minute, (begin + until) / 2)
            begin = minute = minute + 1
        return area * 60 / (end_s - begin_s)

    def highest(self, begin_s: float, end_s: float) -> float:
        """Return the highest load between two moments."""
        last = int(end_s // 60)
        whole_minutes = range(int(begin_s // 60), last + 1)
        return max(self._at(last, end_s / 60), *map(self.level, whole_minutes))

    def _at(self, minute: int, when: float) -> float:
        if minute != self._minute:
            self._level = self.level(minute)
            self._slope = self.level(minute + 1) - self._level
            self._minute = minute
        return self._level + self._slope * (when - minute)

    def level(self, minute: int) -> float:
        """Return the load at a whole minute since 1970; it is straight between two of them."""
        day, of_day = divmod(minute + self._offset_min, DAY_MIN)
        plan = self._days.get(day)
        if plan is None:
            if len(self._days) > 2:  # an interval may begin on the day before
                self._days.clear()
            plan = self._days[day] = _Day(self._kind, self._seed, day)
        return plan.level(of_day)


class _Day:
    """The plan of one plant's day, from midnight to midnight of solar time."""

    def __init__(self, kind: Kind, seed: str, day: int) -> None:
        rng = _rng(seed, "noise", day)
        inner = DAY_MIN // NOISE_EVERY_MIN - 1
        # No noise at midnight, so that two days meet.
        self._noise = [0.0, *(rng.gauss(0.0, NOISE) for _ in range(inner)), 0.0, 0.0]
        self._plan = _plan(kind, seed, day)
        first = day * DAY_MIN
        self._trips = [
            [(minute - first, share) for minute, share in trip]
            for week in range((first - _longest_min(kind)) // WEEK_MIN, first // WEEK_MIN + 1)
            for trip in _trips(kind, seed, week)
            if trip[0][0] < first + DAY_MIN and trip[-1][0] > first
        ]

    def level(self, of_day: int) -> float:
        """Return the load at a minute of this day."""
        slot, within = divmod(of_day, NOISE_EVERY_MIN)
        before, after = self._noise[slot : slot + 2]
        share = _value(self._plan, of_day)
        share *= 1 + before + (after - before) * within / NOISE_EVERY_MIN
        for trip in self._trips:
            share = min(share, _value(trip, of_day))
        return min(1.0, max(0.0, share))


def _rng(seed: str, what: str, number: int) -> random.Random:
    return random.Random(f"{seed}:{what}:{number}")  # noqa: S311 (repeatable, not secret)


def _value(line: Line, at: float) -> float:
    """Return a line's value; before its first knot and after its last one it is level."""
    place = bisect_right(line, (at, float("inf")))
    if place in (0, len(line)):
        return line[min(place, len(line) - 1)][1]
    (begin, low), (end, high) = line[place - 1 : place + 1]
    return low + (high - low) * (at - begin) / (end - begin)


def _plan(kind: Kind, seed: str, day: int) -> Line:
    """Return what is wanted of a plant on a day; the last knot of one is the next one's first."""
    make = {"daily": _daily, "peaks": _peaks, "steps": _steps, "heats": _heats}[kind.pattern]
    return list(make(kind, seed, day))


def _daily(kind: Kind, seed: str, day: int) -> Iterator[Knot]:
    rng = _rng(seed, "day", day)
    night, next_night = _night(kind, seed, day), _night(kind, seed, day + 1)
    morning, evening = (kind.high * rng.uniform(0.92, 1.0) for _ in range(2))
    midday = morning - (morning - kind.low) * rng.uniform(0.1, 0.5)
    yield 0.0, night
    at = rng.uniform(270, 330)
    yield at, night
    if not night:
        at += kind.start_min
        yield at, kind.min_load
        night = kind.min_load
    changes = [
        (night, morning, at, rng.uniform(60, 110)),
        (morning, midday, rng.uniform(560, 640), rng.uniform(40, 90)),
        (midday, evening, rng.uniform(930, 1000), rng.uniform(60, 110)),
        (evening, max(next_night, kind.min_load), rng.uniform(1240, 1290), rng.uniform(60, 110)),
    ]
    for before, after, begin, takes in changes:
        yield begin + 0.001, before
        yield begin + max(takes, _ramp_min(kind, before, after)), after
    if not next_night:
        yield 1422.0, kind.min_load
        yield 1438.0, 0.0
    yield float(DAY_MIN), next_night


def _night(kind: Kind, seed: str, day: int) -> float:
    """Return the load in the small hours of a day: 0 if the plant is shut down."""
    rng = _rng(seed, "night", day)
    is_off = rng.random() < kind.night_stops
    return 0.0 if is_off else max(kind.min_load, kind.low * rng.uniform(0.95, 1.05))


def _peaks(kind: Kind, seed: str, day: int) -> Iterator[Knot]:
    rng = _rng(seed, "day", day)
    yield 0.0, 0.0
    for chance, begin, end in ((MORNING_RUNS, 350, 560), (EVENING_RUNS, 980, 1250)):
        runs, level = rng.random() < chance, rng.uniform(kind.low, kind.high)
        at, stop = rng.uniform(begin, begin + 60), rng.uniform(end, end + 90)
        if not runs:
            continue
        ramp = _ramp_min(kind, kind.min_load, level)
        yield at, 0.0
        yield at + kind.start_min, kind.min_load
        yield at + kind.start_min + ramp, level
        yield stop, level
        yield stop + ramp, kind.min_load
        yield stop + ramp + 12, 0.0
    yield float(DAY_MIN), 0.0


def _steps(kind: Kind, seed: str, day: int) -> Iterator[Knot]:
    slots = range(day * DAY_MIN // SLOT_MIN - 1, (day + 1) * DAY_MIN // SLOT_MIN)
    levels = [_rng(seed, "slot", slot).uniform(kind.low, kind.high) for slot in slots]
    for number, (before, after) in enumerate(pairwise(levels)):
        begin = number * SLOT_MIN + _rng(seed, "change", slots[number + 1]).uniform(20, 140)
        yield begin, before
        yield begin + max(10.0, _ramp_min(kind, before, after)), after


def _heats(kind: Kind, seed: str, day: int) -> Iterator[Knot]:
    rng = _rng(seed, "day", day)
    for begin in range(0, DAY_MIN, HEAT_MIN):
        level = kind.high * rng.uniform(0.96, 1.0)
        yield float(begin), kind.low
        if rng.random() > 0.06:  # now and then a heat is late
            yield begin + 3.0, level
            yield begin + 3.0 + BLOW_MIN, level
            yield begin + 6.0 + BLOW_MIN, kind.low
    yield float(DAY_MIN), kind.low


def _ramp_min(kind: Kind, before: float, after: float) -> float:
    """Return the minutes that a planned change takes at least."""
    return abs(after - before) / (RAMP_USED * kind.ramp_per_min)


def _longest_min(kind: Kind) -> int:
    """Return the most minutes from a trip to full load again."""
    climb = kind.start_min + 1 / (RAMP_USED * kind.ramp_per_min)
    return int(TRIP_MIN + MAX_DOWN * kind.down_h * 60 + climb) + 1


def _trips(kind: Kind, seed: str, week: int) -> Iterator[Line]:
    """Yield what each trip that begins in a week leaves of the plant's capacity."""
    rng = _rng(seed, "trips", week)
    begin = week * WEEK_MIN + 0.0
    while True:
        begin += rng.expovariate(kind.trips_per_year / 52.18) * WEEK_MIN
        if begin >= (week + 1) * WEEK_MIN:
            return
        start = begin + TRIP_MIN + min(MAX_DOWN, rng.expovariate(1.0) + 0.1) * kind.down_h * 60
        at_min_load = start + kind.start_min
        yield [
            (begin, 1.0),
            (begin + TRIP_MIN, 0.0),
            (start, 0.0),
            (at_min_load, kind.min_load),
            (at_min_load + _ramp_min(kind, kind.min_load, 1.0), 1.0),
        ]
