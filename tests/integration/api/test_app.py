"""What the API serves is what the topic holds, from a real broker through a real consumer."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from oracle import read_topic
from waiting import PATIENCE_S, wait_until

import labkit as lab


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


@pytest.fixture
def data_dir(lab_dir: Path) -> Path:
    return lab_dir / "data"


def test_a_client_that_follows_reads_every_record_of_the_topic_once(
    topic: str, bootstrap_servers: str, data_dir: Path
) -> None:
    """A client polls as the page does, from before the first record until all are there."""
    api = lab.start_api(data_dir, port=0, topic=topic)
    wait_until(lambda: get(f"{api.url}/api/health")["status"] == "empty", "it looked for a CSV")
    assert get(f"{api.url}/api/pipeline")["state"] == "absent"
    lab.start_consumer(topic, data_dir=data_dir)
    producer = lab.start_producer(topic, readings_per_s=400, seed=7, count=1200, faults=0.02)
    served: list[dict[str, Any]] = []
    cursor = ""

    def follow() -> bool:
        nonlocal cursor
        page = get(f"{api.url}/api/readings?limit=100&after={cursor}")
        served.extend(page["readings"])
        cursor = page["next"]
        totals = get(f"{api.url}/api/pipeline")["totals"]
        return not page["more"] and totals["rows"] + totals["dead_letters"] == 1200

    wait_until(follow, "1,200 records arrive")
    assert producer.wait(PATIENCE_S)
    served += get(f"{api.url}/api/readings?limit=5000&after={cursor}")["readings"]

    records = read_topic(bootstrap_servers, topic)
    assert sum(map(len, records.values())) == 1200
    bad = 0
    by_place = {(one.pop("partition"), one.pop("offset")): one for one in served}
    assert len(by_place) == len(served)
    for partition, held in records.items():
        for record in held:
            shown = by_place.pop((partition, record.offset), None)
            if shown is None:
                bad += 1
            else:
                assert shown == json.loads(record.value)
    assert by_place == {}

    pipeline, figures = get(f"{api.url}/api/pipeline"), get(f"{api.url}/api/summary")
    assert pipeline["state"] == "running"
    assert bad == pipeline["totals"]["dead_letters"] > 0
    assert figures["records"] == pipeline["totals"]["rows"] == len(served)
    assert figures["co2_g"] == sum(round(one["co2_kg"] * 1000) for one in served)
    wait_until(
        lambda: get(f"{api.url}/api/pipeline")["totals"]["co2_g"] == figures["co2_g"],
        "the consumer's own sum is the one served",
    )
    wait_until(
        lambda: get(f"{api.url}/api/pipeline")["totals"]["lag"] == 0, "the consumer says: no lag"
    )
    assert get(f"{api.url}/api/health")["status"] == "ok"
    series = get(f"{api.url}/api/series?window_s=10")
    assert any(value for line in series["series"] for value in line["values"])


def test_after_the_consumer_has_stopped_the_data_stay_and_it_is_called_stale(
    topic: str, bootstrap_servers: str, data_dir: Path
) -> None:
    api = lab.start_api(data_dir, port=0, topic=topic)
    consumer = lab.start_consumer(topic, data_dir=data_dir)
    lab.start_producer(topic, readings_per_s=0, seed=7, count=50).wait(PATIENCE_S)
    wait_until(lambda: get(f"{api.url}/api/health")["rows"] == 50, "50 records arrive")
    consumer.stop()
    assert get(f"{api.url}/api/pipeline")["state"] == "stale"
    assert get(f"{api.url}/api/summary")["records"] == 50
    again = lab.start_api(data_dir, port=0, topic=topic)
    assert get(f"{again.url}/api/summary")["records"] == 50
