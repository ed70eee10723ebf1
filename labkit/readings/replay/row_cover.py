"""Which seconds a row covers, where the table does not say it: its facility's usual step.

A row covers the time since the previous row of its facility, but not more than the distance that
most of the facility's rows have: after a gap of a week, an hourly row is still of an hour.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from operator import sub

from labkit.readings.reading import MAX_INTERVAL_S

FIRST_INTERVAL_S = 3600.0  # of a table with a single row: monitors report by the hour
USUAL_SHARE = 0.5  # how many of the steps have to be of one length


class RowCover:
    """The times of each facility's rows, in milliseconds; 8 bytes each."""

    def __init__(self) -> None:
        self.gaps = 0
        """How many steps are longer than the facility's usual one."""
        self.is_ordered = True
        """Whether no row is earlier than the one before, of whatever facility."""
        self.second_rows: dict[int, int] = {}
        """Lines of rows whose facility has a row at that time already, and that row's line."""
        self._times: dict[str, array[int]] = {}
        self._lines: dict[str, array[int]] = {}
        self._usual_ms: dict[str, int] = {}
        self._common_ms = 0
        self._newest_ms = 0

    def add(self, facility_id: str, at_ms: int, line: int) -> None:
        """Count a row's time."""
        if facility_id not in self._times:
            self._times[facility_id], self._lines[facility_id] = array("q"), array("q")
        self.is_ordered = self.is_ordered and (not self._times or at_ms >= self._newest_ms)
        self._newest_ms = at_ms
        self._times[facility_id].append(at_ms)
        self._lines[facility_id].append(line)

    def settle(self) -> None:
        """Find each facility's usual step, once all rows have been added."""
        steps_of_all: Counter[int] = Counter()
        for facility_id, found in self._times.items():
            lines = self._lines.pop(facility_id)
            first_lines: dict[int, int] = {}
            for at_ms, line in zip(found, lines, strict=True):
                if first_lines.setdefault(at_ms, line) != line:
                    self.second_rows[line] = first_lines[at_ms]
            times = self._times[facility_id] = array("q", sorted(first_lines))
            steps = Counter(map(sub, times[1:], times[:-1]))
            steps_of_all += steps
            if steps:
                step, times_seen = steps.most_common(1)[0]
                if times_seen >= USUAL_SHARE * steps.total():
                    self._usual_ms[facility_id] = step
                    self.gaps += sum(number for length, number in steps.items() if length > step)
        if steps_of_all:
            self._common_ms = steps_of_all.most_common(1)[0][0]

    @property
    def common_s(self) -> float:
        """The most common step of all facilities, in seconds; 0 if there is none."""
        return self._common_ms / 1000

    @property
    def irregular(self) -> int:
        """How many facilities have no usual step: a row then covers the time since the last."""
        return sum(len(times) > 1 for times in self._times.values()) - len(self._usual_ms)

    def seconds(self, facility_id: str, at_ms: int) -> float:
        """Return the seconds that a row covers, at most a day."""
        times = self._times[facility_id]
        number = bisect_left(times, at_ms)
        usual_ms = self._usual_ms.get(facility_id, 0)
        if number > 0:
            step_ms = times[number] - times[number - 1]
            covers_ms = min(step_ms, usual_ms) if usual_ms else step_ms
        else:
            covers_ms = usual_ms or self._common_ms or int(FIRST_INTERVAL_S * 1000)
        return min(covers_ms / 1000, MAX_INTERVAL_S)
