"""The buttons of the cluster map: their labels, explanations and actions."""

from __future__ import annotations

from typing import Any, Literal, get_args

from labkit.broker.cluster_state import cluster_dir
from labkit.topics.topic_model import BrokerView

Verb = Literal["kill", "freeze", "thaw", "restart"]
VERBS: tuple[Verb, ...] = get_args(Verb)

ABOUT: dict[Verb, str] = {
    "kill": "ends the process of broker {0} at once (SIGKILL), as a power cut would. After some "
    "four seconds of missed heartbeats other replicas lead in its place.",
    "freeze": "takes the processor from broker {0}: its connections stay open, and nothing comes "
    "back. After some four seconds the others give it up.",
    "thaw": "lets broker {0} go on. It learns that it was given up, and catches up as a follower.",
    "restart": "stops broker {0} in good order, so it hands over what it leads, and starts it "
    "again on its port. It catches up as a follower.",
}
"""What a button will do; the sentence begins with the button's word."""
KILL_ALONE = (
    "ends the process of broker {0} at once (SIGKILL), as a power cut would. It is the only "
    "broker: nobody leads its partitions, and clients wait, until it is started again."
)
FREEZE_ALONE = (
    "takes the processor from broker {0}: its connections stay open, and nothing comes back. It is "
    "the only broker, so clients wait until it goes on."
)
REVIVE = "starts broker {0} again on its port, with the data that is on its disk."
PROGRESS = {"kill": "Killing", "freeze": "Freezing", "thaw": "Thawing", "restart": "Restarting"}
ALLOWED: dict[Verb, tuple[str, ...]] = {
    "kill": ("running", "frozen"),
    "freeze": ("running",),
    "thaw": ("frozen",),
    "restart": ("running", "dead"),
}


def apply_action(verb: Verb, node_id: int) -> None:
    """Apply a button's action to one of the lab's own brokers."""
    from labkit.broker import node_control  # imported here, because it needs Kafka

    getattr(node_control, verb)(cluster_dir(), node_id)


def button_of(verb: Verb, one: BrokerView, is_own: bool, *, is_alone: bool) -> dict[str, Any]:
    """Return a button: its label, whether it is enabled, and what it will do or why not.

    A broker that is alone, and runs, shows no buttons: nothing could be seen but a lab that stops.
    """
    enabled = is_own and one.state in ALLOWED[verb]
    word = "start" if verb == "restart" and one.state == "dead" else verb
    about = REVIVE if word == "start" else ABOUT[verb]
    if is_alone:
        alone = {"kill": KILL_ALONE, "freeze": FREEZE_ALONE, "thaw": "lets broker {0} go on."}
        about = alone.get(verb, REVIVE)
    text = f"{word.capitalize()} {about.format(one.node_id)}"
    if not is_own:
        text = "This cluster is not the lab's own: the lab leaves its brokers alone."
    elif not enabled:
        text = f"Broker {one.node_id} is {one.state}: there is nothing to {verb}."
        if verb == "restart":
            text = f"Broker {one.node_id} is frozen: thaw it, or kill it first."
    hidden = is_alone and (one.state == "running" or not enabled)
    label = word.capitalize()
    return {"verb": verb, "label": label, "enabled": enabled, "hidden": hidden, "about": text}
