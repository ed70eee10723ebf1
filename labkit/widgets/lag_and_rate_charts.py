"""Charts of Kafka's offsets: a group's lag, and the rates of appending and committing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.rates import Rates
from labkit.widgets.line_series import LineSeries
from labkit.widgets.live_widget import LiveWidget, Snapshot, in_words
from labkit.widgets.still_picture import line_picture
from labkit.widgets.text_alternative import table_text

if TYPE_CHECKING:
    from labkit.topics.offsets_watch import Offsets

TOTAL = "total"
APPENDED = "appended to the topic"
COMMITTED = "committed by the group"
RATE_OVER_S = 5.0
MAX_PARTITIONS = 7
"""More lines are hard to tell apart, so only the partitions with the most lag are shown."""

Measure = Callable[["Offsets", float], dict[str, float | None]]


class LineChart(LiveWidget):
    """A live chart of Kafka's offsets; see `lag_chart` and `throughput_chart`."""

    bundle = "lines"

    def picture(self) -> str:
        """Draw the lines as SVG."""
        return line_picture(self.snapshot["lines"], self.snapshot["unit"])

    @property
    def text(self) -> str:
        """The chart as text: a sentence and a table."""
        shot = self.snapshot
        head = ["line", "now", "lowest", "highest"]
        parts = [shot["title"], shot["sentence"], shot["state"], table_text([head, *shot["rows"]])]
        return "\n".join(filter(None, parts))


class _Reader:
    """A reader of offsets that makes lines of them; only the widget's thread uses it."""

    def __init__(
        self, group_id: str, topic: str, lines: LineSeries, title: str, unit: str, measure: Measure
    ) -> None:
        self.group_id, self.topic = group_id, topic
        self._title, self._unit, self._measure = title, unit, measure
        self._lines = lines
        self._watch: Any = None
        self._keys: list[str] = []

    def chart(self, name: str, updates_per_s: float) -> LineChart:
        first = self.snapshot("Asking Kafka …")
        return LineChart(name, first, self.read, finish=self.close, updates_per_s=updates_per_s)

    def read(self) -> Snapshot:
        now = time.time()
        try:
            if self._watch is None:
                from labkit.topics.offsets_watch import OffsetsWatch  # widgets need no Kafka

                self._watch = OffsetsWatch(self.topic, self.group_id)
            offsets: Offsets = self._watch.read()
        except LabError as error:
            self._lines.add(now, {})  # a gap: no answer
            return self.snapshot(in_words(error))
        point = self._measure(offsets, now)
        self._lines.add(now, point)
        self._keys = [key for key in _shown(point) if key != COMMITTED or offsets.has_commits]
        # Without commits there is no lag; what is appended can be seen all the same.
        is_missed = not offsets.has_commits and COMMITTED not in point
        return self.snapshot(_no_commits(self.group_id, self.topic) if is_missed else "")

    def snapshot(self, state: str) -> Snapshot:
        rows = [[key, *map(_figure, self._lines.digest(key))] for key in self._keys]
        return {
            "title": self._title,
            "unit": self._unit,
            "state": state,
            "sentence": self._sentence(rows),
            "rows": rows,
            "lines": self._lines.payload(self._keys),
        }

    def _sentence(self, rows: list[list[str]]) -> str:
        now = {key: figure for key, figure, *_ in rows if figure != "–"}
        if not now:
            return "No figures yet."
        said = ", ".join(f"{key} {figure}" for key, figure in now.items())
        return f"Now, in {self._unit}: {said}."

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()


def lag_chart(
    group_id: str | None = None,
    topic: str | None = None,
    *,
    window_s: float = 120,
    updates_per_s: float = 1.0,
) -> LineChart:
    """Draw a consumer group's lag, in records, for each partition and in all.

    Lag is the end offset of a partition minus the offset that the group has committed: the records
    that it still has to read. It changes in steps, because a consumer commits at intervals. A
    partition without a commit has no lag, and no line.

    Parameters
    ----------
    group_id : str, optional
        The consumer group; default: the lab's, ``csv-writer``.
    topic : str, optional
        The topic; default: the lab's.
    window_s : float
        How far back the lines reach, in seconds.
    updates_per_s : float
        How often Kafka is asked, at most five times a second.

    Returns
    -------
    LineChart
        Shown by the cell that returns it; ``.text`` says the same in words, ``.stop()`` ends it.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.

    See: Kafka documentation, "Managing Consumer Groups" (``kafka-consumer-groups --describe``
    shows the same figures).
    """
    config = load_config()
    group_id, topic = group_id or config.group_id, topic or config.topic
    title = f"Lag of group {group_id} in topic {topic}"
    lines = LineSeries(window_s, 1 / updates_per_s)
    reader = _Reader(group_id, topic, lines, title, "records", _lags)
    return reader.chart(f"lag chart of {group_id} in {topic}", updates_per_s)


def throughput_chart(
    topic: str | None = None,
    group_id: str | None = None,
    *,
    window_s: float = 120,
    updates_per_s: float = 1.0,
) -> LineChart:
    """Draw how many records a second are appended to a topic, beside those a group commits.

    Both are differences of offsets, as means of the last five seconds: the end offsets show what
    producers append, the commits show what the group has processed. While the second line is below
    the first, lag grows.

    Parameters
    ----------
    topic, group_id, window_s, updates_per_s
        As for `lag_chart`.

    Returns
    -------
    LineChart
        Shown by the cell that returns it; ``.text`` says the same in words, ``.stop()`` ends it.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.
    """
    config = load_config()
    group_id, topic = group_id or config.group_id, topic or config.topic
    title = f"Records per second: appended to {topic}, committed by {group_id}"
    appended: Rates[int] = Rates(RATE_OVER_S)
    committed: Rates[int] = Rates(RATE_OVER_S)

    def measure(offsets: Offsets, now: float) -> dict[str, float | None]:
        ends = appended.add(now, offsets.ends)
        # Without the end offset of one partition the sum would be too low.
        is_whole = None not in offsets.ends.values()
        return {
            APPENDED: _sum(ends) if is_whole else None,
            COMMITTED: _sum(committed.add(now, offsets.committed)),
        }

    lines = LineSeries(window_s, 1 / updates_per_s)
    reader = _Reader(group_id, topic, lines, title, "records/s", measure)
    return reader.chart(f"throughput chart of {topic} and {group_id}", updates_per_s)


def _lags(offsets: Offsets, _now: float) -> dict[str, float | None]:
    lags: dict[str, float | None] = {
        f"partition {partition}": lag for partition, lag in offsets.lag.items()
    }
    # A partition that nothing was committed in yet adds nothing; one that is not known would lie.
    is_known = offsets.has_commits and None not in offsets.ends.values()
    lags[TOTAL] = sum(lag or 0 for lag in lags.values()) if is_known else None
    return lags


def _sum(rates: dict[int, float | None]) -> float | None:
    """Add up the rates that are known; None where none is."""
    known = [rate for rate in rates.values() if rate is not None]
    return sum(known) if known else None


def _shown(point: dict[str, float | None]) -> list[str]:
    """Return the names of the lines to draw, the total first."""
    partitions = [key for key in point if key != TOTAL]
    if len(partitions) > MAX_PARTITIONS:
        most = sorted(partitions, key=lambda key: point[key] or 0, reverse=True)[:MAX_PARTITIONS]
        partitions = [key for key in partitions if key in most]
    return [TOTAL, *partitions] if TOTAL in point else partitions


def _no_commits(group_id: str, topic: str) -> str:
    return (
        f"Group {group_id!r} has committed nothing in this topic yet. "
        f"Next: lab.start_consumer({topic!r}, group_id={group_id!r})"
    )


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
