"""The command line: ``labkit up``, ``labkit topics list``, ``labkit kafka ...``.

Every command is a few lines around a function of the package, so a notebook can do the same. The
imports are inside the commands, so that ``labkit --help`` does not load pandas and a Kafka client.

- `lab_commands`: ``up``, ``lab``, ``down``, ``reset``; `jupyterlab` runs the server of ``lab``.
- `inspect_commands`: ``status``, ``watch``, ``ledger``, ``doctor``.
- `check_commands`: ``check``, ``soak``; `drill_commands`: ``drill``.
- `stage_commands`: ``produce``, ``consume``, ``api``, ``export``; `replay_commands`: ``replay``.
- `fault_commands`: ``break``, ``mend``, ``proxy``; `kafka_tool_commands`: ``kafka``, ``bench``.
- `broker_commands`, `connect_commands`, `topic_commands`: ``labkit broker start`` and so on.
- `class_commands`: ``class collect``, for teachers; `service_commands`: ``service install``.
- `terminal`: output, errors and exit statuses; `json_log`: messages as JSON.
- `shared_options`: options of several commands; `help_text`: a command's help from its docstring.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from labkit.cli import (
    broker_commands,
    check_commands,
    class_commands,
    connect_commands,
    drill_commands,
    fault_commands,
    help_text,
    inspect_commands,
    kafka_tool_commands,
    lab_commands,
    replay_commands,
    service_commands,
    stage_commands,
    terminal,
    topic_commands,
)
from labkit.core.assert_statements import refuse_without_assert

app = typer.Typer(
    name="labkit",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


WITHOUT_CLIENT = ("doctor", "down", "reset", "api", "export", "kafka", "service")
"""The commands that work without kafka-python."""


def _print_version(asked: bool) -> None:
    if asked:
        from labkit import __version__

        print(f"labkit {__version__}")
        raise typer.Exit


@app.callback()
def labkit(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Follow CO₂ readings from a simulated chimney to a web page, through a real Apache Kafka.

    Start with `labkit up`: the whole pipeline in one terminal.
    Or with `labkit lab`: the same, lesson by lesson, in Jupyter.
    """
    if debug:
        os.environ[terminal.DEBUG_VARIABLE] = "1"  # also for the processes that this one starts
    if context.invoked_subcommand != "doctor":  # which reports this itself
        terminal.tell_unknown_settings()
    if context.invoked_subcommand not in WITHOUT_CLIENT and not {"-h", "--help"} & {*sys.argv}:
        refuse_without_assert()


PANELS: dict[str, list[Callable[..., None]]] = {
    "The lab": [
        lab_commands.up,
        lab_commands.lab,
        lab_commands.down,
        lab_commands.reset,
        kafka_tool_commands.bench,
    ],
    "Look": [
        inspect_commands.status,
        inspect_commands.watch,
        inspect_commands.ledger,
        inspect_commands.doctor,
    ],
    "One stage at a time": [
        stage_commands.produce,
        replay_commands.replay,
        stage_commands.consume,
        stage_commands.api,
        stage_commands.export,
    ],
    "Break it on purpose": [fault_commands.break_, fault_commands.mend, fault_commands.proxy],
    "Apache Kafka": [kafka_tool_commands.kafka],
    "Prove that nothing is lost": [check_commands.check, check_commands.soak],
}
for panel, functions in PANELS.items():
    for function in functions:
        is_tool = function in (kafka_tool_commands.kafka, kafka_tool_commands.bench)
        app.command(
            function.__name__.strip("_"),
            rich_help_panel=panel,
            context_settings=kafka_tool_commands.PASS_THROUGH if is_tool else None,
        )(function)
app.add_typer(broker_commands.commands, name="broker", rich_help_panel="Apache Kafka")
app.add_typer(connect_commands.commands, name="connect", rich_help_panel="Apache Kafka")
app.add_typer(class_commands.commands, name="class", rich_help_panel="The lab")
app.add_typer(service_commands.commands, name="service", rich_help_panel="The lab")
app.add_typer(drill_commands.commands, name="drill", rich_help_panel="Prove that nothing is lost")
app.add_typer(topic_commands.commands, name="topics", rich_help_panel="Apache Kafka")
help_text.from_docstrings(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit status.

    0 means success. A `LabError` is 1, with one sentence and the next line to type; an invalid
    command line is 2; Ctrl-C is 130, after cleaning up.
    """
    terminal.use_utf8()
    with terminal.errors_as_text():
        app(arguments, prog_name="labkit")
    sys.exit(0)


__all__ = ["app", "main"]
