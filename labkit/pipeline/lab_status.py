"""The status of the lab: what runs, in any process."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.broker.cluster_state import read_cluster
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable
from labkit.core.run_files import everywhere, read_run_files
from labkit.core.terminal_text import visible
from labkit.faults.active_faults import active_faults
from labkit.ledger.stage_totals import get_json
from labkit.sink.partition_status import STALE_AFTER_S, read_progress
from labkit.topics.topic_metadata import cluster
from labkit.topics.topics import list_topics

if TYPE_CHECKING:
    from rich.console import RenderableType

    from labkit.topics.topic_model import Topic

FEW_OF_LESSONS = 5
_LESSON_TOPIC = re.compile(r"lesson\d|capstone-")
TOPIC_FIELDS = "name", "topic_id", "num_partitions", "replication_factor", "records", "end_offsets"


def lab_status() -> dict[str, Any]:
    """Return what runs in this lab, in any process.

    A process counts while it is alive, a broker while it answers, the page while it serves. The run
    file of a killed process is removed.

    Returns
    -------
    dict
        ``lab_dir``, ``state_dir``; ``bootstrap_servers`` (None while no broker answers);
        ``problem`` (what could not be asked, and why, or None); ``brokers`` (each with its
        ``state``: running, frozen or dead), ``faults`` (what is broken on purpose), ``topics``,
        ``groups``, ``workers``, ``partitions`` (lists of dicts); ``api`` (the page's address, or
        None).
    """
    config = load_config()
    status: dict[str, Any] = {
        "lab_dir": str(config.lab_dir),
        "state_dir": str(config.state_dir),
        "bootstrap_servers": None,
        "problem": None,
        "brokers": _own_brokers(),
        "faults": [one.model_dump() | {"in_words": one.description} for one in active_faults()],
        "topics": [],
        "groups": [],
        "workers": [_without_token(run) for run in everywhere() if run["kind"] != "broker"],
        "partitions": _partitions(),
        "api": _api(),
    }
    try:
        servers = bootstrap_servers()
        topics = list_topics()
        status["topics"] = [{name: getattr(one, name) for name in TOPIC_FIELDS} for one in topics]
        status["bootstrap_servers"] = servers
        status["groups"] = _groups(topics)
    except BrokerUnavailable as error:
        status["problem"] = error.what
    return status


def _without_token(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run file without the token in JupyterLab's address: a status may be shared."""
    return {**run, "url": run["url"].partition("?")[0]} if run.get("url") else run


def _own_brokers() -> list[dict[str, Any]]:
    """Return the nodes of the lab's cluster; dead ones too, while another is alive."""
    known = read_cluster()
    if known is None or not any(node.is_running for node in known.nodes):
        return []
    return [
        {
            "node_id": node.node_id,
            "address": node.address,
            "state": node.state,
            "pid": node.process.pid if node.process and node.is_running else None,
        }
        for node in known.nodes
    ]


def _groups(topics: list[Topic]) -> list[dict[str, Any]]:
    """Return each group's lag, from the offsets that it has committed."""
    ends = {
        (topic.name, partition): end
        for topic in topics
        for partition, end in topic.end_offsets.items()
    }
    found = []
    with cluster() as client:  # it asks each broker for the groups that it coordinates
        names = sorted(group["group_id"] for group in client.list_groups())
        for name, offsets in (client.list_group_offsets(names) if names else {}).items():
            lags: dict[str, int] = {}
            for place, committed in offsets.items():
                end = ends.get((place.topic, place.partition))
                if end is not None and committed.offset >= 0:
                    lags[place.topic] = lags.get(place.topic, 0) + max(0, end - committed.offset)
            found += [{"group_id": name, "topic": topic, "lag": lag} for topic, lag in lags.items()]
    return found


def _partitions() -> list[dict[str, Any]]:
    """Return the last status of each partition; ``stale`` if its writer has stopped."""
    places = {
        (run["data_dir"], run["topic"])
        for run in read_run_files()
        if run.get("data_dir") and run.get("topic")
    }
    config = load_config()
    places.add((str(config.data_path()), config.topic))
    now = datetime.now(UTC)
    return [
        {
            **status.model_dump(mode="json"),
            "data_dir": data_dir,
            "troubles": status.troubles,
            "stale": (now - status.updated_at).total_seconds() > STALE_AFTER_S,
        }
        for data_dir, topic in sorted(places)
        for status in read_progress(Path(data_dir), topic)
    ]


def _api() -> str | None:
    for run in read_run_files("api"):
        try:
            get_json(run.get("url", ""), "api/health")
        except (OSError, ValueError):
            continue
        return str(run["url"])
    return None


def _shortened(rows: list[list[object]], name_at: int, command: str) -> list[list[object]]:
    """Return a table's rows; those about topics of the lessons are one row if they are many."""
    of_lessons = [row for row in rows if _LESSON_TOPIC.match(str(row[name_at]))]
    if len(of_lessons) <= FEW_OF_LESSONS:
        return rows
    others = [row for row in rows if row not in of_lessons]
    return [*others, [f"{len(of_lessons)} of the lessons: {command}", "", ""]]


def status_view(status: dict[str, Any]) -> RenderableType:
    """Return the status for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    def shown(text: object) -> Text:
        return Text(visible(str(text)))  # no markup: a group may be called [red]

    head = Table.grid(padding=(0, 2))
    head.add_row("[bold]Lab[/]", shown(status["lab_dir"]))
    servers = status["bootstrap_servers"]
    said = [servers and f"Apache Kafka answers at {servers}", status["problem"]]
    head.add_row("[bold]Broker[/]", shown("; ".join(filter(None, said))))
    page = Text(status["api"], style="cyan") if status["api"] else "no API runs"
    head.add_row("[bold]Page[/]", page)
    parts: list[RenderableType] = [head]

    def add_table(headings: list[str], rows: list[list[object]]) -> None:
        if rows:
            table = Table(*headings, box=None, pad_edge=False, padding=(0, 2, 0, 0))
            for row in rows:
                table.add_row(*map(shown, row))
            parts.extend(["", table])

    nodes = status["brokers"]
    if len(nodes) > 1 or any(node["state"] != "running" for node in nodes):
        rows = [[one["node_id"], one["address"], one["pid"] or "", one["state"]] for one in nodes]
        add_table(["node", "address", "process", "state"], rows)
    add_table(["broken on purpose"], [[fault["in_words"]] for fault in status["faults"]])
    rows = []
    for topic in status["topics"]:
        records = "?" if topic["records"] is None else f"{topic['records']:,}"
        rows.append([topic["name"], topic["num_partitions"], records])
    add_table(["topic", "partitions", "records"], _shortened(rows, 0, "labkit topics list"))
    rows = [[one["group_id"], one["topic"], f"{one['lag']:,}"] for one in status["groups"]]
    all_groups = "labkit kafka kafka-consumer-groups --describe --all-groups"
    add_table(["consumer group", "topic", "lag"], _shortened(rows, 1, all_groups))
    rows = []
    for run in status["workers"]:
        since = datetime.fromtimestamp(run["started_at"]).astimezone().strftime("%H:%M:%S")
        rows.append([run["kind"], run["name"], run["pid"], run.get("topic", ""), since])
    add_table(["running", "name", "process", "topic", "since"], rows)
    if not status["workers"]:
        parts += ["", "No producer, consumer or API runs. Next: labkit up"]
    for partition in status["partitions"]:
        place = f"{partition['topic']} in {partition['data_dir']}"
        for trouble in partition["troubles"]:
            parts += ["", Text.assemble(("Trouble: ", "bold red"), shown(f"{place}: {trouble}"))]
        if gap := partition["gap_records"]:
            what = f"{gap:,} records of partition {partition['partition']}"
            parts += ["", shown(f"{place}: retention deleted {what} before they could be stored")]
    return Group(*parts)
