"""What a topic looks like, and the line to type where it differs; no cluster is asked."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable

import pytest

import labkit as lab
from labkit.core.errors import TopicConfigDiffers
from labkit.topics.topic_model import Partition, Topic
from labkit.topics.topic_refusals import (
    alter_line,
    config_text,
    refuse_differences,
    start_again_line,
)

LED = Partition(0, leader=1, replicas=(1, 2), isr=(1, 2), start_offset=10, end_offset=1210)
LEADERLESS = Partition(1, leader=None, replicas=(2, 1), isr=(), start_offset=None, end_offset=None)


def topic(*partitions: Partition, **config: str) -> Topic:
    return Topic("smoke", "mH5XNMcxSSGUe5-pUFPBMg", "cluster", False, partitions, config)


def test_a_topic_says_what_it_is_in_one_line() -> None:
    assert repr(topic(LED)) == "Topic('smoke', 1 partition × 2 replicas, 1,200 records)"


def test_a_topic_printed_is_a_table_of_its_partitions() -> None:
    first, ids, headings, *rows = str(topic(LED, LEADERLESS)).splitlines()
    assert first.startswith("Topic('smoke'")
    assert "mH5XNMcxSSGUe5-pUFPBMg" in ids
    assert headings.split("  ")[0] == "partition"
    assert [row.split() for row in rows] == [
        ["0", "1,200", "10", "1,210", "1", "1,", "2", "1,", "2"],
        ["1", "?", "?", "?", "?", "2,", "1"],
    ]


def test_in_a_notebook_a_name_cannot_become_markup() -> None:
    shown = dataclasses.replace(topic(LED), config={"x": "<script>"})._repr_html_()
    assert "<script>" not in shown
    assert shown.count("<tr>") == 4  # the records, and where they are stored


def test_records_are_not_known_while_a_partition_has_no_leader() -> None:
    assert topic(LED).records == 1200
    assert topic(LED, LEADERLESS).records is None
    assert topic(LED, LEADERLESS).end_offsets == {0: 1210, 1: None}


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (3_600_000, "3600000"), ("gzip", "gzip")]
)
def test_settings_are_written_as_kafka_writes_them(value: object, text: str) -> None:
    assert config_text(value) == text


def differences(**wishes: object) -> TopicConfigDiffers:
    wanted = {"num_partitions": None, "replication_factor": None, "asked_config": {}, **wishes}
    with pytest.raises(TopicConfigDiffers) as caught:
        refuse_differences(topic(LED, LEADERLESS), **wanted, effective={"retention.ms": "1"})
    return caught.value


def test_what_is_as_asked_or_was_not_asked_for_is_no_difference() -> None:
    refuse_differences(topic(LED), None, None, {}, {})
    refuse_differences(topic(LED), 1, 2, {"retention.ms": "1"}, {"retention.ms": "1"})


def test_every_difference_is_listed_with_the_line_that_resolves_them_all() -> None:
    error = differences(num_partitions=6, asked_config={"retention.ms": "2"})
    assert "num_partitions is 2, not 6" in error.what
    assert "retention.ms is 1, not 2" in error.what
    code, _, terminal = error.next_line.partition("   # in a terminal: ")
    call = ast.parse(code).body[0].value
    assert ast.unparse(call.func) == "lab.alter_topic"
    arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert arguments == {"num_partitions": 6, "config": {"retention.ms": "2"}}
    assert terminal == "labkit topics alter smoke --partitions 6 --config retention.ms=2"


@pytest.mark.parametrize("wish", [{"num_partitions": 1}, {"replication_factor": 3}])
def test_what_kafka_cannot_change_needs_a_new_topic(wish: dict[str, int]) -> None:
    next_line = differences(**wish).next_line
    assert next_line.startswith("lab.delete_topic('smoke'); lab.ensure_topic('smoke', ")
    assert "its records are lost" in next_line


def test_a_new_topic_keeps_what_was_not_asked_to_change() -> None:
    line = start_again_line(topic(LED, **{"retention.ms": "5"}), {"replication_factor": 1})
    assert "num_partitions=1, replication_factor=1, config={'retention.ms': '5'}" in line
    assert "its 1,200 records are lost" in line


def test_an_empty_topic_costs_nothing_to_start_again() -> None:
    empty = dataclasses.replace(LED, start_offset=7, end_offset=7)
    assert "lost" not in start_again_line(topic(empty), {"num_partitions": 1})


def test_the_line_for_a_terminal_is_a_command_that_exists() -> None:
    from typer.testing import CliRunner

    from labkit.cli import app

    line = alter_line(topic(LED), {"num_partitions": 3, "config": {"a": "b"}})
    words = line.partition("labkit ")[2].split()
    shown = CliRunner().invoke(app, [*words[:2], "--help"])
    assert shown.exit_code == 0
    assert all(word in shown.output for word in words if word.startswith("--"))


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (lab.ensure_topic, "client.create_topics("),
        (lab.alter_topic, "client.create_partitions("),
        (lab.alter_topic, "client.alter_configs("),
        (lab.delete_topic, "client.delete_topics("),
    ],
)
def test_the_source_of_a_topic_function_contains_the_kafka_call(
    function: Callable[..., object], call: str
) -> None:
    assert call in inspect.getsource(function)
