"""Options of several commands, so that a name has the same meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli import json_log

Topic = Annotated[
    str | None,
    typer.Option("--topic", metavar="T", help="The topic; by default the lab's, co2-emissions."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The data folder; by default the lab's, data/."),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group", metavar="G", help="The consumer group; by default the lab's, csv-writer."
    ),
]
Workers = Annotated[
    int,
    typer.Option(min=1, max=64, help="Members of the group, each a process; they share the work."),
]
Seed = Annotated[int, typer.Option(help="The same seed makes the same fleet and readings.")]
Faults = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Share of deliberately malformed records; 0.006 is realistic."
    ),
]
Clock = Annotated[
    float | None,
    typer.Option(
        min=1.0, help="The plants live this many times faster; 144: a day in ten minutes."
    ),
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="The page's port on 127.0.0.1; 0: any free one."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
LogFormat = Annotated[
    json_log.LogFormat,
    typer.Option(
        callback=json_log.use,
        is_eager=True,
        help="How messages are written; json: one document in each line, for programs.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]
