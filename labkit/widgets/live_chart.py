"""The live chart of stored readings in a notebook.

It reads the CSV files, never the API or Kafka. It draws with the web page's chart module, built for
notebooks.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from labkit.core.config import load_config
from labkit.core.run_files import runs_on
from labkit.readings.simulated_clock import running_clock
from labkit.sink.segment_files import topic_dir
from labkit.table.emission_series import emission_series
from labkit.table.source_totals import By
from labkit.table.table import Table
from labkit.widgets.live_widget import LiveWidget, Snapshot
from labkit.widgets.still_picture import line_picture
from labkit.widgets.text_alternative import table_text

WINDOW_S = 120
SIMULATED_WINDOW_S = 600  # of real time; by a clock of 144 that is a day
HOUR_S = 3600
NOTHING_STORED = "No readings stored yet: do a producer and a consumer run? (lab.running())"


class LiveChart(LiveWidget):
    """A live chart of CO2 rates; see `live_chart`."""

    bundle = "chart"

    def picture(self) -> str:
        """Draw the lines as SVG."""
        return line_picture(self.snapshot.get("series", {}), "t CO₂/h")

    @property
    def text(self) -> str:
        """The chart as text: a table with each line's last, lowest and highest rate."""
        rows = [["t/h", "last", "lowest", "highest"]]
        for one in self.snapshot.get("series", {}).get("series", ()):
            known = [value for value in one["values"] if value is not None]
            if known:
                figures = known[-1], min(known), max(known)
                rows.append([str(one["label"]), *(f"{value:,.1f}" for value in figures)])
        return f"{super().text}\n{table_text(rows)}"


def live_chart(
    data_dir: str | Path | None = None,
    by: By = "sector",
    window_s: int | None = None,
    *,
    topic: str | None = None,
    updates_per_s: float = 2.0,
) -> LiveChart:
    """Draw the stored readings as a live chart, also while a cell runs.

    It does not ask Kafka: it reads the CSV files that the consumer writes, and each time only the
    rows that are new.

    Parameters
    ----------
    data_dir : path, optional
        The folder of the CSV files, relative to the lab's folder.
    by : {'sector', 'country', 'fuel', 'facility'}
        What each line shows.
    window_s : int
        How far back the chart reaches, in seconds. None: 120; while a producer runs with a
        simulated time, ten minutes of watching, which are a day with ``clock=144``.
    topic : str, optional
        The topic whose readings are shown; default: the lab's.
    updates_per_s : float
        How often the chart is updated, at most five times a second.

    Returns
    -------
    LiveChart
        Shown by the cell that returns it; ``.stop()`` ends it, and so does `labkit.stop_all`.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.

    See: https://anywidget.dev/en/getting-started/ for what a widget is made of.
    """
    config = load_config()
    topic = topic or config.topic
    table = Table(topic_dir(config.data_path(data_dir), topic))

    chosen_s = window_s or WINDOW_S

    def read() -> Snapshot:
        nonlocal chosen_s
        table.refresh()
        rows = table.snapshot.rows
        stored = f"{rows:,} readings stored so far." if rows else NOTHING_STORED
        if clock := running_clock(runs_on(topic, "producer")):
            at, speed = datetime.fromisoformat(clock["simulated_at"]), clock["speed"]
            stored += f" Simulated time: {at:%a %d %b %H:%M} UTC, {speed:g} times real time."
            chosen_s = window_s or int(SIMULATED_WINDOW_S * speed)
        window = f"{chosen_s:,} s" if chosen_s < HOUR_S else f"{chosen_s / HOUR_S:,.3g} hours"
        return {
            "title": f"CO₂ by {by}, the last {window} of topic {topic}",
            "series": emission_series(table.snapshot, by, chosen_s),
            "state": stored,
        }

    # The first snapshot is read here, so that an error shows in the cell.
    name = f"live chart of {topic} by {by}"
    return LiveChart(name, read(), read, updates_per_s=updates_per_s)
