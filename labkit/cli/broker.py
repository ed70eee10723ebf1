"""``labkit broker start|stop|status``: the lab's own Apache Kafka."""

from __future__ import annotations

from typing import Annotated

import typer

from labkit.cli import terminal

commands = typer.Typer(no_args_is_help=True, help="Start, stop and look at the lab's own broker.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(commands, name="broker", rich_help_panel="Apache Kafka")


@commands.command()
def start(
    brokers: Annotated[
        int | None,
        typer.Option(
            min=1, max=9, help="How many brokers; by default as many as this lab has, or 1."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
) -> None:
    """Start a real Apache Kafka on this machine, or find the one that this lab runs.

    One node is broker and controller at once (KRaft; Kafka 4 has no ZooKeeper). It listens on
    127.0.0.1 only, and runs until `labkit broker stop` or `labkit down`.

    Example: `labkit broker start --port 9092`
    """
    from labkit.broker import start_broker

    terminal.say("Starting Apache Kafka; the first time, its jars are fetched first.")
    print(repr(start_broker(brokers, port, keep=True)))


@commands.command()
def stop() -> None:
    """Stop the lab's own broker; its topics stay on disk for the next start.

    Example: `labkit broker stop`
    """
    from labkit.broker import find_broker

    broker = find_broker()
    if broker is None:
        print("No broker of this lab is running.")
        return
    broker.stop()
    print(f"The broker at {broker.bootstrap_servers} has stopped.")


@commands.command()
def status() -> None:
    """Show where the broker answers, its version, its process and its data folder.

    The exit status is 0 where one answers, and 1 where none does.

    Example: `labkit broker status`
    """
    from labkit.broker import find_broker
    from labkit.errors import BrokerUnavailable

    broker = find_broker()
    if broker is None:
        raise BrokerUnavailable("No broker of this lab is running.", "labkit broker start")
    print(repr(broker))
