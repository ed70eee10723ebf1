"""Checks of the broker, with the same Kafka client as the rest of the lab."""

from __future__ import annotations

from labkit.broker.advertised_listeners import advertised
from labkit.broker.cluster_state import read_cluster
from labkit.broker.install.kafka_jars import KAFKA_VERSION, kafka_version
from labkit.broker.kafka_clients import bootstrap_servers, consumer
from labkit.core.config import LabConfig
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.tcp import connection_error
from labkit.core.wording import sentence
from labkit.diagnostics.machine_report import Check
from labkit.topics.topics import list_topics

CONNECT_TIMEOUT_S = 3.0


def broker(config: LabConfig) -> Check:
    """Check whether a broker answers: first its port, then Kafka's protocol."""
    name = "broker"
    try:
        servers = bootstrap_servers()
    except BrokerUnavailable as error:
        cluster = read_cluster()
        if cluster is not None and any(one.is_running for one in cluster.nodes):  # but frozen
            return Check(name, "broken", sentence(error.what), error.next_line)
        said = "None runs in this lab now; `labkit up` and `labkit broker start` start one."
        return Check(name, "ok", said)
    if all(connection_error(address, CONNECT_TIMEOUT_S) for address in servers.split(",")):
        named, advice = "", "labkit broker start"
        if config.bootstrap_servers:
            named = " (LABKIT_BOOTSTRAP_SERVERS)"
            advice = "start that cluster, or unset LABKIT_BOOTSTRAP_SERVERS"
        return Check(name, "broken", f"Nothing listens at {servers}{named}.", advice)
    try:
        topics = list_topics()
    except LabError as error:
        return Check(name, "broken", sentence(error.what), error.next_line)
    told = advertised(servers)
    elsewhere = ", ".join(told.unreachable)
    if told.unreachable and len(told.unreachable) < len(told.brokers):
        said = f"{servers} answers, and of its {len(told.brokers)} brokers nothing answers at "
        said += f"{elsewhere}: dead, or out of reach from here."
        return Check(name, "note", said, "labkit broker status")
    if told.unreachable:
        said = f"{servers} answers, and sends its clients on to {elsewhere}, where nothing does "
        said += "(advertised.listeners)."
        setting = f"advertised.listeners=PLAINTEXT://{servers.partition(',')[0]}"
        advice = f"{setting}   (in the broker's server.properties; then restart it)"
        return Check(name, "broken", said, advice)
    return Check(name, "ok", f"Apache Kafka answers at {servers}, with {len(topics)} topics.")


def versions() -> Check:
    """Check whether the broker's protocol version is that of the lessons' Kafka."""
    name = "versions"
    try:
        with consumer() as client:
            spoken = ".".join(map(str, client.config["api_version"]))
    except LabError:
        said = f"No broker is there to ask; the lab's own is Kafka {kafka_version()}."
        return Check(name, "ok", said)
    if not KAFKA_VERSION.startswith(f"{spoken}."):
        said = (
            f"The broker speaks the protocol of Kafka {spoken}, and the lessons are true of Kafka "
        )
        said += f"{KAFKA_VERSION}: some cells may behave otherwise."
        advice = "unset LABKIT_BOOTSTRAP_SERVERS   (the lab then starts its own broker)"
        return Check(name, "note", said, advice)
    said = f"The broker speaks the protocol of Kafka {spoken}, and kafka-python knows it."
    return Check(name, "ok", said)
