"""What on this machine could keep the lab from working, in one sentence each.

Each check is a function that returns a `Check`. They change nothing, and each says the next line
to type where something is amiss. With a topic, the doctor looks at what a consumer of it meets.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.core.config import load_config
from labkit.core.errors import SettingInvalid
from labkit.core.terminal_text import visible
from labkit.diagnostics import check_java, check_lab_folder, check_machine
from labkit.diagnostics.doctor_check import Check

if TYPE_CHECKING:
    from rich.table import Table

    from labkit.core.config import LabConfig
    from labkit.diagnostics.check_topic import TopicReport


@dataclass(frozen=True)
class MachineReport:
    """What the doctor found on this machine, as text and as a table in a notebook."""

    checks: tuple[Check, ...]

    @property
    def summary(self) -> str:
        """How many checks found something, in one sentence."""
        broken, notes = (
            sum(check.verdict == verdict for check in self.checks) for verdict in ("broken", "note")
        )
        return f"{len(self.checks)} checks: {broken} broken, {notes} worth a note."

    def __repr__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [self.summary]
        for check in self.checks:
            lines.append(f"{check.verdict:<6}  {check.name:<{width}}  {visible(check.sentence)}")
            if check.next_line:
                lines.append(f"{'':<{width + 10}}Next: {visible(check.next_line)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        rows = ""
        for check in self.checks:
            said = html.escape(visible(check.sentence))
            if check.next_line:
                said += f"<br>Next: <code>{html.escape(visible(check.next_line))}</code>"
            mark = f"{SIGNS[check.verdict]} {check.verdict}"
            rows += (
                f'<tr><td {left}>{mark}</td><th scope="row" {left}>{html.escape(check.name)}</th>'
            )
            rows += f"<td {left}>{said}</td></tr>"
        return f"<p>{self.summary}</p><table><tbody>{rows}</tbody></table>"


SIGNS = {"ok": "✔", "note": "!", "broken": "✘"}


def doctor(
    topic: str | None = None, group_id: str | None = None, *, sent: int | None = None
) -> MachineReport | TopicReport:
    """Look at this machine; or at one topic, where no error says what hurts.

    Kafka raises nothing when a consumer starts behind the records, a member is one too many, or a
    producer dies with records in its memory. The cluster knows all the same, and is asked.

    Parameters
    ----------
    topic : str, optional
        Look at this topic; default: at the machine, or with `group_id` at the lab's own topic.
    group_id : str, optional
        As a consumer of this group would find it; default: a consumer without a group.
    sent : int, optional
        How many records were sent to it, in all its life: what is missing is named.

    Returns
    -------
    MachineReport or TopicReport
        Sentences, and lines to type.

    Raises
    ------
    BrokerUnavailable, TopicNotFound

    See: Kafka documentation, "Consumer Configs", ``auto.offset.reset``, ``group.id``.
    """
    if topic is None and group_id is None and sent is None:
        return MachineReport(tuple(examine()))
    from labkit.diagnostics.check_topic import examine_topic

    return examine_topic(topic or load_config().topic, group_id, sent)


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
        return [*_run_all((check_machine.python, check_machine.package)), wrong]
    checks: tuple[Callable[[], Check], ...] = (
        check_machine.python,
        check_machine.package,
        check_machine.kafka_client,
        check_machine.notebook_kernel,
        lambda: check_machine.settings(config),
        check_java.java,
        check_java.jars,
        check_machine.front_end,
        lambda: check_machine.disk(config),
        check_machine.memory,
        check_machine.clock,
        check_machine.loopback,
        lambda: check_lab_folder.ports(config),
        check_lab_folder.storage,
        check_lab_folder.start_up_caches,
        check_java.docker,
        *_broker_checks(config),
    )
    return _run_all(checks)


def _broker_checks(config: LabConfig) -> tuple[Callable[[], Check], ...]:
    """Return the checks that need a Kafka client; none where `import kafka` is what is broken."""
    try:
        from labkit.diagnostics import check_broker
    except ImportError:
        return ()
    return (lambda: check_broker.broker(config), check_broker.versions)


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
