"""What the lab's promise is worth: ``check`` and ``soak``."""

from __future__ import annotations

from typing import Annotated

import typer

from labkit.cli import options, terminal

PANEL = "Break and prove"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (check,):
        app.command(rich_help_panel=PANEL)(command)


def check(
    topic: options.Topic = None,
    data: options.Data = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the faults that went before: it is named at the end.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Compare topic, CSV, dead letters and the producers' journals, record by record.

    Nothing lost, nothing doubled, nothing out of order, and each row what its record is. Where
    that is not so, one record of each kind is shown to follow. The exit status is 0 only where
    the promise holds.

    Example: `labkit check`
    """
    from labkit.checker import check_pipeline

    found = check_pipeline(terminal.topic_name(topic), terminal.data_folder(data), seed=seed)
    if as_json:
        terminal.print_json(found.model_dump(mode="json"))
    else:
        terminal.console().print(found.view())
    if not found.holds:
        raise typer.Exit(1)
