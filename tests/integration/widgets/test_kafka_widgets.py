"""Cluster map, producer panel, lag and throughput on three real brokers, without a browser.

One cluster for the module, in a lab of its own. What a button does in the browser, `press` and the
controls' values do here: they are the same calls.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from own_cluster import restore
from waiting import wait_until

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.broker import Broker
from labkit.core import background_workers
from labkit.core.errors import LabError
from labkit.widgets.lag_and_rate_charts import APPENDED, COMMITTED, TOTAL, LineChart
from labkit.widgets.live_widget import LiveWidget

# kafka-python leaves the sockets of refused connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

TOPIC = "co2-emissions"


@pytest.fixture(autouse=True)
def whole(three_brokers: Broker) -> Iterator[None]:
    """Give each test a cluster in which everybody lives, and leave no widget."""
    restore(three_brokers, TOPIC)
    yield
    background_workers.stop_all()
    for shown in list(LiveWidget._shown.values()):
        shown.close()
    LiveWidget._shown.clear()
    gc.collect()


def broker_in(snapshot: dict[str, Any], node_id: int) -> dict[str, Any]:
    return next(one for one in snapshot["brokers"] if one["node_id"] == node_id)


def buttons(broker: dict[str, Any]) -> dict[str, bool]:
    return {one["verb"]: one["enabled"] for one in broker["buttons"]}


def test_the_map_shows_what_the_cluster_is(three_brokers: Broker) -> None:
    shown = lab.cluster_map(updates_per_s=5)
    wait_until(lambda: len(shown.snapshot["partitions"]) == 3)
    found = lab.describe_topic(TOPIC).partitions
    for one, partition in zip(shown.snapshot["partitions"], found, strict=True):
        assert one["leader"] == partition.leader
        assert tuple(one["replicas"]) == partition.replicas
        assert sorted(one["isr"]) == sorted(partition.isr)
    roles = [
        (hold["partition"], broker["node_id"])
        for broker in shown.snapshot["brokers"]
        for hold in broker["holds"]
        if hold["role"] == "leader"
    ]
    assert sorted(roles) == [(one.partition, one.leader) for one in found]
    assert len([one for one in shown.snapshot["brokers"] if one["controller"]]) == 1
    assert buttons(broker_in(shown.snapshot, 1)) == {
        "kill": True, "freeze": True, "thaw": False, "restart": True
    }  # fmt: skip
    assert "all 3 partitions have every replica in sync" in shown.text
    assert "(SIGKILL)" in broker_in(shown.snapshot, 1)["buttons"][0]["about"]


def test_a_button_kills_a_broker_and_another_brings_it_back(three_brokers: Broker) -> None:
    shown = lab.cluster_map(updates_per_s=5)
    wait_until(lambda: len(shown.snapshot["partitions"]) == 3)
    victim = shown.snapshot["partitions"][0]["leader"]
    shown._handle_custom_msg({"verb": "kill", "node_id": victim}, [])  # as the browser sends it
    wait_until(lambda: broker_in(shown.snapshot, victim)["state"] == "dead")
    assert {one.node_id: one.state for one in three_brokers.nodes}[victim] == "dead"
    assert buttons(broker_in(shown.snapshot, victim)) == {
        "kill": False, "freeze": False, "thaw": False, "restart": True
    }  # fmt: skip
    wait_until(lambda: shown.snapshot["partitions"][0]["leader"] not in (victim, None))
    wait_until(lambda: all(victim not in one["isr"] for one in shown.snapshot["partitions"]))
    told = "\n".join(event["text"] for event in shown.snapshot["events"])
    assert f"broker {victim}: running → dead" in told
    assert f"leader moved {victim} → " in told
    assert "ISR shrank to" in told

    wait_until(lambda: not shown.snapshot["busy"])
    shown.press("restart", victim)
    wait_until(lambda: broker_in(shown.snapshot, victim)["state"] == "running")
    wait_until(lambda: all(len(one["isr"]) == 3 for one in shown.snapshot["partitions"]))
    assert any("ISR grew to 1, 2, 3" in event["text"] for event in shown.snapshot["events"])
    assert len(shown.snapshot["events"]) <= 10


def controller_in(snapshot: dict[str, Any]) -> int | None:
    return next((one["node_id"] for one in snapshot["brokers"] if one["controller"]), None)


def test_the_active_controller_is_frozen_and_another_takes_over(three_brokers: Broker) -> None:
    shown = lab.cluster_map(updates_per_s=5)
    wait_until(lambda: controller_in(shown.snapshot) is not None)
    victim = controller_in(shown.snapshot)
    with kafka_clients.admin() as client:
        quorum = client.describe_metadata_quorum()["topics"][0]["partitions"][0]
    assert victim == quorum["leader_id"]
    assert victim is not None
    shown.press("freeze", victim)
    wait_until(lambda: broker_in(shown.snapshot, victim)["state"] == "frozen")
    wait_until(lambda: controller_in(shown.snapshot) not in (None, victim))
    wait_until(lambda: all(victim not in one["isr"] for one in shown.snapshot["partitions"]))
    assert broker_in(shown.snapshot, victim)["state"] == "frozen"  # and not only once it thawed
    told = [event["text"] for event in shown.snapshot["events"]]
    assert any(text.startswith(f"active controller moved {victim} → ") for text in told)
    assert buttons(broker_in(shown.snapshot, victim)) == {
        "kill": True, "freeze": False, "thaw": True, "restart": False
    }  # fmt: skip
    assert "❄ frozen" in shown.text
    wait_until(lambda: not shown.snapshot["busy"])
    shown.press("thaw", victim)
    wait_until(lambda: all(victim in one["isr"] for one in shown.snapshot["partitions"]))


def test_an_error_of_the_work_is_shown_and_the_buttons_come_back(three_brokers: Broker) -> None:
    shown = lab.cluster_map(updates_per_s=5)
    shown.press("thaw", 1)
    wait_until(lambda: "Broker 1 is not frozen" in shown.snapshot["state"])
    assert "labkit broker freeze 1" in shown.snapshot["state"]
    wait_until(lambda: not shown.snapshot["busy"])
    with pytest.raises(LabError, match="no button says"):
        shown.press("bury", 1)  # type: ignore[arg-type]


def test_without_a_majority_the_map_says_so_and_recovers(three_brokers: Broker) -> None:
    shown = lab.cluster_map(updates_per_s=5)
    wait_until(lambda: len(shown.snapshot["partitions"]) == 3)
    three_brokers.freeze(1)
    three_brokers.freeze(3)
    wait_until(lambda: "1 of 3 brokers can answer, and 2" in shown.snapshot["state"])
    assert len(shown.snapshot["partitions"]) == 3
    assert "when last asked" in shown.text
    three_brokers.thaw(1)
    three_brokers.thaw(3)
    wait_until(lambda: "; all 3 partitions have every" in shown.snapshot["sentence"])
    wait_until(lambda: shown.snapshot["state"] == "")


def test_a_topic_that_is_not_there_is_waited_for(three_brokers: Broker) -> None:
    shown = lab.cluster_map("not-made", updates_per_s=5)
    wait_until(lambda: "no topic 'not-made' yet. It is shown" in shown.snapshot["state"])
    lines = lab.lag_chart(topic="not-made-either", updates_per_s=5)
    wait_until(lambda: "as soon as it is created" in lines.snapshot["state"])


def values(chart: LineChart, key: str) -> list[float]:
    lines = {one["key"]: one["values"] for one in chart.snapshot["lines"]["series"]}
    return [value for value in lines.get(key, []) if value is not None]


def test_lag_and_throughput_are_those_of_kafka(three_brokers: Broker, tmp_path: Path) -> None:
    group = "slow-readers"
    lag = lab.lag_chart(group, updates_per_s=5)
    rates = lab.throughput_chart(group_id=group, updates_per_s=5)
    wait_until(lambda: "has committed nothing" in lag.snapshot["state"])
    assert values(lag, TOTAL) == []  # no commit, no lag

    producer = lab.start_producer(TOPIC, readings_per_s=200)
    wait_until(lambda: max(values(rates, APPENDED), default=0) > 150)
    assert values(rates, COMMITTED) == []
    consumer = lab.start_consumer(TOPIC, group_id=group, data_dir=tmp_path)
    wait_until(lambda: max(values(rates, COMMITTED), default=0) > 100)
    wait_until(lambda: lag.snapshot["state"] == "")
    consumer.stop()
    behind = values(lag, TOTAL)[-1]
    wait_until(lambda: values(lag, TOTAL)[-1] > behind + 400)  # nobody reads, and lag grows
    producer.stop()

    with lab.start_consumer(TOPIC, group_id=group, data_dir=tmp_path):
        wait_until(lambda: values(lag, TOTAL)[-1] == 0)
    ends = {f"partition {one}": 0 for one in range(3)}
    assert {key: values(lag, key)[-1] for key in ends} == ends
    assert "total 0" in lag.text
    assert "highest" in rates.text


def test_a_chart_has_a_gap_while_nobody_answers_and_goes_on(three_brokers: Broker) -> None:
    lab.start_producer(TOPIC, readings_per_s=50)
    rates = lab.throughput_chart(updates_per_s=5)
    wait_until(lambda: max(values(rates, APPENDED), default=0) > 20)
    background_workers.replace("producer")
    for one in (1, 2, 3):
        three_brokers.freeze(one)
    wait_until(lambda: "labkit broker thaw" in rates.snapshot["state"])
    drawn = {one["key"]: one["values"] for one in rates.snapshot["lines"]["series"]}
    assert drawn[APPENDED][-1] is None
    for one in (1, 2, 3):
        three_brokers.thaw(one)
    wait_until(lambda: rates.snapshot["lines"]["series"][0]["values"][-1] is not None)


def test_the_panel_starts_changes_and_stops_a_producer(three_brokers: Broker) -> None:
    panel = lab.producer_panel(updates_per_s=5)
    assert panel.producer is None
    panel.controls.switch.click()  # what the browser does
    wait_until(lambda: panel.producer is not None and panel.producer.counts.acked > 20)
    first = panel.producer
    assert first is not None
    assert panel.controls.switch.description == "Stop"

    panel.controls.rate.value = 400
    wait_until(lambda: first.readings_per_s == 400)
    assert panel.producer is first  # the rate is followed, without another producer

    panel.controls.acks.value = 0
    panel.controls.key.value = "none"
    panel.controls.compression_type.value = "gzip"
    panel.controls.linger_ms.value = 500
    panel.controls.faults.value = 0.2
    wait_until(
        lambda: panel.producer is not None and panel.producer.options.linger_ms == 500
        and panel.producer.counts.unasked > 200
    )  # fmt: skip
    second = panel.producer
    assert second is not None
    assert not first.is_running
    assert (second.name, second.options.acks, second.options.key) == (first.name, 0, None)
    assert second.counts.acked == 0
    assert second.counts.bad > 0
    wait_until(lambda: "nobody asked to acknowledge them" in panel.text)
    wait_until(lambda: (second.metrics.compression_ratio if second.metrics else 1) < 0.6)
    wait_until(lambda: any(row[0] == "compression" for row in panel.snapshot["rows"]))

    panel.controls.switch.click()
    wait_until(lambda: not second.is_running)
    wait_until(lambda: panel.controls.switch.description == "Start")
    assert "stopped" in repr(panel)


def test_a_panel_shown_again_leaves_one_producer_and_one_panel(three_brokers: Broker) -> None:
    first = lab.producer_panel(updates_per_s=5)
    first.start()
    wait_until(lambda: first.producer is not None and first.producer.counts.acked > 5)
    second = lab.producer_panel(updates_per_s=5)
    assert first.producer is not None
    assert not first.producer.is_running
    assert first.comm is None
    controls = first.controls
    assert all(one.comm is None for one in (first.figures, controls.rate, *controls.rows))
    second.start()
    wait_until(lambda: second.producer is not None and second.producer.counts.acked > 5)
    background_workers.stop_all()
    assert second.producer is not None
    assert not second.producer.is_running
    assert second.snapshot["state"].startswith("Stopped.")
    assert second.controls.switch.disabled


def test_the_panel_says_what_stands_in_its_way(three_brokers: Broker) -> None:
    panel = lab.producer_panel("never-made", updates_per_s=5)
    panel.start()
    wait_until(lambda: "'never-made' is not on this cluster" in panel.snapshot["state"])
    assert panel.controls.switch.description == "Start"
