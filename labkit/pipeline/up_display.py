"""The display of ``labkit up``: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from labkit.core.terminal_text import visible
from labkit.ledger.ledger_model import ASIDE, SIGNS, Ledger, LedgerState, count, tonnes

if TYPE_CHECKING:
    from labkit.pipeline.pipeline import Pipeline

PLAIN_LINE_S = 5.0
STALE_S = 5.0  # figures are read once a second; from this age on it is said
STAGES = {
    "emitted": ("producer", "emitted by the chimneys"),
    "acked": ("", "acknowledged by the broker"),
    "topic": ("topic", "in the topic"),
    "csv": ("consumer", "stored in the CSV"),
    "served": ("API", "served to the page"),
}
HOW_TO_READ = "Every row must weigh the same in the end: less is lost CO₂, more is doubled CO₂."
WHAT_TO_TYPE = "Ctrl-C stops every stage in turn; nothing is lost. Elsewhere: labkit status"
# Colours of the terminal's own palette, readable on a light and on a dark background. Each state
# also has a sign.
COLOURS: dict[LedgerState, str] = {
    "agrees": "green",
    "on the way": "cyan",
    "unknown": "yellow",
    "unreported": "bold red",
    "phantom": "bold red",
    "altered": "bold red",
}


@dataclass
class Sample:
    """One frame: the ledger, each stage's rate, what is wrong, and a simulated time if one runs."""

    ledger: Ledger
    per_s: dict[str, float]
    problem: str = ""
    time_there: str = ""
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def trouble(self) -> str:
        """What is wrong, and how old the figures are; empty if they are of this moment."""
        age_s = time.monotonic() - self.taken_at
        if age_s < STALE_S:
            return visible(self.problem)
        what = visible(self.problem or "the brokers do not answer")
        return f"{what} (these figures are {age_s:.0f} s old)"


class Display:
    """The output of ``labkit up``.

    With ``as_json``, standard output gets one JSON document at the end, standard error all else.
    """

    def __init__(self, as_json: bool = False) -> None:
        self._as_json = as_json
        self.console = Console(stderr=as_json, highlight=False)
        self._live: Live | None = None
        self._pipeline: Pipeline | None = None
        self._began = time.monotonic()
        self._next_line = 0.0

    def say(self, line: str) -> None:
        """Print one line of progress, above the live view if there is one."""
        self.console.print(visible(line), markup=False, soft_wrap=True)

    @property
    def ran_s(self) -> float:
        """How long the pipeline has been running, in seconds."""
        return time.monotonic() - self._began

    def begin(self, pipeline: Pipeline) -> None:
        """Start the live view; every stage runs."""
        self._pipeline = pipeline
        self._began = time.monotonic()
        if self.console.is_terminal and not self._as_json:
            # On the terminal's second screen, as `top` does: a window that is resized leaves
            # nothing torn in the scrollback.
            self._live = Live(console=self.console, auto_refresh=False, screen=True)
            self._live.start()
        else:
            self.say(f"The page: {pipeline.page}")

    def show(self, sample: Sample | None) -> None:
        """Update the live view, or print a line every few seconds."""
        if sample is None or self._pipeline is None:
            return
        if self._live is not None:
            view = live_view(self._pipeline, sample, self.ran_s, self.console)
            self._live.update(view, refresh=True)
        elif self.ran_s >= self._next_line:
            self._next_line = self.ran_s + PLAIN_LINE_S
            self.say(plain_line(sample, self.ran_s))

    def end(self) -> None:
        """Remove the live view; plain lines follow."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def finish(self, pipeline: Pipeline, ledger: Ledger) -> None:
        """Print the last ledger: as text, or as one JSON document."""
        if not self._as_json:
            self.console.print(ledger_table(ledger, {}), verdict(ledger))
            return
        result = {
            "ledger": ledger.model_dump(mode="json"),
            "counts": {name: stage.records for name, stage in ledger.stages.items()}
            | {"dead_letters": ledger.dead_letters},
            "startup_s": pipeline.startup_s,
            "ran_s": round(self.ran_s, 2),
            "bootstrap_servers": pipeline.bootstrap_servers,
            "page": pipeline.page,
        }
        print(json.dumps(result, indent=2, ensure_ascii=False), flush=True)  # noqa: T201


def live_view(pipeline: Pipeline, sample: Sample, ran_s: float, console: Console) -> RenderableType:
    """Return the live view, as much of it as the terminal has room for.

    How to stop and what is wrong are never cut off. What is left out first: empty lines, then how
    to read the table, the partitions, and the addresses of the broker and the CSV.
    """
    ledger, trouble = sample.ledger, sample.trouble
    page = Text.from_markup(
        f"[bold]Page[/]    [bold cyan]{escape(pipeline.page)}[/]  (open it in a browser)"
    )
    places = Group(*_places(pipeline, ledger))
    stages = ledger_table(ledger, sample.per_s)
    how = Text(HOW_TO_READ, style="dim")
    said: list[RenderableType] = [Text(f"! {trouble}", style="bold red")] if trouble else []
    end = [*said, verdict(ledger), Text(WHAT_TO_TYPE, style="dim")]
    title = _title(pipeline, ran_s, sample.time_there)
    partitions, lag = partition_table(ledger), _lag_line(ledger)
    views: list[list[RenderableType]] = [
        [title, "", page, places, "", stages, how, "", partitions, "", *end],
        [title, page, places, "", stages, how, "", partitions, *end],
        [title, page, places, stages, how, partitions, *end],
        [title, page, places, stages, partitions, *end],
        [title, page, places, stages, lag, *end],
        [title, page, stages, lag, *end],
    ]
    for view in views:
        if len(console.render_lines(Group(*view), pad=False)) <= console.height:
            return Group(*view)
    return Group(title, page, *end)


def _title(pipeline: Pipeline, ran_s: float, time_there: str) -> Text:
    clock = str(timedelta(seconds=int(ran_s)))
    until = pipeline.options.run_for_s
    if until is not None:
        clock += f" of {timedelta(seconds=int(until))}"
    clock += f"   plants: {time_there}" if time_there else ""
    return Text.from_markup(f"[bold]CO₂ from a chimney to a web page[/]   [dim]running {clock}[/]")


def _places(pipeline: Pipeline, ledger: Ledger) -> list[Text]:
    """Return where the broker and the CSV are, one line each however long the path is."""
    version = pipeline.broker.version or "" if pipeline.broker else ""
    broker = f"Apache Kafka {version} at {pipeline.bootstrap_servers}".replace("  ", " ")
    return [
        Text.assemble((f"{name:<8}", "bold"), place, no_wrap=True, overflow="ellipsis")
        for name, place in (("Broker", broker), ("CSV", ledger.data_dir))
    ]


def _lag_line(ledger: Ledger) -> Text:
    partitions = len(ledger.partitions)
    return Text(f"{partitions:,} partitions; {count(ledger.lag)} records on their way to the CSV")


def ledger_table(ledger: Ledger, per_s: dict[str, float]) -> Table:
    """Return the five stages, in the order of the journey."""
    table = _table("stage", "where the CO₂ is", right=("readings", "per second", "tonnes of CO₂"))
    for name, stage in ledger.stages.items():
        who, where = STAGES[name]
        rate = f"{per_s[name]:,.0f}" if name in per_s else ""
        table.add_row(who, where, count(stage.records), rate, tonnes(stage.grams))
    for name, meaning in ASIDE.items():
        amount = getattr(ledger, name)
        if amount.records:
            table.add_row("", meaning, count(amount.records), "", tonnes(amount.grams))
    if ledger.dead_letters:
        table.add_row("", "set aside as dead letters", count(ledger.dead_letters), "", "")
    return table


def partition_table(ledger: Ledger) -> Table:
    """Return how far the CSV has followed each partition."""
    headings = ("partition", "next offset in topic", "next offset in CSV", "lag (on its way)")
    table = _table(right=headings)
    for place in ledger.partitions:
        offsets = (place.end_offset, place.position, place.lag)
        table.add_row(str(place.partition), *map(count, offsets))
    return table


def _table(*left: str, right: tuple[str, ...]) -> Table:
    table = Table(*left, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def verdict(ledger: Ledger) -> Text:
    """Return the ledger's sentence, with a sign and a colour."""
    return Text(f"{SIGNS[ledger.state]} {ledger.sentence}", style=COLOURS[ledger.state])


def plain_line(sample: Sample, ran_s: float) -> str:
    """Return one line for a log file or a pipe."""
    stages = "  ".join(
        f"{name} {count(stage.records)}" for name, stage in sample.ledger.stages.items()
    )
    rate = f"  {sample.per_s['csv']:,.0f}/s" if "csv" in sample.per_s else ""
    clock = timedelta(seconds=int(ran_s))
    trouble = f"  ! {sample.trouble}" if sample.trouble else ""
    return f"{clock}  {stages}  lag {count(sample.ledger.lag)}{rate}{trouble}"
