"""What moves in a notebook: the live chart, the live ledger, and the web page in a frame.

The chart reads the CSV logs, never the API and never Kafka; what it draws with is the web page's
own chart module, built for notebooks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import anywidget
import traitlets

from labkit.config import load_config
from labkit.groups import By
from labkit.ledger_model import MEANING, SIGNS, Ledger
from labkit.live_widget import LiveWidget, Snapshot, bundled
from labkit.segments import topic_dir
from labkit.series import emission_series
from labkit.table import Table


class LiveChart(LiveWidget):
    """Lines that move: see `live_chart`."""

    bundle = "chart"


class LiveLedger(LiveWidget):
    """Five stages that should agree: see `live_ledger`."""

    bundle = "ledger"


class DashboardFrame(anywidget.AnyWidget):
    """The web page in a frame, through the Jupyter server that shows the notebook."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    port = traitlets.Int().tag(sync=True)
    url = traitlets.Unicode().tag(sync=True)
    height_px = traitlets.Int().tag(sync=True)

    def __repr__(self) -> str:
        return f"<the lab's web page: {self.url}>"


class HasUrl(Protocol):
    """What `show_dashboard` needs of an API: where it answers."""

    @property
    def url(self) -> str:
        """The address, with its port."""
        ...


def live_chart(
    data_dir: str | Path | None = None,
    by: By = "sector",
    window_s: int = 120,
    *,
    topic: str | None = None,
    updates_per_s: float = 2.0,
) -> LiveChart:
    """Draw the stored readings as lines that move, while cells run and while they do not.

    Kafka's part is over here: the chart reads the CSV logs that the consumer writes, and only
    what was appended since the last look.

    Parameters
    ----------
    data_dir : path, optional
        Where the CSV logs are; a relative folder lies in the lab's folder.
    by : {'sector', 'country', 'fuel', 'facility'}
        What a line stands for.
    window_s : int
        How far back the chart looks, in seconds.
    topic : str, optional
        The topic whose readings are shown; default: the lab's.
    updates_per_s : float
        How often the chart is fed, at most five times a second.

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

    def read() -> Snapshot:
        table.refresh()
        return {
            "title": f"CO₂ by {by}, the last {window_s:,} s of topic {topic}",
            "series": emission_series(table.snapshot, by, window_s),
            "state": _stored(table.snapshot.rows),
        }

    # The first one is read here: what is wrong shows in the cell, as an error.
    name = f"live chart of {topic} by {by}"
    return LiveChart(name, read(), read, updates_per_s=updates_per_s)


def live_ledger(
    topic: str | None = None,
    data_dir: str | Path | None = None,
    *,
    read: Callable[[], Ledger] | None = None,
    updates_per_s: float = 1.0,
) -> LiveLedger:
    """Show the carbon ledger, weighed again and again: five stages that should agree.

    A record that Kafka lost would show as tonnes missing from a later stage, one that was stored
    twice as tonnes too many. While readings flow, the later stages lag a little behind.

    Parameters
    ----------
    topic, data_dir : optional
        As for `labkit.carbon_ledger`.
    read : callable, optional
        Returns the next ledger; default: a `labkit.ledger.LedgerReader`, which reads the topic on
        from where it was.
    updates_per_s : float
        How often it is weighed, at most five times a second.

    Returns
    -------
    LiveLedger
        Shown by the cell that returns it; ``.stop()`` ends it, and so does `labkit.stop_all`.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.
    """
    finish = None
    if read is None:
        from labkit.ledger import LedgerReader  # only here: the widgets themselves need no Kafka

        reader = LedgerReader(topic, data_dir)
        read, finish = reader.read, reader.close
    weigh = read
    return LiveLedger(
        f"live ledger of {topic or load_config().topic}",
        # The first weighing reads the whole topic: the cell does not wait for it.
        {"stages": [], "dead_letters": 0, "verdict": "", "sentence": "Weighing …", "state": ""},
        lambda: _ledger_snapshot(weigh()),
        finish=finish,
        updates_per_s=updates_per_s,
    )


def show_dashboard(api: HasUrl, height_px: int = 900) -> DashboardFrame:
    """Show the web page below the cell.

    The frame goes through ``jupyter-server-proxy``, so it also works when JupyterLab runs on
    another machine than the browser. Where no Jupyter server made the page, there is a link.

    Parameters
    ----------
    api : Api
        What `labkit.start_api` returned.
    height_px : int
        The frame's height, in pixels.

    Returns
    -------
    DashboardFrame
        Shown by the cell that returns it.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.
    """
    return DashboardFrame(
        _esm=bundled("dashboard.js"),
        _css=bundled("dashboard.css"),
        port=urlsplit(api.url).port or 80,
        url=api.url,
        height_px=height_px,
    )


def _ledger_snapshot(ledger: Ledger) -> Snapshot:
    stages = [
        {
            "key": name,
            "label": name,
            "note": stage.note or MEANING[name],
            "records": stage.records,
            "grams": stage.grams,
        }
        for name, stage in ledger.stages.items()
    ]
    return {
        "stages": stages,
        "dead_letters": ledger.dead_letters,
        "verdict": ledger.state,
        "sentence": f"{SIGNS[ledger.state]} {ledger.state}: {ledger.sentence}",
        "state": f"Topic {ledger.topic_name}; the mass is in tonnes, to the gram.",
    }


def _stored(rows: int) -> str:
    if rows:
        return f"{rows:,} readings stored so far."
    return "No readings stored yet: do a producer and a consumer run? (lab.running())"
