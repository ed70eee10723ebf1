"""``labkit service install|status|logs|uninstall``: the lab as services of a Linux server."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from labkit.cli import shared_options, terminal

commands = typer.Typer(
    no_args_is_help=True, help="Run the lab as services of a Linux server (systemd)."
)


@commands.command()
def install(
    site: Annotated[
        str, typer.Option(metavar="NAME", help="The name in the page's address.")
    ] = "localhost",
) -> None:
    """Install broker, consumer, producer, API and watch as systemd services, and start them.

    They run as the user labkit, restart when they end, and start with the machine. Settings are in
    /etc/labkit/labkit.env, readings in /var/lib/labkit. A nightly backup is part of it. TLS and
    the login are installed by deploy/install.sh, which calls this.

    Example: `labkit service install --site lab.example.org`
    """
    from labkit.pipeline.server.systemd_services import install as install_services

    terminal.say("Starting the services; the first time, Kafka is fetched first.")
    for path in install_services(site):
        terminal.say(f"  {path}")
    print("The services run. Next: labkit service status")


@commands.command()
def status(as_json: shared_options.Json = False) -> None:
    """Show the state of each service. The exit status is 0 only if all are active.

    Example: `labkit service status`
    """
    from dataclasses import asdict

    from rich.table import Table

    from labkit.pipeline.server.systemd_services import unit_states

    states = unit_states()
    if as_json:
        terminal.print_json([asdict(one) for one in states])
    else:
        table = Table(
            "service", "state", "restarts", "since", box=None, pad_edge=False, header_style="bold"
        )
        for one in states:
            table.add_row(one.name, one.state, one.restarts, one.since)
        terminal.console().print(table)
    if not all(one.is_active for one in states):
        raise typer.Exit(1)


@commands.command()
def logs(
    service: Annotated[
        str | None, typer.Argument(help="broker, consumer, producer, api, watch or backup.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
) -> None:
    """Show what the services wrote to the journal.

    Example: `labkit service logs consumer --lines 100`, or `labkit service logs -f`
    """
    from labkit.pipeline.server.systemd_services import log_command

    command = log_command(service, lines, follow)
    os.execvp(command[0], command)  # noqa: S606  # Ctrl-C and the exit status are journalctl's


@commands.command()
def uninstall(yes: shared_options.Yes = False) -> None:
    """Stop and remove the services. Readings, backups and settings are kept.

    Example: `labkit service uninstall`
    """
    from labkit.pipeline.server.systemd_services import uninstall as uninstall_services

    if not yes:
        typer.confirm("Stop the lab's services, and remove them?", abort=True)
    kept = uninstall_services()
    print("The services are removed.")
    if kept:
        terminal.say(f"Kept: {', '.join(map(str, kept))}. Delete them with rm -r if you want to.")
