"""The report of a watch in a terminal: as many groups as fit, and never without what is wrong."""

from __future__ import annotations

import time
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from labkit.core.terminal_text import visible
from labkit.core.text_tables import many
from labkit.diagnostics.watch.watch_report import GroupLag, WatchReport, duration, size
from labkit.ledger.ledger_model import SIGNS
from labkit.topics.topic_model import shown

STALE_S = 10.0  # from this age on, it is said that the figures are old
WHAT_TO_TYPE = "Ctrl-C ends the watch; what it watches goes on."


def watch_view(report: WatchReport, console: Console) -> RenderableType:
    """Return the report, as much of it as the terminal has room for.

    How to stop and the first things that are wrong are never cut off. What is left out first: empty
    lines, then the groups with the least lag, then what else is wrong.
    """
    head, groups = _head(report), _by_importance(report)

    def room(*view: RenderableType) -> int:
        return console.height - len(console.render_lines(Group(*view), pad=False))

    for gap in ([""], []):
        view = [*head, *gap, _groups(report), *gap, *_end(report)]
        if room(*view) >= 0:
            return Group(*view)
    for problems in (len(report.problems), 4, 2):
        end = _end(report, problems)
        rows = room(*head, _table(groups[:1]), "", *end) + 1  # each row is one line
        if 1 <= rows < len(groups):
            left_out = Text(f"{many(len(groups) - rows, 'more group')} with less lag", style="dim")
            return Group(*head, _table(groups[:rows]), left_out, *end)
    return Group(*_end(report, 2)[:-1], *head)  # a very small window


def _end(report: WatchReport, most: int | None = None) -> list[RenderableType]:
    said = _problems(report)[:most]
    if most is not None and len(report.problems) > most:
        more = f"and {len(report.problems) - most} more. Next: labkit watch --once"
        said.append(Text(more, style="bold red"))
    return [*said, Text(WHAT_TO_TYPE, style="dim")]


def whole_view(report: WatchReport) -> RenderableType:
    """Return the report at any length, for a terminal that scrolls."""
    return Group(*_head(report), "", _groups(report), "", *_problems(report))


def _groups(report: WatchReport) -> RenderableType:
    if report.cluster is None:
        return Text("How far the groups are is not known while no broker answers.", style="dim")
    return _table(_by_importance(report))


def _by_importance(report: WatchReport) -> list[GroupLag]:
    """Return the groups: the watched topic's first, then by members and by lag."""

    def rank(one: GroupLag) -> tuple[bool, bool, int]:
        return one.topic != report.topic, not one.is_active, -(one.lag.records or 0)

    return sorted(report.groups, key=rank)


def _head(report: WatchReport) -> list[RenderableType]:
    at = datetime.fromtimestamp(report.read_at).astimezone()
    title = Text.assemble(("Watching ", "bold"), (visible(report.topic), "bold"))
    title.append(f"   {at:%H:%M:%S}, read in {report.took_s:.2f} s", style="dim")
    age_s = time.time() - report.read_at
    if age_s >= STALE_S:
        title.append(f"   these figures are {age_s:.0f} s old", style="bold red")
    ledger = f"{SIGNS[report.ledger_state]} " if report.ledger_state else "not known: "
    return [
        title,
        _line("Kafka", _kafka(report)),
        _line("Page", report.api or "no API of this folder runs"),
        _line("Ledger", ledger + report.ledger),
        *(
            _line("Disk", f"{size(one.free_bytes)} of {size(one.size_bytes)} free; {used}")
            for one in report.disks
            for used in [f"{size(one.data_bytes)} in {one.path}"]
        ),
        _line("Dead", f"{shown(report.dead_letters)} dead letters"),
    ]


def _line(name: str, text: str) -> Text:
    line = Text.assemble((f"{name:<8}", "bold"), visible(text))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _kafka(report: WatchReport) -> str:
    cluster = report.cluster
    if cluster is None:
        return "does not answer"
    wanted = len(cluster.brokers) + len(cluster.missing)
    states = [
        f"{len(cluster.under_replicated)} under-replicated" if cluster.under_replicated else "",
        f"{len(cluster.offline)} offline" if cluster.offline else "",
    ]
    said = ", ".join(filter(None, states)) or "all in sync"
    parts = many(len(cluster.partitions), "partition")
    note = f"; {cluster.note}" if cluster.note else ""
    return f"{len(cluster.brokers)} of {many(wanted, 'broker')} answer; {parts}, {said}{note}"


def _table(groups: list[GroupLag]) -> RenderableType:
    if not groups:
        return Text("No group has committed anything.", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("topic", "group"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", max_width=18)
    for heading in ("end", "committed", "lag", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("trend", no_wrap=True, overflow="ellipsis", min_width=15)
    for one in groups:
        age = "?" if one.lag.seconds is None else duration(one.lag.seconds)
        table.add_row(
            Text(visible(one.topic)),  # no markup: a group may be called [red]
            Text(visible(one.group_id)),
            shown(one.end_offsets),
            shown(one.committed),
            shown(one.lag.records),
            age,
            one.trend_in_words,
        )
    return table


def _problems(report: WatchReport) -> list[RenderableType]:
    lines = []
    for one in report.problems:
        line = Text(f"! {visible(one.what)}", style="bold red")
        line.append(f" Next: {visible(one.next_line)}", style="default not bold")
        lines.append(line)
    return [*lines] or [Text("✓ Nothing is wrong.", style="green")]


def plain_line(report: WatchReport) -> str:
    """Return one line for a log file or a pipe."""
    at = datetime.fromtimestamp(report.read_at).astimezone()
    lags = [
        f"{one.group_id} {shown(one.lag.records)} ({one.trend_in_words})"
        for one in report.groups
        if one.topic == report.topic
    ]
    problems = [f"! {one.what} Next: {one.next_line}" for one in report.problems]
    said = [f"lag {', '.join(lags)}" if lags else "no group", *problems]
    return visible(f"{at:%H:%M:%S}  {'  '.join(said)}")
