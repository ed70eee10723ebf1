"""Lesson 01's checks on real brokers: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.core.errors import TopicNotFound
from labkit.exercises import lesson_01 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.topics.topic_metadata import ask_cluster

CORRECT, NOT_YET, NOT_ATTEMPTED = Outcome.CORRECT, Outcome.NOT_YET, Outcome.NOT_ATTEMPTED
DEAD_END = "PLAINTEXT://127.0.0.1:9"


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topic, on the session's broker."""
    try:
        lab.delete_topic(ex.TOOLS_TOPIC)
    except TopicNotFound:
        return


def test_q1_the_address_that_clients_are_told(bootstrap_servers: str) -> None:
    host, _, port = bootstrap_servers.partition(":")
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q1, NOT_YET, int(port), says="The answer is text")
    expect(ex.q1, NOT_YET, f"PLAINTEXT://{bootstrap_servers}", says="listener's name")
    expect(ex.q1, NOT_YET, f"{host}:9", says=f"the cluster names {bootstrap_servers}")
    cluster = ask_cluster(lambda client: client.describe_cluster())
    expect(ex.q1, CORRECT, solve(ex.q1, cluster=cluster)["told"], says=bootstrap_servers)


def test_q2_the_node_that_leads_the_controllers() -> None:
    expect(ex.q2, NOT_ATTEMPTED, ..., says="three dots")
    expect(ex.q2, NOT_YET, "1", says="quotation marks")
    expect(ex.q2, NOT_YET, 0, says="led by node 1")
    expect(ex.q2, CORRECT, solve(ex.q2)["controller"], says="leads 1 controller,")


def test_q3_a_topic_made_with_kafkas_own_tool() -> None:
    expect(ex.q3, NOT_ATTEMPTED, says="no topic `lesson01-by-tool`")
    lab.ensure_topic(ex.TOOLS_TOPIC, num_partitions=1)
    expect(ex.q3, NOT_YET, says="has 1 partition:")
    lab.fresh_topic(ex.TOOLS_TOPIC, num_partitions=3)
    expect(ex.q3, NOT_YET, says="has 3 partitions:")
    lab.delete_topic(ex.TOOLS_TOPIC)
    _, *arguments = shlex.split(ex.q3.solution_code.removeprefix("!"))  # as a terminal has it
    done = subprocess.run([sys.executable, "-m", "labkit", *arguments], capture_output=True)
    assert done.returncode == 0, done
    expect(ex.q3, CORRECT, says="with 2 partitions")


def test_p1_a_client_goes_where_it_is_told() -> None:
    expect_revealed(ex.p1, "advertised", NOT_ATTEMPTED, says="is not running")
    with lab.start_second_broker(DEAD_END) as second:
        expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says="find me at 127.0.0.1:9")
        expect_revealed(ex.p1, "bootstrap", NOT_YET, says="You said 'bootstrap'")
        expect_revealed(ex.p1, "advertised", CORRECT, says="KafkaConnectionError")
        second.restart()
        expect_revealed(ex.p1, "advertised", NOT_ATTEMPTED, says="nothing to tell apart")


def test_q4_a_broker_that_says_where_it_is(bootstrap_servers: str) -> None:
    expect(ex.q4, NOT_ATTEMPTED, says="is not running")
    with lab.start_second_broker(DEAD_END) as second:
        expect(ex.q4, NOT_ATTEMPTED, says="still sends its clients to 127.0.0.1:9")
        second.restart("PLAINTEXT://127.0.0.1:10")
        expect(ex.q4, NOT_YET, says=f"It listens at {second.bootstrap_servers}")
        second.restart(f"PLAINTEXT://{bootstrap_servers}")
        expect(ex.q4, NOT_YET, says="not this broker")
        solve(ex.q4, second=second)
        expect(ex.q4, CORRECT, says="got its answer there")
