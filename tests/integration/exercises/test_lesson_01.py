"""Lesson 01's checks on real brokers: blank, solved, and wrong in the ways one is wrong."""

from __future__ import annotations

import http.server
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from marking import expect, expect_revealed, solve

import labkit as lab
from labkit.broker.lesson_brokers.misadvertised_broker import SecondBroker
from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.exercises import lesson_01 as ex
from labkit.exercises.engine.outcome import Outcome
from labkit.topics.topic_metadata import ask_cluster

CORRECT, NOT_YET, NOT_ATTEMPTED = Outcome.CORRECT, Outcome.NOT_YET, Outcome.NOT_ATTEMPTED
DEAD_END = f"PLAINTEXT://{ex.DEAD_END}"


@pytest.fixture(autouse=True)
def fresh(lab_dir: Path, bootstrap_servers: str) -> None:
    """Begin each test without the lesson's topic, on the session's broker."""
    try:
        lab.delete_topic(ex.TOOLS_TOPIC)
    except TopicNotFound:
        return


@pytest.fixture
def second(lab_dir: Path) -> Iterator[SecondBroker]:
    """Start the second broker as the lesson does."""
    with lab.start_second_broker(DEAD_END) as broker:
        yield broker


@pytest.fixture
def web_server() -> Iterator[str]:
    """Return the address of a program that listens and is not Kafka."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run_lines(code: str) -> None:
    """Run a cell's lines that begin with an exclamation mark, as a terminal has them."""
    for line in code.splitlines():
        _, *arguments = shlex.split(line.removeprefix("!"))
        done = subprocess.run([sys.executable, "-m", "labkit", *arguments], capture_output=True)
        assert done.returncode == 0, done


def test_q1_the_address_that_clients_are_told(bootstrap_servers: str) -> None:
    host, _, port = bootstrap_servers.partition(":")
    expect(ex.q1, NOT_ATTEMPTED, ..., says="three dots")
    cluster = ask_cluster(lambda client: client.describe_cluster())
    expect(ex.q1, CORRECT, solve(ex.q1, cluster=cluster)["told"], says=bootstrap_servers)
    expect(ex.q1, CORRECT, f"{host}:{port}", says="find me at")
    expect(ex.q1, CORRECT, f" {host}: {port}\n", says="find me at")


def test_q1_says_what_is_missing_and_not_the_answer(bootstrap_servers: str) -> None:
    host, _, port = bootstrap_servers.partition(":")
    wrong = {
        f"PLAINTEXT://{bootstrap_servers}": "`PLAINTEXT://` is a protocol or a listener's name",
        f"http://{bootstrap_servers}": "`http://` is a protocol",
        f"{host}:9": "The host is right. '9' is not the port",
        f"localhost:{port}": "The port is right. The broker names its host in other words",
        host: "An address has two parts",
        port: "An address has two parts",
        "kafka:9092": "another host and another port",
    }
    for answer, says in wrong.items():
        told = expect(ex.q1, NOT_YET, answer, says=says)
        assert bootstrap_servers not in told.message.replace(answer, "")
    expect(ex.q1, NOT_YET, int(port), says="The answer is text")
    expect(ex.q1, NOT_YET, (host, int(port)), says="You gave a tuple")


def test_q2_a_topic_made_with_kafkas_own_tool() -> None:
    expect(ex.q2, NOT_ATTEMPTED, says="no topic `lesson01-by-tool`")
    lab.ensure_topic(ex.TOOLS_TOPIC, num_partitions=1)
    expect(ex.q2, NOT_YET, says="has 1 partition:")
    lab.fresh_topic(ex.TOOLS_TOPIC, num_partitions=3)
    expect(ex.q2, NOT_YET, says="has 3 partitions: `--partitions` says how many. First delete")
    run_lines(ex.q2.solution_code)  # right also after something else
    expect(ex.q2, CORRECT, says="with 2 partitions")


def test_q2_may_be_solved_in_other_ways() -> None:
    run_lines("!labkit kafka kafka-topics --create --topic lesson01-by-tool --partitions 1")
    run_lines("!labkit kafka kafka-topics --alter --topic lesson01-by-tool --partitions 2")
    expect(ex.q2, CORRECT, says="with 2 partitions")
    lab.fresh_topic(ex.TOOLS_TOPIC, num_partitions=2)  # a topic does not say who made it
    expect(ex.q2, CORRECT, says="with 2 partitions")
    run_lines("!labkit kafka kafka-topics --delete --topic lesson01-by-tool")
    expect(ex.q2, NOT_ATTEMPTED, says="no topic `lesson01-by-tool`")
    run_lines("!labkit kafka kafka-topics --create --topic lesson01-by-tools --partitions 2")
    expect(ex.q2, NOT_ATTEMPTED, says="no topic `lesson01-by-tool`")  # a letter too many


def test_p1_a_client_goes_where_it_is_told() -> None:
    expect_revealed(ex.p1, "advertised", NOT_ATTEMPTED, says="is not running")
    with lab.start_second_broker(DEAD_END) as second:
        expect_revealed(ex.p1, ..., NOT_ATTEMPTED, says="find me at 127.0.0.1:9")
        expect_revealed(ex.p1, "bootstrap", NOT_YET, says="You said 'bootstrap'")
        expect_revealed(ex.p1, "advertised", CORRECT, says="KafkaConnectionError")
        assert "'bootstrap' or 'advertised'" in ex.p1.predict("the second").message
        second.restart(f"PLAINTEXT://{second.bootstrap_servers}")
        expect_revealed(ex.p1, "advertised", NOT_ATTEMPTED, says="nothing to tell apart")


def test_q3_an_address_that_does_not_lead_to_the_broker(
    second: SecondBroker, bootstrap_servers: str, web_server: str
) -> None:
    expect(ex.q3, NOT_ATTEMPTED, says="still sends its clients to 127.0.0.1:9")
    second.restart()  # changes no setting
    expect(ex.q3, NOT_ATTEMPTED, says="still sends its clients to 127.0.0.1:9")
    with pytest.raises(BrokerUnavailable, match="begins with the listener's name"):
        second.restart(advertised_listeners=second.bootstrap_servers)  # goes on as it was
    expect(ex.q3, NOT_ATTEMPTED, says="still sends its clients to 127.0.0.1:9")
    second.restart("PLAINTEXT://127.0.0.1:10")
    told = expect(ex.q3, NOT_YET, says="127.0.0.1:10, and nothing answers there")
    assert second.bootstrap_servers not in told.message
    second.restart("PLAINTEXT://no-such-host.invalid:9092")
    expect(ex.q3, NOT_YET, says="nothing answers there")
    second.restart(f"PLAINTEXT://{bootstrap_servers}")
    expect(ex.q3, NOT_YET, says="a broker of another cluster answers")
    second.restart(f"PLAINTEXT://{web_server}")
    expect(ex.q3, NOT_YET, says="a program that is not Kafka answers")
    second.stop()
    expect(ex.q3, NOT_ATTEMPTED, says="is not running: Kafka may have refused its last setting")


def test_q3_any_address_that_leads_to_it_is_right(second: SecondBroker) -> None:
    port = second.bootstrap_servers.partition(":")[2]
    second.restart("PLAINTEXT://127.0.0.1:10")
    solve(ex.q3, second=second)  # right also after something else
    expect(ex.q3, CORRECT, says="got its answer there")
    for host in ("localhost", "LOCALHOST"):
        second.restart(f"PLAINTEXT://{host}:{port}")
        expect(ex.q3, CORRECT, says=f"{host}:{port}, and got its answer there")
    lab.start_second_broker()  # by default it advertises the address where it listens
    expect(ex.q3, CORRECT, says="got its answer there")
