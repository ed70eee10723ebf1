"""``labkit connect start|status|stop``: Kafka Connect's distributed workers."""

from __future__ import annotations

from typing import Annotated

import typer

from labkit.cli import shared_options, terminal

commands = typer.Typer(
    name="connect",
    no_args_is_help=True,
    help="Kafka Connect's own workers, beside the lab's consumers.",
)


@commands.command()
def start(
    workers: Annotated[int, typer.Option(min=1, max=9, help="How many, each a process.")] = 2,
    group: Annotated[
        str, typer.Option("--group", metavar="G", help="The workers' group.")
    ] = "lab-connect",
) -> None:
    """Start Kafka Connect's workers, or find those of this lab; dead ones are started again.

    Each has a REST API on 127.0.0.1 only, and runs until `labkit connect stop` or `labkit down`.
    Connectors and offsets are in topics of the group, and outlive the workers.

    Example: `labkit connect start --workers 2`, then `labkit connect status`
    """
    from labkit.connect.connect import start_connect

    terminal.say("Starting Kafka Connect; the first time, its jars are fetched first (11 MB).")
    print(repr(start_connect(workers, group, keep=True)))


@commands.command()
def status(as_json: shared_options.Json = False) -> None:
    """Show the workers, and the tasks that run on each.

    The exit status is 0 if a worker runs, and 1 if none does.

    Example: `labkit connect status`
    """
    from labkit.connect.connect import find_connect
    from labkit.core.errors import LabError

    connect = find_connect()
    if connect is None:
        raise LabError("No worker of Kafka Connect runs in this lab.", "labkit connect start")
    tasks = connect.tasks
    if as_json:
        terminal.print_json(
            {
                "group_id": connect.group_id,
                "workers": [
                    {"worker": one.node_id, "url": f"http://{one.address}", "state": one.state}
                    for one in connect.workers
                ],
                "tasks": [vars(one) for one in tasks],
            }
        )
        return
    print(repr(connect))
    for one in tasks:
        print(f"{one.connector}, task {one.task}: {one.state} on worker {one.worker or '?'}")
    if not tasks:
        print("It has no connector yet.")


@commands.command()
def stop() -> None:
    """Stop the workers; the connectors stay in the group's topics for the next start.

    Example: `labkit connect stop`
    """
    from labkit.connect.connect import find_connect

    connect = find_connect()
    if connect is None:
        print("No worker of Kafka Connect runs in this lab.")
        return
    connect.stop()
    print(f"The workers of {connect.group_id} have stopped.")
