"""01 · The broker: one server, two addresses."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from labkit.broker.advertised_listeners import Advertised, advertised
from labkit.broker.lesson_brokers.misadvertised_broker import find_second_broker
from labkit.core.errors import BrokerUnavailable
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import text, whole_number
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.topics.topic_metadata import ask_cluster

TOOLS_TOPIC = "lesson01-by-tool"


@exercise
def q1(told: Any) -> str:
    """At which address does the broker tell its clients to find it? Write `host:port`."""
    known, told = advertised().brokers, text(told)
    if told in known.values():
        node = next(number for number, address in known.items() if address == told)
        return f"Broker {node} tells each client: find me at {told}."
    if ":" not in told:
        raise NotYet(f"You said {told!r}. An address has two parts: a host, a colon and a port.")
    if "://" in told:
        raise NotYet(
            f"`{told}` begins with a listener's name. That is how the broker's settings are "
            "written; what a client is told, and connects to, is the host and the port alone."
        )
    raise NotYet(f"You said {told!r}, and the cluster names {', '.join(known.values())}.")


@exercise
def q2(controller: Any) -> str:
    """What is the node id of the active controller, the one that leads the others?"""
    controller = whole_number(controller)
    quorum = ask_cluster(lambda client: client.describe_metadata_quorum())
    (log,) = quorum["topics"][0]["partitions"]
    leader, epoch = log["leader_id"], log["leader_epoch"]
    if controller == leader:
        return (
            f"Node {leader} leads {many(len(log['current_voters']), 'controller')}, in epoch "
            f"{epoch}: a number that grows with each election."
        )
    seen = f"You said {controller}, and the cluster's metadata log is led by node {leader}"
    if controller == epoch:
        raise NotYet(f"{seen}. {epoch} is the epoch, a number that grows with each election.")
    raise NotYet(f"{seen}.")


@exercise
def q3() -> str:
    """With Kafka's own tool, make a topic `lesson01-by-tool` with 2 partitions."""
    topic = existing_topic(TOOLS_TOPIC)
    if topic.num_partitions != 2:
        raise NotYet(
            f"`{TOOLS_TOPIC}` has {many(topic.num_partitions, 'partition')}: `--partitions` "
            "says how many. The tool's `--delete` deletes the topic, so that you can try again."
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
def q4() -> str:
    """Fix the second broker: restart it with an address that leads to it."""
    told = _second_broker()
    (address,) = told.brokers.values()
    if not told.leads_somewhere:
        why = told.unreachable[address]
        if address == "127.0.0.1:9":
            raise NotAttempted(f"The second broker still sends its clients to {address}: {why}.")
        raise NotYet(
            f"It now sends its clients to {address}, and nothing answers there ({why}). It listens "
            f"at {told.bootstrap}."
        )
    error = _error_of_a_question(told.bootstrap)
    if error is not None:
        raise NotYet(f"Something answers at {address}, and a client's question failed: `{error}`.")
    if address != told.bootstrap:
        raise NotYet(
            f"A client that asks at {told.bootstrap} is sent to {address}, where another program "
            "answers: not this broker."
        )
    return f"A client asked at {told.bootstrap}, was sent to {address}, and got its answer there."


def _second_broker() -> Advertised:
    try:
        return advertised(find_second_broker().bootstrap_servers)
    except BrokerUnavailable as error:
        msg = "The second broker is not running: run the cell that starts it, then this one."
        raise NotAttempted(msg) from error


def _error_of_a_question(servers: str) -> str | None:
    """Ask a cluster something, as any client would, and return what went wrong."""
    with KafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=5_000) as client:
        try:
            client.describe_cluster()
        except KafkaError as error:
            return str(error)
    return None
