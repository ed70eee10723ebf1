"""The lab's brokers as a map: who lives, leads, and is in sync; and buttons to break them."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Any

from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.progress_bar import quietly
from labkit.topics.topic_model import BrokerView, ClusterView, Replicas
from labkit.widgets.broker_buttons import PROGRESS, VERBS, Verb, act, button_of
from labkit.widgets.cluster_events import SIGNS, changes, summary
from labkit.widgets.live_widget import LiveWidget, Snapshot, in_words
from labkit.widgets.subshell import hear_while_busy
from labkit.widgets.text_twin import table_text

EVENTS_KEPT = 10


class ClusterMap(LiveWidget):
    """Brokers, leaders and replicas in sync, moving as it happens: see `cluster_map`."""

    bundle = "cluster_map"

    def __init__(self, name: str, desk: _Desk, updates_per_s: float) -> None:
        self._desk = desk
        super().__init__(
            name, desk.first(), desk.read, finish=desk.close, updates_per_s=updates_per_s
        )
        self.on_msg(self._on_press)
        hear_while_busy(self)

    def _on_press(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """Take a press from the browser; in the kernel's thread, so the work is handed over."""
        verb, node_id = content.get("verb"), content.get("node_id")
        if verb in VERBS and isinstance(node_id, int):
            self._desk.press(verb, node_id)

    def press(self, verb: Verb, node_id: int) -> None:
        """Press a broker's button, as the mouse does: it returns at once.

        Parameters
        ----------
        verb : {'kill', 'freeze', 'thaw', 'restart'}
            What to do.
        node_id : int
            To which broker.
        """
        if verb not in VERBS:
            raise LabError(f"no button says {verb!r}; there are {', '.join(VERBS)}")
        self._desk.press(verb, node_id)

    @property
    def text(self) -> str:
        """The map in words: a sentence, the brokers, the partitions, and what happened last."""
        shot = self.snapshot
        brokers = [
            [f"{one['node_id']}", f"{one['sign']} {one['state']}", one["controller"], one["leads"]]
            for one in shot["brokers"]
        ]
        partitions = [
            [str(one["partition"]), _shown(one["leader"]), _ids(one["replicas"]), _ids(one["isr"])]
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


class _Desk:
    """What is behind the map: looks at the cluster, and does what buttons ask for, each in turn.

    `read` is called by the widget's thread; what buttons ask for is done in a thread of its own,
    because a restart takes seconds, and the map should show them.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._watch: Any = None
        self._last: ClusterView | None = None
        self._events: deque[dict[str, str]] = deque(maxlen=EVENTS_KEPT)
        self._asked: queue.SimpleQueue[tuple[Verb, int] | None] = queue.SimpleQueue()
        self._doing = self._said = ""
        self._hands: threading.Thread | None = None
        self._closed = False

    def press(self, verb: Verb, node_id: int) -> None:
        """Hand a press over to the thread that does the work; one at a time."""
        if self._closed or self._doing:
            return
        self._doing = f"{PROGRESS[verb]} broker {node_id} …"
        if self._hands is None:
            self._hands = threading.Thread(
                target=self._work, name="labkit-cluster-map", daemon=True
            )
            self._hands.start()
        self._asked.put((verb, node_id))

    def _work(self) -> None:
        while (job := self._asked.get()) is not None:
            verb, node_id = job
            self._said = ""
            try:
                with quietly():
                    act(verb, node_id)
                self._note(f"you: {verb} broker {node_id}")
            except LabError as error:
                self._said = in_words(error)
            except Exception as error:  # the button must come back, whatever happened
                self._said = f"{verb} broker {node_id} failed: {error}"
            finally:
                self._doing = ""

    def _note(self, text: str) -> None:
        self._events.appendleft({"at": time.strftime("%H:%M:%S"), "text": text})

    def first(self) -> Snapshot:
        """Return what is shown until somebody has looked."""
        view = ClusterView(self._topic, is_own=True, brokers=(), trouble="Asking Kafka …")
        return self._snapshot(view)

    def read(self) -> Snapshot:
        """Look at the cluster, note what has changed, and return what to show."""
        if self._watch is None:
            from labkit.topics.cluster_watch import ClusterWatch  # only here: widgets need no Kafka

            self._watch = ClusterWatch(self._topic)
        view: ClusterView = self._watch.read()
        if self._last is not None:
            view = _remembering(self._last, view)
            for what in changes(self._last, view):
                self._note(what)
        # Between two controllers there is none for a moment: a move is told from the last one.
        known = (
            view.controller
            if view.controller is not None or self._last is None
            else (self._last.controller)
        )
        self._last = replace(view, controller=known)
        return self._snapshot(view)

    def _snapshot(self, view: ClusterView) -> Snapshot:
        return {
            "title": f"Cluster map, with topic {view.topic}",
            "state": self._doing or self._said or view.trouble,
            "sentence": summary(view),
            "busy": bool(self._doing),
            "brokers": [self._broker(one, view) for one in view.brokers],
            "partitions": [_partition(one) for one in view.partitions or ()],
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
            "buttons": [button_of(verb, one, view.is_own) for verb in VERBS],
        }

    def close(self) -> None:
        """Leave the broker; a job that has begun is finished."""
        self._closed = True
        self._asked.put(None)
        if self._watch is not None:
            self._watch.close()


def cluster_map(topic: str | None = None, *, updates_per_s: float = 2.0) -> ClusterMap:
    """Show the brokers of the lab, what each of them leads, and who is in sync; kill some of them.

    Every partition has one leader, to which producers and consumers talk, and followers that copy
    it. Those that have all of it are the in-sync replicas (ISR): when the leader is gone, the
    active controller makes one of them the leader. Here that can be brought about and watched.

    Parameters
    ----------
    topic : str, optional
        The topic whose partitions are drawn; default: the lab's.
    updates_per_s : float
        How often the cluster is looked at, at most five times a second.

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
    return ClusterMap(f"cluster map of {topic}", _Desk(topic), updates_per_s)


def _remembering(last: ClusterView, view: ClusterView) -> ClusterView:
    """Keep the partitions of before where nobody answers: they are the last that is known."""
    if view.partitions is not None or last.partitions is None:
        return view
    return replace(view, partitions=last.partitions)


def _role(part: Replicas, node_id: int) -> str:
    if part.leader == node_id:
        return "leader"
    return "in sync" if node_id in part.isr else "behind"


def _partition(one: Replicas) -> dict[str, Any]:
    return {
        "partition": one.partition,
        "leader": one.leader,
        "replicas": list(one.replicas),
        "isr": list(one.isr),
    }


def _shown(node_id: int | None) -> str:
    return "none" if node_id is None else str(node_id)


def _ids(nodes: list[int]) -> str:
    return ", ".join(map(str, nodes)) or "none"
