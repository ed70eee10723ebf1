"""A producer with controls, and figures that show the effect of each setting at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.rates import Rates
from labkit.widgets.live_widget import LiveWidget, Snapshot, in_words
from labkit.widgets.producer_controls import ProducerControls
from labkit.widgets.text_alternative import table_text

if TYPE_CHECKING:
    from labkit.producer.producer import Producer

RATE_OVER_S = 3.0


class PanelFigures(LiveWidget):
    """The figures under the controls; its thread also starts and stops the producer."""

    bundle = "figures"

    def __init__(self, name: str, state: _PanelState, updates_per_s: float) -> None:
        self._panel_state = state
        super().__init__(
            name, state.snapshot(), state.read, finish=state.stop, updates_per_s=updates_per_s
        )

    frame: ProducerPanel | None = None
    """The panel that these figures are part of; a notebook stores the panel's id."""

    @property
    def still_id(self) -> str:
        """The panel's id."""
        return str((self.frame or self).model_id)

    @property
    def text(self) -> str:
        """The figures in words: a sentence and a table."""
        shot = self.snapshot
        rows = [[label, value] for label, value, _ in shot["rows"]]
        parts = [shot["title"], shot["sentence"], shot["state"]]
        return "\n".join([*parts, table_text([["figure", "now"], *rows])])

    def stop(self, timeout_s: float = 20.0) -> None:
        """Stop the producer and the thread; the last figures stay on the screen."""
        was_running = self.is_running
        super().stop(timeout_s)
        if was_running:  # only now: the thread was the snapshot's only writer
            state = "Stopped. Run the cell again."
            self.snapshot = {**self._panel_state.snapshot(), "state": state}

    def close(self) -> None:
        """Stop the thread, and remove the panel from the screen."""
        super().close()
        self._panel_state.controls.close()
        if self.frame is not None:
            ipywidgets.VBox.close(self.frame)


class ProducerPanel(ipywidgets.VBox):  # type: ignore[misc]
    """Controls of one producer, and its figures; see `producer_panel`."""

    def __init__(self, name: str, state: _PanelState, updates_per_s: float) -> None:
        self._panel_state = state
        self.figures = PanelFigures(name, state, updates_per_s)
        self.controls = state.controls
        super().__init__([*state.controls.rows, self.figures])
        self.add_class("labkit-panel")  # figures.css gives the controls the look of the figures
        self.figures.frame = self
        self.figures.write_still(again=True)

    @property
    def producer(self) -> Producer | None:
        """The producer that runs or ran last; None before the first start."""
        return self._panel_state.producer

    @property
    def snapshot(self) -> Snapshot:
        """What the figures show."""
        found: Snapshot = self.figures.snapshot
        return found

    @property
    def text(self) -> str:
        """The figures in words: a sentence and a table."""
        return self.figures.text

    def start(self) -> None:
        """Press Start, as a click does; returns at once."""
        self._panel_state.wanted.set()

    def pause(self) -> None:
        """Press Stop, as a click does: the producer stops, the panel stays."""
        self._panel_state.wanted.clear()

    def stop(self, timeout_s: float = 20.0) -> None:
        """Stop the producer and the panel's thread; the last figures stay on the screen."""
        self.figures.stop(timeout_s)

    def close(self) -> None:
        """Stop the producer, and remove the panel from the screen."""
        self.figures.close()

    def __repr__(self) -> str:
        return f"<producer panel: {self.snapshot['sentence']}>"


class _PanelState:
    """The panel's state: it keeps the producer in step with the controls.

    The controls' callbacks run in a thread of the kernel, and only set what is wanted. The thread
    of the figures does all work with Kafka.
    """

    def __init__(self, topic: str, seed: int, name: str, controls: ProducerControls) -> None:
        self.controls, self._topic, self._seed, self._name = controls, topic, seed, name
        self.wanted = threading.Event()
        self._is_ours = False  # whether the producer runs because of us
        self.producer: Producer | None = None
        self._started_with: dict[str, Any] = {}
        self._state = "Press Start: the producer runs in the background until you press Stop."
        self._rates: Rates[int] = Rates(RATE_OVER_S)
        controls.switch.on_click(self._toggle)

    def _toggle(self, _button: object) -> None:
        if self.wanted.is_set():
            self.wanted.clear()
        else:
            self.wanted.set()

    def read(self) -> Snapshot:
        """Apply the controls, and return the figures."""
        try:
            self._apply_controls()
        except LabError as error:
            self.wanted.clear()
            self._state = in_words(error)
        self.controls.show_running(self.wanted.is_set())
        return self.snapshot()

    def _apply_controls(self) -> None:
        options, running = self.controls.options(), self._is_running
        if self.wanted.is_set() and self._is_ours and not running:
            # lab.stop_all(), labkit down, or a failure: do not start it again.
            self._is_ours = False
            self.wanted.clear()
            self._state = "The producer was stopped, and not by this panel."
        if running and (not self.wanted.is_set() or options != self._started_with):
            self._stop()
            running = False
            self._state = "Stopped: the last records were awaited."
        if self.producer is not None and self.producer.error is not None:
            self.wanted.clear()
            producer, self.producer = self.producer, None
            producer.stop()  # raises what went wrong
        if self.wanted.is_set() and not running:
            self._start(options)
        if self.producer is not None and self._is_running:
            self.producer.readings_per_s = self.controls.readings_per_s

    @property
    def _is_running(self) -> bool:
        return self.producer is not None and self.producer.is_running

    def _start(self, options: dict[str, Any]) -> None:
        from labkit.producer.producer import start_producer  # only here: widgets need no Kafka

        self._rates = Rates(RATE_OVER_S)
        self._started_with = options
        self.producer = start_producer(
            self._topic, self.controls.readings_per_s, self._seed, name=self._name, **options
        )
        self._is_ours = True
        self._state = f"Sending to topic {self._topic}; another setting starts it again."

    def _stop(self) -> None:
        self._is_ours = False
        if self.producer is not None:
            self.producer.stop()

    def stop(self) -> None:
        """Stop the producer with its panel."""
        self.wanted.clear()
        if self._is_running:
            self._stop()
        self.controls.disable()

    def snapshot(self) -> Snapshot:
        """Return the present figures."""
        rows = []
        if self.producer is not None:
            per_s = self._rates.add(time.monotonic(), {0: self.producer.counts.records})[0]
            rows = _figures_of(self.producer, per_s)
        return {
            "title": f"Producer {self._name} → topic {self._topic}",
            "state": self._state,
            "sentence": self._sentence(),
            "rows": rows,
        }

    def _sentence(self) -> str:
        if self.producer is None:
            return "No producer has been started here yet."
        counts, now = self.producer.counts, "running" if self._is_running else "stopped"
        said = f"{counts.records:,} records sent, {counts.acked + counts.bad_acked:,} acked"
        if not self.producer.options.asks_for_acks:
            said = f"{counts.records:,} records sent, and nobody asked to acknowledge them"
        return f"The producer is {now}: {said}, {counts.failed:,} failed."


def producer_panel(
    topic: str | None = None,
    *,
    seed: int = 7,
    readings_per_s: float = 20,
    faults: float = 0.0,
    name: str = "panel-producer",
    updates_per_s: float = 2.0,
) -> ProducerPanel:
    """Show a producer's controls: rate, key, acks, batching, compression, and faults.

    A new rate applies at once. Every other setting belongs to the client, which cannot change it
    later: so the producer is stopped, and started again under the same name.

    Parameters
    ----------
    topic : str, optional
        An existing topic; default: the lab's.
    seed : int
        The same seed gives the same plants.
    readings_per_s : float
        The initial rate, 1 to 2,000.
    faults : float
        The initial share of malformed records, 0 to 0.5.
    name : str
        The producer's name among the running things.
    updates_per_s : float
        How often the figures are updated, at most five times a second.

    Returns
    -------
    ProducerPanel
        Shown by the cell that returns it; ``.text`` says the figures in words, ``.start()`` and
        ``.pause()`` do what the button does, ``.stop()`` ends it.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.

    See: Kafka documentation, section 3.3 "Producer Configs".
    """
    topic = topic or load_config().topic
    controls = ProducerControls(readings_per_s, faults)
    state = _PanelState(topic, seed, name, controls)
    return ProducerPanel(f"producer panel of {topic}", state, updates_per_s)


def _figures_of(producer: Producer, records_per_s: float | None) -> list[list[str]]:
    """Return a producer's figures; ``records_per_s`` is the mean of the last `RATE_OVER_S`."""
    counts, metrics = producer.counts, producer.metrics
    acked = f"{counts.acked + counts.bad_acked:,}", "acknowledged by the brokers"
    if not producer.options.asks_for_acks:
        acked = "–", "acks=0: no broker answers, and nobody knows"
    per_s = "–" if records_per_s is None else f"{records_per_s:,.0f}"
    rows = [
        ["sent", f"{counts.records:,}", "records of this run, bad ones included"],
        ["acked", *acked],
        ["failed", f"{counts.failed:,}", "refused for certain"],
        ["unknown", f"{counts.unknown:,}", "without an answer: in the topic, or not"],
        ["bad on purpose", f"{counts.bad:,}", "values that are not valid readings"],
        ["records/s", per_s, f"mean of the last {RATE_OVER_S:g} s"],
    ]
    if metrics is not None:
        rows += [
            ["bytes/s", f"{metrics.bytes_per_s:,.0f}", "as sent, mean of the last 10 to 20 s"],
            ["batch", f"{metrics.batch_bytes:,.0f} bytes", "mean, as sent"],
            ["request", f"{metrics.records_per_request:,.1f} records", "mean of each request"],
            ["compression", f"{metrics.compression_ratio:.2f}", "compressed size by uncompressed"],
        ]
    return rows
