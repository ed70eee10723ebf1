"""The controls of the producer panel, and the options that they are set to."""

from __future__ import annotations

import math
from typing import Any

import ipywidgets

from labkit.widgets.live_widget import route_to_subshell

HIGHEST_PER_S = 2_000
BATCH_SIZES = {
    "0: each record alone": 0,
    "1 KiB": 1_024,
    "16 KiB (Kafka's own)": 16_384,
    "128 KiB (the lab's own)": 131_072,
    "1 MiB": 1_048_576,
}
# A Dropdown of ipywidgets shows nothing for the value None, so a word is used instead.
NONE = "none"
KEYS = {"facility_id": "facility_id", "sector": "sector", "country": "country", "no key": NONE}
ACKS = {"all: replicas in sync": "all", "1: the leader": 1, "0: nobody": 0}
WIDE = {"description_width": "10em"}
ROOM = ipywidgets.Layout(width="26em")


class ProducerControls:
    """The ipywidgets controls; other threads only read them."""

    def __init__(self, readings_per_s: float, faults: float) -> None:
        from labkit.broker.record_codecs import COMPRESSION_TYPES  # it imports kafka-python

        self.switch = ipywidgets.Button(description="Start", icon="play", button_style="success")
        # From 1 to 2,000: on a linear scale, 20 and 50 would be the same place.
        self.rate = ipywidgets.FloatLogSlider(
            min(HIGHEST_PER_S, max(1, round(readings_per_s))),
            base=10,
            readout_format=",.0f",
            **_range(0, math.log10(HIGHEST_PER_S), 0.01, "readings/s"),
        )
        self.faults = ipywidgets.FloatSlider(
            min(0.5, max(0.0, faults)), **_range(0.0, 0.5, 0.01, "faults (share)")
        )
        self.linger_ms = ipywidgets.IntSlider(20, **_range(0, 1_000, 10, "linger_ms"))
        self.key = _choice("key", KEYS, "facility_id")
        self.acks = _choice("acks", ACKS, "all")
        self.batch_size = _choice("batch_size", BATCH_SIZES, 131_072)
        codecs: dict[str, Any] = {NONE: NONE}
        codecs |= {name: name for name in COMPRESSION_TYPES}
        self.compression_type = _choice("compression_type", codecs, NONE)
        route_to_subshell(*self._controls)
        self.rows = [
            self.switch,
            _row(self.rate, self.faults),
            _row(self.key, self.acks),
            _row(self.linger_ms, self.batch_size),
            _row(self.compression_type),
        ]

    @property
    def readings_per_s(self) -> float:
        """The rate that is set, in whole readings."""
        return float(max(1, round(self.rate.value)))

    def options(self) -> dict[str, Any]:
        """Return the options for `labkit.start_producer`."""
        return {
            "key": _none_if_none(self.key.value),
            "acks": self.acks.value,
            "linger_ms": self.linger_ms.value,
            "batch_size": self.batch_size.value,
            "compression_type": _none_if_none(self.compression_type.value),
            "faults": self.faults.value,
        }

    def show_running(self, runs: bool) -> None:
        """Label the button with what it will do: a word, an icon and a colour."""
        word, icon, style = ("Stop", "stop", "danger") if runs else ("Start", "play", "success")
        if self.switch.description != word:
            with self.switch.hold_sync():
                self.switch.description, self.switch.icon = word, icon
                self.switch.button_style = style

    def disable(self) -> None:
        """Disable all controls."""
        for one in self._controls:
            one.disabled = True

    def close(self) -> None:
        """Remove the controls from the screen and from the kernel's memory."""
        for one in (*self._controls, *self.rows):
            one.close()

    @property
    def _controls(self) -> list[Any]:
        return [
            *(self.switch, self.rate, self.faults, self.linger_ms),
            *(self.key, self.acks, self.batch_size, self.compression_type),
        ]


def _none_if_none(value: str) -> str | None:
    return None if value == NONE else value


def _range(least: float, most: float, step: float, description: str) -> dict[str, Any]:
    bounds = {"min": least, "max": most, "step": step}
    # One message when the mouse is released, not one for each pixel.
    looks = {"continuous_update": False, "style": WIDE, "layout": ROOM}
    return {"description": description, **bounds, **looks}


def _choice(description: str, options: dict[str, Any], value: Any) -> Any:
    choices = list(options.items())
    looks = {"description": description, "style": WIDE, "layout": ROOM}
    return ipywidgets.Dropdown(options=choices, value=value, **looks)


def _row(*controls: Any) -> Any:
    return ipywidgets.HBox(controls, layout=ipywidgets.Layout(flex_flow="row wrap"))
