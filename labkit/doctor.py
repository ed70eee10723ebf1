"""What on this machine could keep the lab from working, in one sentence each.

Each check is a function that returns a `Check`. They change nothing, and each says the next line
to type where something is amiss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit import doctor_kafka, doctor_machine
from labkit.config import load_config
from labkit.doctor_check import Check
from labkit.errors import SettingInvalid
from labkit.visible import visible

if TYPE_CHECKING:
    from rich.table import Table


def examine() -> list[Check]:
    """Run all checks; one that fails by itself is reported, and does not stop the others."""
    try:
        config = load_config()
    except SettingInvalid as error:
        wrong = Check(
            name="settings",
            verdict="broken",
            sentence=f"{error.what}.",
            next_line=error.next_line,
        )
        return [*_run_all((doctor_machine.python, doctor_machine.package)), wrong]
    checks: tuple[Callable[[], Check], ...] = (
        doctor_machine.python,
        doctor_machine.package,
        doctor_machine.kafka_client,
        doctor_machine.notebook_kernel,
        lambda: doctor_machine.settings(config),
        doctor_kafka.java,
        doctor_kafka.jars,
        doctor_machine.front_end,
        lambda: doctor_machine.disk(config),
        doctor_machine.memory,
        doctor_machine.clock,
        doctor_machine.loopback,
        lambda: doctor_kafka.broker(config),
        doctor_kafka.docker,
    )
    return _run_all(checks)


def _run_all(checks: tuple[Callable[[], Check], ...]) -> list[Check]:
    return [_run(check) for check in checks]


def _run(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # a doctor who falls ill must not take the others along
        name = getattr(check, "__name__", "check").strip("<>")
        sentence = f"This check itself failed: {type(error).__name__}: {error}"
        return Check(name=name, verdict="note", sentence=sentence)


def report(checks: list[Check]) -> Table:
    """Return the checks as a table for the terminal, with a word for each colour."""
    from rich.markup import escape
    from rich.table import Table

    colours = {"ok": "green", "note": "yellow", "broken": "bold red"}
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        text = escape(visible(check.sentence))
        if check.next_line:
            text += f"\n[bold]Next:[/] {escape(visible(check.next_line))}"
        colour = colours[check.verdict]
        table.add_row(f"[{colour}]{check.verdict}[/]", f"[bold]{check.name}[/]", text)
    return table
