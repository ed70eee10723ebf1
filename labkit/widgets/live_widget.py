"""A widget that a thread keeps up to date: what the live chart and the live ledger are.

An *anywidget* is a Python object with traits that the browser follows. Here the trait is a
``snapshot``, set anew again and again. A thread does that, and not a task of the kernel's event
loop: a cell that runs or sleeps holds that loop, and a task would freeze the chart exactly while
the learner watches the cell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import resources
from typing import Any, ClassVar

import anywidget
import traitlets

from labkit.core import background_workers
from labkit.core.errors import FrontEndMissing, LabError, TopicNotFound

MAX_UPDATES_PER_S = 5.0
Snapshot = dict[str, Any]


class LiveWidget(anywidget.AnyWidget):
    """A widget whose snapshot a thread keeps up to date until `stop`.

    Parameters
    ----------
    name : str
        Its name among the things that run (`labkit.running`). Showing another widget under the
        same name closes this one, so a cell that is run twice leaves one chart, not two.
    first : dict
        The snapshot to show at once.
    read : callable
        Returns the next snapshot; called from the thread only.
    finish : callable, optional
        Called by the thread as its last act.
    updates_per_s : float
        How often it is read, at most five times a second.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    # A class of its own for each bundle: the browser keeps one style sheet for each class.
    bundle: ClassVar[str]
    """The module in ``labkit/widgets/static`` that draws it."""

    # ipywidgets holds every widget until it is closed: we close the one that is shown anew.
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
                    # A broker that is down, a CSV that is gone: part of many lessons, and it may
                    # come back. The last figures stay, with the reason beside them.
                    self._say(in_words(error))
                stop.wait(self.pause_s)
        except Exception as error:
            self._say(f"Failed: {error}")
            raise
        finally:
            if self._finish is not None:
                self._finish()

    def _say(self, state: str) -> None:
        self.snapshot = {**self.snapshot, "state": state}

    @property
    def is_running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_running

    def stop(self, timeout_s: float = 15.0) -> None:
        """End the thread and leave the last snapshot on the screen."""
        was_running = self.is_running
        self._thread.stop(timeout_s)
        if was_running:  # only now: the thread was the snapshot's one writer
            self._say(f"Stopped. {self.snapshot['state']}")

    def close(self) -> None:
        """End the thread and take the widget off the screen."""
        if self.comm is not None:
            self.stop()
        super().close()

    @property
    def text(self) -> str:
        """The same in words: for a console, and for whoever does not see the picture."""
        told = (self.snapshot.get(part) for part in ("title", "sentence", "state"))
        return "\n".join(str(part) for part in told if part)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{self.name}: {self._thread.state}; print() shows it as text, .stop() ends it>"


def in_words(error: LabError) -> str:
    """Return an error as one line of text, with the next line to type."""
    return f"{error.what}. Next: {error.next_line}" if error.next_line else error.what


def patient(read: Callable[[], Snapshot], nothing: Snapshot) -> Callable[[], Snapshot]:
    """Make trouble a part of what is shown, where waiting may help.

    Parameters
    ----------
    read : callable
        Returns the next snapshot, or raises a `LabError`.
    nothing : dict
        What is shown while there is no topic. While no broker answers, the last snapshot stays.

    Returns
    -------
    callable
        Returns a snapshot always; its ``fresh`` is False, and its ``state`` the reason, where
        ``read`` raised.
    """
    last = nothing

    def read_on() -> Snapshot:
        nonlocal last
        try:
            last = {**read(), "fresh": True}
        except TopicNotFound as error:
            last = {**nothing, "fresh": False, "state": in_words(error)}
        except LabError as error:
            last = {**last, "fresh": False, "state": in_words(error)}
        return last

    return read_on


def bundled(file: str) -> str:
    """Return a file that the front end's build left in ``labkit/widgets/static``."""
    path = resources.files("labkit") / "widgets" / "static" / file
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        msg = f"the notebook widgets have not been built: labkit/widgets/static/{file} is missing"
        raise FrontEndMissing(msg, "cd web && npm ci && npm run build") from error
