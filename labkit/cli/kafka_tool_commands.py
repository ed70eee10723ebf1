"""``labkit kafka TOOL ...``: Kafka's own tools; and ``labkit bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from labkit.core.errors import LabError

PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": ["-h", "--help"],
}


def kafka(context: typer.Context) -> None:
    """Run one of Kafka's own command-line tools, from the same jars as the broker.

    Everything after the tool's name is passed to the tool, including `--help`. The lab adds
    `--bootstrap-server` if the tool takes one and you gave none.

    Example: `labkit kafka kafka-topics --list`
    Example: `labkit kafka kafka-consumer-groups --describe --group csv-writer`
    """
    from labkit.broker.kafka_tools import run_tool, tool_names

    if not context.args:
        print(context.get_help())
        print("Tools:\n  " + "\n  ".join(tool_names()))
        raise typer.Exit(2)
    tool, *arguments = context.args
    raise typer.Exit(run_tool(tool, arguments))


def bench(context: typer.Context) -> None:
    """Measure each stage beside a comparable tool, on this machine, in the same run.

    It needs a checkout of the project. Example: `labkit bench --json figures.json`
    """
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / "bench" / "__main__.py").is_file():
        raise LabError(
            "The bench is not part of the installed package; it is in the project's checkout.",
            "clone the project and run `make bench` there",
        )
    finished = subprocess.run([sys.executable, "-m", "bench", *context.args], cwd=checkout)
    raise typer.Exit(finished.returncode)
