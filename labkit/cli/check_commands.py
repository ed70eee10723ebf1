"""Verify the lab's promise of exactly-once: ``check`` and ``soak``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import shared_options, terminal
from labkit.cli.lab_commands import seconds


def check(
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
    seed: Annotated[
        int | None, typer.Option(help="The seed of earlier faults, to print in the result.")
    ] = None,
    as_json: shared_options.Json = False,
) -> None:
    """Compare topic, CSV, dead letters and the producers' delivery logs, record by record.

    No record may be lost, stored twice or out of order, and each row must equal its record. For
    each violation one example record is shown. The exit status is 0 only if all of this holds.

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
    seed: Annotated[
        int, typer.Option(help="The same seed makes the same faults in the same order.")
    ] = 7,
    workers: Annotated[int, typer.Option(min=1, help="How many consumers.")] = 3,
    rate: Annotated[float, typer.Option(min=0.1, help="Readings per second.")] = 100.0,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the report goes, as JSON.")
    ] = Path("artifacts/soak.json"),
) -> None:
    """Break the whole pipeline repeatedly for minutes, and verify that no record was lost.

    It runs three brokers, a producer, consumers and the API in a separate lab, which does not
    affect yours. It injects the faults of `labkit break --list` (except those that destroy records
    by definition), and measures the time until records flow again. Ctrl-C ends it early, with the
    result. The exit status is 0 only if no record was lost or stored twice and the pipeline
    recovered from every fault.

    Example: `labkit soak --for 10m --seed 7`
    """
    from labkit.core.stop_signals import stop_event
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
