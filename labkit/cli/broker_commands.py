"""``labkit broker start|stop|status``: the lab's own Apache Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import shared_options, terminal
from labkit.cli.json_log import LogFormat

if TYPE_CHECKING:
    from labkit.broker.broker import Broker

commands = typer.Typer(
    name="broker",
    no_args_is_help=True,
    help="Start, stop, break and inspect the lab's own brokers.",
)


@commands.command()
def start(
    brokers: Annotated[
        int | None,
        typer.Option(
            min=1, max=9, help="How many brokers; by default as many as this lab has, or 1."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
    foreground: Annotated[
        bool,
        typer.Option("--foreground", help="Stay, and stop it on Ctrl-C or SIGTERM: for a service."),
    ] = False,
    log_format: shared_options.LogFormat = LogFormat.TEXT,
) -> None:
    """Start a real Apache Kafka on this machine, or find the one that this lab runs.

    Each node is broker and controller at once (KRaft; Kafka 4 has no ZooKeeper). It listens on
    127.0.0.1 only, and runs until `labkit broker stop` or `labkit down`. Dead nodes are started
    again.

    Example: `labkit broker start --port 9092`, or `labkit broker start --brokers 3`
    """
    from labkit.broker.broker import start_broker

    terminal.say("Starting Apache Kafka; the first time, its jars are fetched first.")
    if foreground:
        _stay_until_it_ends(brokers, port)
    else:
        print(repr(start_broker(brokers, port, keep=True)))


def _stay_until_it_ends(brokers: int | None, port: int) -> None:
    """Run the brokers until this process is told to stop; fail if one of them ends before."""
    from labkit.broker.broker import start_broker, stop_cluster
    from labkit.core.errors import BrokerUnavailable
    from labkit.core.stop_signals import stop_event
    from labkit.pipeline.server.systemd_notify import notify_ready

    stop = stop_event()
    broker = start_broker(brokers, port)
    print(repr(broker), flush=True)
    notify_ready()
    while broker.is_running and not stop.wait(0.5):
        pass
    ended_by_itself = not stop.is_set()
    stop_cluster()
    if ended_by_itself:
        raise BrokerUnavailable("A broker has ended", "labkit broker start --foreground   (again)")
    terminal.exit_as_asked(stop)


@commands.command()
def stop() -> None:
    """Stop the lab's own broker, for all who use it; its topics stay on disk for the next start.

    Example: `labkit broker stop`
    """
    from labkit.broker.broker import find_broker, stop_cluster

    broker = find_broker()
    if broker is None:
        print("No broker of this lab is running")
        return
    stop_cluster()
    print(f"The broker at {broker.bootstrap_servers} has stopped.")


Node = Annotated[int, typer.Argument(min=1, help="The node's number: 1, 2, 3.")]


@commands.command()
def kill(node: Node) -> None:
    """Kill one node of the cluster (SIGKILL), as a power cut would; the others go on.

    Example: `labkit broker kill 2`, then `labkit topics describe`: who leads now?
    """
    _own_broker().kill(node)
    print(f"Broker {node} is dead. Next: labkit broker restart {node}")


@commands.command()
def freeze(node: Node) -> None:
    """Freeze one node: it keeps its connections and answers nothing, like a machine that hangs.

    Example: `labkit broker freeze 2`
    """
    _own_broker().freeze(node)
    print(f"Broker {node} is frozen. Next: labkit broker thaw {node}")


@commands.command()
def thaw(node: Node) -> None:
    """Resume a frozen node; it catches up with what it has missed.

    Example: `labkit broker thaw 2`
    """
    _own_broker().thaw(node)
    print(f"Broker {node} goes on.")


@commands.command()
def restart(node: Node) -> None:
    """Stop one node cleanly and start it again on its port; start it if it was dead.

    Example: `labkit broker restart 2`
    """
    broker = _own_broker()
    broker.restart(node)
    print(repr(broker))


def _own_broker() -> Broker:
    """Return the lab's own cluster, even if all its nodes are dead."""
    from labkit.broker.broker import Broker
    from labkit.broker.cluster_state import cluster_dir, read_cluster
    from labkit.core.config import load_config
    from labkit.core.errors import BrokerUnavailable

    servers = load_config().bootstrap_servers
    if servers:
        return Broker(servers, "")  # its methods raise that it is not the lab's own
    cluster = read_cluster()
    if cluster is None:
        raise BrokerUnavailable("This lab has no cluster yet.", "labkit broker start --brokers 3")
    return Broker(cluster.bootstrap_servers, cluster.cluster_id, cluster_dir())


@commands.command()
def status() -> None:
    """Show the brokers' address, version and processes, and which are dead or frozen.

    The exit status is 0 if a broker runs, and 1 if none does.

    Example: `labkit broker status`
    """
    from labkit.broker.broker import find_broker
    from labkit.core.errors import BrokerUnavailable

    broker = find_broker()
    if broker is None:
        raise BrokerUnavailable("No broker of this lab is running", "labkit broker start")
    print(repr(broker))
