"""The lab's brokers as a map: state, leaders and in-sync replicas; with buttons to break them."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Any

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.notebook_lines import sentence_in_notebook
from labkit.core.progress_bar import quietly
from labkit.topics.topic_model import BrokerView, ClusterView, Partition
from labkit.widgets.broker_buttons import PROGRESS, VERBS, Verb, apply_action, button_of
from labkit.widgets.cluster_events import SIGNS, changes, summary
from labkit.widgets.live_widget import LiveWidget, Snapshot, in_words, route_to_subshell
from labkit.widgets.still_picture import box_picture
from labkit.widgets.text_alternative import table_text

EVENTS_KEPT = 10


class ClusterMap(LiveWidget):
    """Brokers, leaders and in-sync replicas, live; see `cluster_map`."""

    bundle = "cluster_map"

    def __init__(self, name: str, state: _MapState, updates_per_s: float) -> None:
        self._map_state = state
        super().__init__(
            name, state.first(), state.read, finish=state.close, updates_per_s=updates_per_s
        )
        self.on_msg(self._on_press)
        route_to_subshell(self)

    def picture(self) -> str:
        """Draw the brokers as rows, with a box for each partition that they hold."""
        signs = {"leader": "★", "in sync": "✓", "behind": "…"}
        return box_picture(
            [
                (
                    f"{one['sign']} broker {one['node_id']}",
                    [
                        (
                            f"{signs[part['role']]} p{part['partition']}",
                            part["partition"] if part["role"] == "leader" else None,
                        )
                        for part in one["holds"]
                    ],
                )
                for one in self.snapshot["brokers"]
            ]
        )

    def _on_press(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """Handle a press from the browser; another thread does the work."""
        verb, node_id = content.get("verb"), content.get("node_id")
        if verb in VERBS and isinstance(node_id, int):
            self._map_state.press(verb, node_id)

    def press(self, verb: Verb, node_id: int) -> None:
        """Press a broker's button, as a click does; returns at once.

        Parameters
        ----------
        verb : {'kill', 'freeze', 'thaw', 'restart'}
            The action.
        node_id : int
            The broker's id.
        """
        if verb not in VERBS:
            raise LabError(f"no button says {verb!r}; there are {', '.join(VERBS)}")
        self._map_state.press(verb, node_id)

    @property
    def text(self) -> str:
        """The map as text: a sentence, the brokers, the partitions, and the last events."""
        shot = self.snapshot
        brokers = [
            [f"{one['node_id']}", f"{one['sign']} {one['state']}", one["controller"], one["leads"]]
            for one in shot["brokers"]
        ]
        partitions = [
            [
                str(one["partition"]),
                "none" if one["leader"] is None else str(one["leader"]),
                _ids(one["replicas"]),
                _ids(one["isr"]),
            ]
            for one in shot["partitions"]
        ]
        events = [f"{one['at']}  {one['text']}" for one in shot["events"]]
        parts = [
            f"{shot['title']}\n{shot['sentence']}",
            table_text([["broker", "state", "controller", "leads"], *brokers]),
            table_text([["partition", "leader", "replicas", "in sync"], *partitions]),
            "\n".join(["What happened last:", *(events or ["nothing yet"])]),
        ]
        return "\n\n".join(parts)


class _MapState:
    """The map's state: it reads the cluster and applies the buttons' actions, one at a time.

    `read` is called by the widget's thread. The actions run in a separate thread, because a restart
    takes seconds during which the map is updated.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._watch: Any = None
        self._last: ClusterView | None = None
        self._events: deque[dict[str, str]] = deque(maxlen=EVENTS_KEPT)
        self._presses: queue.SimpleQueue[tuple[Verb, int] | None] = queue.SimpleQueue()
        self._action = self._error = ""
        self._worker: threading.Thread | None = None
        self._closed = False

    def press(self, verb: Verb, node_id: int) -> None:
        """Pass a press to the worker thread; one at a time."""
        if self._closed or self._action:
            return
        self._action = f"{PROGRESS[verb]} broker {node_id} …"
        if self._worker is None:
            name = "labkit-cluster-map"
            self._worker = threading.Thread(target=self._work, name=name, daemon=True)
            self._worker.start()
        self._presses.put((verb, node_id))

    def _work(self) -> None:
        while (job := self._presses.get()) is not None:
            verb, node_id = job
            self._error = ""
            try:
                with quietly():
                    apply_action(verb, node_id)
                self._note(f"you: {verb} broker {node_id}")
            except LabError as error:
                self._error = in_words(error)
            except Exception as error:  # the buttons must be enabled again in any case
                self._error = f"{verb} broker {node_id} failed: {error}"
            finally:
                self._action = ""

    def _note(self, text: str) -> None:
        self._events.appendleft({"at": time.strftime("%H:%M:%S"), "text": text})

    def first(self) -> Snapshot:
        """Return the snapshot to show before the first read."""
        view = ClusterView(self._topic, is_own=True, brokers=(), trouble="Asking Kafka …")
        return self._snapshot(view)

    def read(self) -> Snapshot:
        """Read the cluster, note the changes, and return the snapshot."""
        if self._watch is None:
            from labkit.topics.cluster_watch import ClusterWatch  # widgets need no Kafka

            self._watch = ClusterWatch(self._topic)
        view: ClusterView = self._watch.read()
        if self._last is not None:
            if view.partitions is None:  # no broker answers now
                view = replace(view, partitions=self._last.partitions)
            for what in changes(self._last, view):
                self._note(what)
        # Between two controllers there is none for a moment; keep the last to report the move.
        known = view
        if view.controller is None and self._last is not None:
            known = replace(view, controller=self._last.controller)
        self._last = known
        return self._snapshot(view)

    def _snapshot(self, view: ClusterView) -> Snapshot:
        return {
            "title": f"Cluster map, with topic {view.topic}",
            "state": self._action or self._error or sentence_in_notebook(view.trouble),
            "sentence": summary(view),
            "busy": bool(self._action),
            "brokers": [self._broker(one, view) for one in view.brokers],
            "partitions": [
                {
                    "partition": one.partition,
                    "leader": one.leader,
                    "replicas": list(one.replicas),
                    "isr": list(one.isr),
                }
                for one in view.partitions or ()
            ],
            "events": list(self._events),
        }

    def _broker(self, one: BrokerView, view: ClusterView) -> dict[str, Any]:
        here = [part for part in view.partitions or () if one.node_id in part.replicas]
        leads = [part.partition for part in here if part.leader == one.node_id]
        return {
            "node_id": one.node_id,
            "state": one.state,
            "sign": SIGNS[one.state],
            "address": one.address,
            "controller": "active controller" if view.controller == one.node_id else "",
            "leads": ", ".join(map(str, leads)) or "none",
            "holds": [
                {"partition": part.partition, "role": _role(part, one.node_id)} for part in here
            ],
            "buttons": [
                button_of(verb, one, view.is_own, is_alone=len(view.brokers) == 1) for verb in VERBS
            ],
        }

    def close(self) -> None:
        """Close the clients; an action that has begun is finished."""
        self._closed = True
        self._presses.put(None)
        if self._watch is not None:
            self._watch.close()


def cluster_map(topic: str | None = None, *, updates_per_s: float = 2.0) -> ClusterMap:
    """Show the brokers of the lab, their leaders and in-sync replicas, and buttons to kill them.

    Every partition has one leader, to which producers and consumers talk, and followers that copy
    it. Those that are up to date are the in-sync replicas (ISR): when the leader fails, the active
    controller makes one of them the leader. Here you can cause that and watch it.

    Parameters
    ----------
    topic : str, optional
        The topic whose partitions are drawn; default: the lab's.
    updates_per_s : float
        How often the cluster is read, at most five times a second.

    Returns
    -------
    ClusterMap
        Shown by the cell that returns it; ``.text`` says the same in words, ``.press("kill", 2)``
        does what the button does, ``.stop()`` ends it, and the buttons with it.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.

    See: Kafka documentation, section 4.7 "Replication"; KIP-500 for the controllers.
    """
    topic = topic or load_config().topic
    return ClusterMap(f"cluster map of {topic}", _MapState(topic), updates_per_s)


def _role(part: Partition, node_id: int) -> str:
    if part.leader == node_id:
        return "leader"
    return "in sync" if node_id in part.isr else "behind"


def _ids(nodes: list[int]) -> str:
    return ", ".join(map(str, nodes)) or "none"
