"""Problems with connections: no broker, a wrong address, a taken port, no Docker."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from typing import Any

import psutil

from labkit.core.errors import LabError
from labkit.core.tcp import connection_error
from labkit.core.wording import sentence
from labkit.diagnostics import known_problems
from labkit.diagnostics.error_card.traceback_reader import CLIENTS, Trace
from labkit.diagnostics.known_problems import Answer

DEFAULT_PORT = 9092
CONNECT_TIMEOUT_S = 1.0
WSAEADDRINUSE = 10048
_WAITED = "KafkaTimeoutError", "KafkaConnectionError", "NodeNotReadyError", "RequestTimedOutError"


def unreachable(trace: Trace) -> Answer | None:
    """Answer a timeout: no broker is there, or it advertises an address without one."""
    # A producer's request for its id raises a plain KafkaError, with the reason in its text.
    waited = trace.is_a(*_WAITED) or (trace.is_kafka_error and _WAITED[-1] in str(trace.error))
    if not (waited or trace.is_interrupted_client):
        return None
    client = trace.client or _one_client(trace)
    servers = _bootstrap(trace, client)
    if not servers:
        return None
    if all(connection_error(one, CONNECT_TIMEOUT_S) for one in servers):
        kind = type(client).__name__ if client is not None else "KafkaProducer"
        topics = trace.local("topics", "kafka.consumer.group") or ()
        given = [*map(repr, topics), "bootstrap_servers=lab.start_broker().bootstrap_servers"]
        return known_problems.UNREACHABLE.answer(
            f"Nothing listens at {', '.join(servers)}: no broker runs there, or it has another "
            "port.",
            f"{kind}({', '.join(given)})",
        )
    return _dead_or_frozen(trace, servers) or _misadvertised(trace, client, servers)


def _dead_or_frozen(trace: Trace, servers: list[str]) -> Answer | None:
    """Answer which of the lab's brokers are dead or frozen, if they caused the timeout."""
    from labkit.broker.cluster_state import read_cluster

    cluster = read_cluster()
    if cluster is None or not {one.address for one in cluster.nodes} & set(servers):
        return None
    by_state: dict[str, list[int]] = {"running": [], "frozen": [], "dead": []}
    for one in cluster.nodes:
        by_state[one.state].append(one.node_id)
    asks_only = "Failed to update metadata" in str(trace.error)  # for which a majority is enough
    if asks_only and len(by_state["running"]) >= cluster.majority:
        return None
    for state, mend in (("frozen", "labkit broker thaw {}"), ("dead", "lab.start_broker()")):
        if by_state[state]:
            who = " and ".join(map(str, by_state[state]))
            verb = "is" if len(by_state[state]) == 1 else "are"
            return known_problems.UNREACHABLE.answer(
                f"Of this lab's brokers, {who} {verb} {state}: what they lead, or must take part "
                "in, waits for them.",
                mend.format(by_state[state][0]),
            )
    return None


def _misadvertised(trace: Trace, client: Any, servers: list[str]) -> Answer | None:
    """Answer advertised addresses where nothing listens; None if all are fine."""
    if client is not None:
        from labkit.broker.kafka_clients import refusal

        refused = refusal(",".join(servers), client.config)
        if refused is not None:
            said, line = in_client_words(refused.what), in_client_words(refused.next_line)
            return known_problems.UNREACHABLE.answer(sentence(said), line)
        if client.config.get("security_protocol") != "PLAINTEXT":
            return None
    from labkit.broker.advertised_listeners import advertised

    try:
        told = advertised(",".join(servers))
    except LabError as error:
        return known_problems.UNREACHABLE.answer(f"{error.what}.", "lab.doctor()")
    if told.leads_somewhere:
        return None
    asked, elsewhere = told.bootstrap, ", ".join(told.unreachable)
    if len(told.unreachable) < len(told.brokers):
        return known_problems.UNREACHABLE.answer(
            f"{asked} answers, and says that there are brokers at {elsewhere}, where nothing does: "
            "they are dead, or out of reach from here.",
            "lab.doctor()",
        )
    return known_problems.ADVERTISED.answer(
        f"The broker answers at {asked} and sends its clients on to {elsewhere} "
        "(`advertised.listeners`), where nothing answers.",
        _listeners_line(trace, asked.partition(",")[0]),
    )


def in_client_words(text: str) -> str:
    """Return a sentence or a line to type with a client's own settings, not those of the lab."""
    text = re.sub(
        r"^read -rs LABKIT_(\w+) && export \w+",
        lambda found: f"{found[1].lower()}=getpass.getpass()",
        text,
    )
    text = re.sub(
        r"^export LABKIT_(\w+)=(\S+)", lambda found: f'{found[1].lower()}="{found[2]}"', text
    )
    return re.sub(r"LABKIT_([A-Z_]+)", lambda found: found[1].lower(), text)


def _listeners_line(trace: Trace, address: str) -> str:
    for thing in list(trace.variables.values()):
        if type(thing).__name__ == "SecondBroker" and thing.bootstrap_servers == address:
            name = trace.name_of(thing)
            return f"{name}.bootstrap_servers   (where it listens: what it tells must lead there)"
    setting = f"advertised.listeners=PLAINTEXT://{address}"
    return f"{setting}   (in the broker's server.properties; then restart it)"


def _one_client(trace: Trace) -> Any:
    """Return a Kafka client of the notebook; None if its clients use several clusters."""
    found = [one for one in list(trace.variables.values()) if type(one).__name__ in CLIENTS]
    clusters = {tuple(_addresses(one.config["bootstrap_servers"])) for one in found}
    return found[-1] if len(clusters) == 1 else None


def _bootstrap(trace: Trace, client: Any) -> list[str]:
    """Return the bootstrap addresses, from the client or from the error's text."""
    if client is not None:
        return _addresses(client.config["bootstrap_servers"])
    said = re.search(r"Unable to bootstrap from \[?([^]]+)", str(trace.error))
    return _addresses(said[1].replace("'", "")) if said else []


def _addresses(servers: str | Iterable[str]) -> list[str]:
    """Read addresses as the client does: a string or a list, with port 9092 as default."""
    parts = servers.split(",") if isinstance(servers, str) else list(map(str, servers))
    return [
        one.strip() if one.strip().rpartition(":")[2].isdigit() else f"{one.strip()}:{DEFAULT_PORT}"
        for one in parts
        if one.strip()
    ]


def port_taken(trace: Trace) -> Answer | None:
    """Answer a program that could not listen on its port."""
    error = trace.error
    if not isinstance(error, OSError) or error.errno not in (errno.EADDRINUSE, WSAEADDRINUSE):
        return None
    port = _port(trace)
    named = f"Port {port}" if port else "That port"
    by_flask = trace.passed("werkzeug") or trace.passed("socketserver")
    return known_problems.PORT_TAKEN.answer(
        f"{named} of this machine is taken{_by_whom(port)}; port 0 means any free one.",
        "app.run(port=0)" if by_flask else "port = 0   (the system then gives a free one)",
    )


def _port(trace: Trace) -> int | None:
    for frame in reversed(trace.frames):
        for name in ("port", "address", "server_address", "sa"):
            value = frame.f_locals.get(name)
            value = value[1] if isinstance(value, tuple) and len(value) > 1 else value
            if isinstance(value, int) and 0 < value < 65_536:
                return value
        server = frame.f_locals.get("self")
        address = getattr(server, "server_address", None)
        if isinstance(address, tuple) and len(address) > 1 and isinstance(address[1], int):
            return address[1]
    return None


def _by_whom(port: int | None) -> str:
    """Return which program listens on a port; empty if this user may not know."""
    try:
        found = psutil.net_connections("tcp") if port else []
        for one in found:
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port:
                return f" by {psutil.Process(one.pid).name()} (pid {one.pid})" if one.pid else ""
    except (psutil.Error, OSError):  # macOS shows other programs' sockets to root only
        pass
    return ""


def no_docker(trace: Trace) -> Answer | None:
    """Answer a Docker engine that does not run, and an image that does not exist."""
    error = trace.error
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    said = str(error).lower()
    if "docker.errors.ImageNotFound" in kinds or (
        "docker.errors.APIError" in kinds and ("manifest" in said or "pull access denied" in said)
    ):
        return known_problems.DOCKER.answer(
            "There is no such image, or none for this processor; Apache Kafka's own is made for "
            "x86-64 and ARM, and the lab needs no image at all.",
        )
    is_missing = isinstance(error, FileNotFoundError) and error.filename in ("docker", "docker.exe")
    is_dockers = is_missing or "docker.errors.DockerException" in kinds
    return known_problems.DOCKER.answer() if is_dockers else None
