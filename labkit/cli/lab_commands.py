"""The lab as a whole: ``up``, ``lab``, ``down``, ``reset``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import shared_options, terminal

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Read a length of time: 30s, 2m, 1h, or a plain number of seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None or float(match[1]) == 0:
        msg = f"{text!r} is not a length of time; write 30s or 2m"
        raise typer.BadParameter(msg)
    return float(match[1]) * _SECONDS[match[2] or "s"]


def up(
    run_for: Annotated[
        float | None,
        typer.Option(
            "--for", metavar="30s", parser=seconds, help="Stop after this time: 30s, 2m, 1h."
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Readings per second.")] = 20.0,
    seed: shared_options.Seed = 7,
    faults: shared_options.Faults = 0.0,
    clock: shared_options.Clock = None,
    workers: shared_options.Workers = 1,
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
    port: shared_options.Port = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open the page in a browser.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="At the end, one JSON document; progress on stderr.")
    ] = False,
) -> None:
    """Run the whole pipeline in this terminal: broker, producer, consumer, API and web page.

    It shows each stage live. Ctrl-C stops them in an order that loses nothing: first the producer,
    then the consumer once it has caught up, then the page and the broker.

    Example: `labkit up --clock 144`, a simulated day in ten minutes
    Example: `labkit up --rate 50`, or `labkit up --for 30s --no-browser --json`
    """
    from labkit.pipeline.pipeline import UpOptions
    from labkit.pipeline.up import run_up

    wishes = UpOptions(
        run_for_s=run_for,
        readings_per_s=rate,
        seed=seed,
        faults=faults,
        clock=clock,
        workers=workers,
        topic=terminal.topic_name(topic),
        data_dir=terminal.data_folder(data),
        port=port,
        open_browser=not no_browser and not as_json,
        as_json=as_json,
    )
    raise typer.Exit(run_up(wishes))


def lab(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A folder to open; a new one becomes a lab."),
    ] = None,
    fresh: Annotated[
        str | None,
        typer.Option(metavar="04", help="Begin this lesson again; your copy of it is kept."),
    ] = None,
    forget_marks: Annotated[
        bool, typer.Option("--forget-marks", help="With --fresh: that lesson's marks, too.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address only.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
) -> None:
    """Open the lessons in JupyterLab, on this machine only, with a token in the address.

    You work on copies, in my-notebooks/. They are made the first time, in any folder. Later, a
    newer edition replaces only a copy that you have not begun.

    Example: `labkit lab`, or `labkit lab --fresh 04` to begin lesson 04 again
    Example: `labkit lab kafka-course`, to make that folder and learn in it
    """
    from labkit.cli.jupyterlab import open_lab

    if folder is not None and fresh is not None:
        msg = "--fresh is for your copies of the lessons; leave the folder out"
        raise typer.BadParameter(msg)
    if forget_marks and fresh is None:
        raise typer.BadParameter("--forget-marks needs --fresh and a lesson, such as --fresh 04")
    raise typer.Exit(
        open_lab(
            folder,
            fresh=fresh,
            forget_marks=forget_marks,
            open_browser=not no_browser,
            port=port,
        )
    )


def down() -> None:
    """Stop everything that this lab runs, in any terminal or notebook; nothing is deleted.

    Producers stop first, so that the consumers can store what is still on its way. It is safe to
    repeat.

    Example: `labkit down`
    """
    from labkit.pipeline.down import stop_lab

    stopped = stop_lab(say=terminal.say)
    print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing of this lab was running.")


def reset(
    yes: shared_options.Yes = False,
    keep_marks: Annotated[
        bool, typer.Option("--keep-marks", help="Keep what lab.progress() shows.")
    ] = False,
) -> None:
    """Stop the lab, and delete its broker's topics, its logs, the stored CSV and the marks.

    It asks first. The notebooks stay; `labkit lab --fresh 04` begins one of them again.

    Example: `labkit reset`, or `labkit reset --keep-marks`
    """
    from labkit.core.config import MARKS
    from labkit.pipeline.down import reset_lab, what_reset_deletes

    paths = what_reset_deletes(keep_marks=keep_marks)
    if not paths:
        print("There is nothing to delete.")
        return
    lines = (f"  {path}{'   (the marks)' if path.name == MARKS else ''}" for path in paths)
    terminal.say("\n".join(["This stops the lab and deletes:", *lines]))
    if not yes:
        typer.confirm("Delete them?", abort=True)
    reset_lab(paths, say=terminal.say)
    but = "but for its marks and notebooks" if keep_marks else "but for its notebooks"
    print(f"The lab is as new, {but}. Next: labkit up")
