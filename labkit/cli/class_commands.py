"""``labkit class collect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import shared_options, terminal

commands = typer.Typer(no_args_is_help=True, help="For teachers: the marks of a class.")


@commands.command()
def collect(
    folder: Annotated[Path, typer.Argument(help="Where the learners' files are.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A CSV, with a column for each lesson."),
    ] = None,
    lessons: Annotated[
        str,
        typer.Option(metavar="00,01", help="Only these lessons: what the class was asked for."),
    ] = "",
    as_json: shared_options.Json = False,
) -> None:
    """Make one table of the files that learners made with `lab.submit("Their Name")`.

    There is a row for each name and cluster; of several such files the newest counts. Remarks say
    what to look at: an edited file, names that share a cluster or times, marks without topics.

    Example: `labkit class collect handed-in --lessons 00,01,02 --out marks.csv`
    """
    from rich.table import Table
    from rich.text import Text

    from labkit.core.errors import LabError
    from labkit.core.terminal_text import visible
    from labkit.exercises.submission.class_marks import collect as read_class
    from labkit.exercises.submission.class_marks import no_submission

    chosen = [one.strip() for one in lessons.split(",") if one.strip()]
    marks = read_class(folder.expanduser(), besides=out, lessons=chosen)
    for path, why in marks.unread.items():
        terminal.say(f"Not read: {path}: {why}")
    if not marks.learners:
        raise no_submission(folder)
    if out is not None:
        try:
            out.write_text(marks.as_csv(), encoding="utf-8-sig")  # for Excel, which guesses else
        except OSError as error:
            msg = f"{out} cannot be written: {error.strerror or error}"
            raise LabError(msg, f"labkit class collect {folder} --out marks.csv") from error
    if as_json:
        terminal.print_json(
            [
                {**one.submission.model_dump(mode="json"), "remarks": one.remarks}
                for one in marks.learners
            ]
        )
    else:
        head, *rows = marks.summary
        table = Table(*head, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        terminal.console().print(table)
    if marks.unread:
        raise typer.Exit(1)
