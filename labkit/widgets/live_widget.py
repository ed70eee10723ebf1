"""The base of the live widgets: a thread keeps their snapshot up to date.

An *anywidget* is a Python object with traits that are synchronized with the browser. Here the trait
is a ``snapshot``, which is replaced repeatedly. A thread does that, not a task of the kernel's
event loop: a running cell blocks the loop, and the chart would freeze while the learner watches.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from importlib import resources
from typing import Any, ClassVar

import anywidget
import ipywidgets
import traitlets

from labkit.core import background_workers
from labkit.core.errors import FrontEndMissing, LabError, TopicNotFound
from labkit.core.notebook_lines import in_notebook
from labkit.core.still_files import remove_old_stills, write_still
from labkit.core.wording import sentence
from labkit.widgets.still_picture import still_html

MAX_UPDATES_PER_S = 5.0
STILL_EVERY_S = 3.0
"""A notebook is saved every two minutes, so its pictures need not be newer."""
Snapshot = dict[str, Any]


class LiveWidget(anywidget.AnyWidget):
    """A widget whose snapshot is updated by a thread until `stop`.

    It begins with the snapshot ``first``; the thread calls ``read`` for the others, at most five
    times a second, and ``finish`` when it ends. Another widget of the same name closes this one, so
    a cell that is run twice leaves one chart.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    # One subclass for each bundle: the browser keeps one style sheet for each class.
    bundle: ClassVar[str]
    """The module in ``labkit/widgets/static`` that draws the widget."""

    _still_of: Snapshot | None = None
    _still_written = 0.0

    # ipywidgets keeps every widget until it is closed, so a replaced one must be closed.
    _shown: ClassVar[dict[str, LiveWidget]] = {}

    def __init__(
        self,
        name: str,
        first: Snapshot,
        read: Callable[[], Snapshot],
        *,
        finish: Callable[[], None] | None = None,
        updates_per_s: float = 1.0,
    ) -> None:
        self.name = name
        self._read = read
        self._finish = finish
        self.pause_s = 1.0 / min(updates_per_s, MAX_UPDATES_PER_S)
        super().__init__(
            _esm=bundled(f"{self.bundle}.js"), _css=bundled(f"{self.bundle}.css"), snapshot=first
        )
        background_workers.replace(name)
        previous = self._shown.pop(name, None)
        if previous is not None:
            previous.close()
        remove_old_stills()
        self.write_still()
        self._thread = background_workers.ThreadWorker(name, self._refresh)
        self._shown[name] = self
        background_workers.register(self)

    def _refresh(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                try:
                    # An unchanged snapshot is not sent: traitlets compares before it syncs.
                    self.snapshot = self._read()
                except LabError as error:
                    # A broker that is down or a CSV that is missing is part of many lessons, and it
                    # may come back. The last figures stay, with the reason.
                    self._set_state(in_words(error))
                if time.monotonic() >= self._still_written + STILL_EVERY_S:
                    self.write_still()
                stop.wait(self.pause_s)
        except Exception as error:
            self._set_state(f"Failed: {error}")
            raise
        finally:
            if self._finish is not None:
                self._finish()

    @property
    def still_id(self) -> str:
        """The id of the widget that a notebook stores."""
        return str(self.model_id)

    def write_still(self, *, is_open: bool = True, again: bool = False) -> None:
        """Write what is shown to a file, if it has changed: a picture, and the text twin."""
        self._still_written = time.monotonic()
        if self.snapshot == self._still_of and is_open and not again:
            return
        self._still_of = self.snapshot
        with contextlib.suppress(OSError):  # a full disk must not stop the widget
            write_still(self.still_id, self._still_html(), self.text, is_open=is_open)

    def _still_html(self) -> str:
        return still_html(self.name, self.picture(), self.text)

    def picture(self) -> str:
        """Draw the snapshot as SVG; empty if its text says it all."""
        return ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        # For programs that cannot show widgets; `labkit lab` replaces it when it saves.
        return {**bundle, "text/html": self._still_html(), "text/plain": repr(self)}, metadata

    def _set_state(self, state: str) -> None:
        self.snapshot = {**self.snapshot, "state": state}

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_running

    def stop(self, timeout_s: float = 15.0) -> None:
        """Stop the thread; the last snapshot stays on the screen."""
        was_running = self.is_running
        self._thread.stop(timeout_s)
        if was_running:  # only now: the thread was the snapshot's only writer
            self._set_state(f"Stopped. {self.snapshot['state']}")
            self.write_still()

    def close(self) -> None:
        """Stop the thread and remove the widget from the screen."""
        if self.comm is not None and not sys.is_finalizing():  # then nothing more can be imported
            self.stop()
            self.write_still(is_open=False)
        super().close()

    @property
    def text(self) -> str:
        """The snapshot as text, for a console or a screen reader."""
        parts = (self.snapshot.get(part) for part in ("title", "sentence", "state"))
        return "\n".join(str(part) for part in parts if part)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{self.name}: {self._thread.state}; print() shows it as text, .stop() ends it>"


def in_words(error: LabError) -> str:
    """Return an error as one line of text, with the next line to type in a cell.

    A topic that is not there yet is not created by a hint: it may need settings that the hint
    would not know.
    """
    what = sentence(error.what)
    if isinstance(error, TopicNotFound):
        return what if error.similar else f"{what} It is shown here as soon as it is created."
    return f"{what} Next: {in_notebook(error.next_line)}" if error.next_line else what


def keep_last_on_error(read: Callable[[], Snapshot], nothing: Snapshot) -> Callable[[], Snapshot]:
    """Wrap a reader so that a `LabError` becomes part of the snapshot.

    ``fresh`` is False then, and ``state`` is the reason. ``nothing`` is the snapshot while there is
    no topic; while no broker answers, the last one stays.
    """
    last = nothing

    def read_or_keep() -> Snapshot:
        nonlocal last
        try:
            last = {**read(), "fresh": True}
        except TopicNotFound as error:
            last = {**nothing, "fresh": False, "state": in_words(error)}
        except LabError as error:
            last = {**last, "fresh": False, "state": in_words(error)}
        return last

    return read_or_keep


def bundled(file: str) -> str:
    """Return the text of a built front-end file in ``labkit/widgets/static``."""
    path = resources.files("labkit") / "widgets" / "static" / file
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        msg = f"the notebook widgets have not been built: labkit/widgets/static/{file} is missing"
        raise FrontEndMissing(msg, "cd web && npm ci && npm run build") from error


def route_to_subshell(*widgets: ipywidgets.Widget) -> None:
    """Handle the browser's messages to these widgets in a subshell, while a cell runs.

    JupyterLab (4.4 and newer) sends them to a *subshell*, a second thread of the kernel, so that a
    button works while a cell sleeps. ipykernel 7.4 redirects each message to the shell from which
    its widget last sent one. That is the cells' shell, where it waits until the cell is done. This
    function switches the redirection off. The callbacks then run in the subshell's thread, and must
    return quickly.

    See: Jupyter Enhancement Proposal 91 (subshells); ipykernel, ``comm/comm.py``,
    ``_reply_subshell_for``.
    """
    for widget in widgets:
        comm: Any = widget.comm
        if hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = lambda _data, sent_to: sent_to
