"""What the lab's promise is worth: ``check`` and ``soak``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import shared_options, terminal
from labkit.cli.lab_commands import seconds

PANEL = "Break and prove"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (check, soak):
        app.command(rich_help_panel=PANEL)(command)


def check(
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the faults that went before: it is named at the end.")
    ] = None,
    as_json: shared_options.Json = False,
) -> None:
    """Compare topic, CSV, dead letters and the producers' journals, record by record.

    Nothing lost, nothing doubled, nothing out of order, and each row what its record is. Where
    that is not so, one record of each kind is shown to follow. The exit status is 0 only where
    the promise holds.

    Example: `labkit check`
    """
    from labkit.checker.checker import check_pipeline

    found = check_pipeline(terminal.topic_name(topic), terminal.data_folder(data), seed=seed)
    if as_json:
        terminal.print_json(found.model_dump(mode="json"))
    else:
        terminal.console().print(found.view())
    if not found.holds:
        raise typer.Exit(1)


def soak(
    run_for: Annotated[
        float, typer.Option("--for", metavar="10m", parser=seconds, help="How long: 30s, 10m, 1h.")
    ] = 600.0,
    seed: Annotated[int, typer.Option(help="Same seed, same faults in the same order.")] = 7,
    workers: Annotated[int, typer.Option(min=1, help="How many consumers.")] = 3,
    rate: Annotated[float, typer.Option(min=0.1, help="Readings per second.")] = 100.0,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the report goes, as JSON.")
    ] = Path("artifacts/soak.json"),
) -> None:
    """Break the whole pipeline again and again for minutes, and prove that nothing was lost.

    Three brokers, a producer, consumers and the API in a lab of their own, which touches nothing
    of yours. Fault upon fault from `labkit break --list` (without those that destroy records by
    definition), each mended and timed until records flow again. Ctrl-C ends it early, with the
    verdict. The exit status is 0 only where nothing was lost or doubled and every fault was got
    over.

    Example: `labkit soak --for 10m --seed 7`
    """
    from labkit.core.shutdown import stop_event
    from labkit.pipeline.soak import SoakOptions, run_soak

    stop = stop_event()
    began = time.monotonic()
    err = terminal.console(stderr=True)
    with err.status("Soaking ...") as clock:

        def say(text: str) -> None:
            elapsed = time.strftime("%M:%S", time.gmtime(time.monotonic() - began))
            err.print(f"{elapsed}  {text}", markup=False, soft_wrap=True)
            clock.update(text[:80])

        report = run_soak(SoakOptions(run_for, seed, workers, rate), stop, say)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(report.model_dump_json(indent=2), encoding="utf-8")
    terminal.console().print(report.view())
    terminal.say(f"Written to {out}")
    if not report.passed:
        raise typer.Exit(1)
    terminal.exit_as_asked(stop)
