"""What is so: ``status``, ``ledger``, ``doctor``. None of them changes anything."""

from __future__ import annotations

import typer

from labkit.cli import options, terminal

PANEL = "Look"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (status, ledger, doctor):
        app.command(rich_help_panel=PANEL)(command)


def status(as_json: options.Json = False) -> None:
    """Show what runs in this lab, in any terminal or notebook: broker, topics, stages, page.

    Every process is asked whether it is alive, and the broker whether it answers.

    Example: `labkit status --json`
    """
    from labkit.status import lab_status, status_view

    found = lab_status()
    if as_json:
        terminal.print_json(found)
    else:
        terminal.console().print(status_view(found))


def ledger(
    topic: options.Topic = None, data: options.Data = None, as_json: options.Json = False
) -> None:
    """Weigh the CO₂ at every stage: emitted, acknowledged, in the topic, in the CSV, served.

    All five must agree to the gram. Less is unreported: lost, or still on its way. More is
    phantom: a record that was stored twice. The exit status is 1 where they differ.

    Example: `labkit ledger`
    """
    from labkit.ledger import carbon_ledger

    found = carbon_ledger(terminal.topic_name(topic), terminal.data_folder(data))
    if as_json:
        terminal.print_json(found.model_dump(mode="json"))
    else:
        print(found)
    if not found.agrees:
        raise typer.Exit(1)


def doctor(as_json: options.Json = False) -> None:
    """Check this machine: Python, Java, Kafka's jars, ports, disk, and what runs.

    Each check is one sentence, with the next line to type where something is amiss. The exit
    status is 1 only where something keeps the lab from working.

    Example: `labkit doctor`
    """
    from labkit.doctor import examine, report

    checks = examine()
    if as_json:
        terminal.print_json([check.model_dump(mode="json") for check in checks])
    else:
        terminal.console().print(report(checks))
    if any(check.verdict == "broken" for check in checks):
        raise typer.Exit(1)
