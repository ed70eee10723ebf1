"""The buttons of the cluster map: which are shown, and what they promise."""

from __future__ import annotations

from labkit.topics.topic_model import BrokerState, BrokerView
from labkit.widgets.broker_buttons import VERBS, button_of


def shown(state: BrokerState, *, is_alone: bool) -> dict[str, str]:
    one = BrokerView(1, state, "127.0.0.1:1")
    buttons = [button_of(verb, one, is_own=True, is_alone=is_alone) for verb in VERBS]
    return {one["label"]: one["about"] for one in buttons if not one["hidden"]}


def test_a_broker_that_is_alone_has_buttons_only_when_it_is_down() -> None:
    assert shown("running", is_alone=True) == {}
    assert list(shown("frozen", is_alone=True)) == ["Kill", "Thaw"]
    assert list(shown("dead", is_alone=True)) == ["Start"]


def test_nobody_else_leads_where_there_is_nobody_else() -> None:
    assert "other replicas lead" in shown("running", is_alone=False)["Kill"]
    assert "It is the only broker" in shown("frozen", is_alone=True)["Kill"]
