"""01 · The broker: one server, two addresses."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from labkit.broker import kafka_clients
from labkit.broker.advertised_listeners import Advertised, advertised
from labkit.broker.lesson_brokers.misadvertised_broker import find_second_broker
from labkit.core.errors import BrokerUnavailable
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import text
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic

TOOLS_TOPIC = "lesson01-by-tool"
DEAD_END = "127.0.0.1:9"


@exercise
def q1(told: Any) -> str:
    """Which address does the broker give its clients? Write `host:port`."""
    known, told = advertised().brokers, "".join(text(told).split())
    for node, address in known.items():
        if told == address:
            return f"Broker {node} tells each client: find me at {told}."
    if "://" in told:
        raise NotYet(
            f"`{told.partition('://')[0]}://` is a protocol or a listener's name. What a client is "
            "told, and connects to, is the host and the port alone."
        )
    host, colon, port = told.rpartition(":")
    if not (host and colon and port):
        raise NotYet(f"You said {told!r}. An address has two parts: a host, a colon and a port.")
    told_parts = {tuple(address.rsplit(":", 1)) for address in known.values()}
    if port in {one for _, one in told_parts}:
        raise NotYet(f"The port is right. The broker names its host in other words than {host!r}.")
    if host in {one for one, _ in told_parts}:
        raise NotYet(f"The host is right. {port!r} is not the port that the broker names.")
    raise NotYet(f"You said {told!r}. The broker names another host and another port.")


@exercise
def q2() -> str:
    """With Kafka's own tool, make a topic `lesson01-by-tool` with 2 partitions."""
    topic = existing_topic(TOOLS_TOPIC)
    if topic.num_partitions != 2:
        raise NotYet(
            f"`{TOOLS_TOPIC}` has {many(topic.num_partitions, 'partition')}: `--partitions` says "
            "how many. First delete the topic: with `--delete` in place of `--create`, and without "
            "`--partitions`."
        )
    return f"The cluster has `{TOOLS_TOPIC}` with 2 partitions, and its id is {topic.topic_id}."


@prediction(possible=("bootstrap", "advertised"), solution='ex.p1.predict("advertised")')
def p1() -> Observed:
    """A client is given the address where the second broker listens, and asks there.

    To which address does its next question go: 'bootstrap' or 'advertised'?
    """
    told = _second_broker()
    if told.leads_somewhere:
        raise NotAttempted(
            "The second broker advertises the address where it listens: there is nothing to tell "
            "apart. Run the cell that breaks it, and then this one."
        )
    (address,) = told.brokers.values()
    error = _error_of_a_question(told.bootstrap)
    if error is None:
        return Observed("bootstrap", f"A question to {told.bootstrap} was answered.")
    return Observed(
        "advertised",
        f"The broker answers at {told.bootstrap}, and says there: find me at {address}. A client "
        f"has just tried that, and failed with `{error}`.",
    )


@exercise
def q3() -> str:
    """Fix the second broker: restart it with an address that leads to it."""
    told = _second_broker()
    (address,) = told.brokers.values()
    if address == DEAD_END:
        raise NotAttempted(f"The second broker still sends its clients to {address}.")
    if not told.leads_somewhere:
        raise NotYet(
            f"It now sends its clients to {address}, and nothing answers there "
            f"({told.unreachable[address]})."
        )
    found = _cluster_at(address)
    if found != find_second_broker().cluster_id:
        what = "a broker of another cluster" if found else "a program that is not Kafka"
        raise NotYet(f"It now sends its clients to {address}, where {what} answers.")
    return f"A client asked at {told.bootstrap}, was sent to {address}, and got its answer there."


def _cluster_at(address: str) -> str | None:
    """Return the id of the cluster whose broker answers at an address."""
    try:
        with kafka_clients.admin(bootstrap_servers=address) as client:
            return str(client.describe_cluster()["cluster_id"])
    except (KafkaError, BrokerUnavailable):
        return None


def _second_broker() -> Advertised:
    try:
        return advertised(find_second_broker().bootstrap_servers)
    except BrokerUnavailable as error:
        msg = (
            "The second broker is not running: Kafka may have refused its last setting. Run the "
            "cell that starts it, and then this one."
        )
        raise NotAttempted(msg) from error


def _error_of_a_question(servers: str) -> str | None:
    """Ask a cluster something, as any client would, and return what went wrong."""
    with KafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=5_000) as client:
        try:
            client.describe_cluster()
        except KafkaError as error:
            return str(error)
    return None
