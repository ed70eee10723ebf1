"""A table of your own as the source: ``replay``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli import shared_options, terminal

if TYPE_CHECKING:
    from labkit.core.stop_signals import StopEvent
    from labkit.producer.producer import Producer
    from labkit.readings.replay import Replay

UNCLEAR, LEFT_OUT = "What the table leaves open", "Rows that are left out"
LINE_EVERY_S = 5.0  # without a terminal, progress is a line now and then


def replay(
    source: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="A text table, also .gz, .bz2 or .xz; -: from a pipe."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only look the table through; needs no broker.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
    speed: Annotated[
        float,
        typer.Option(min=0.0, help="3600: an hour of the table in a second; 0: at once."),
    ] = 1.0,
    topic: shared_options.Topic = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=MEANING",
            help="What a column is: co2=kg, Total=MWh, Site=facility, '#3=ignore'.",
            rich_help_panel=UNCLEAR,
        ),
    ] = None,
    stated: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A fact of all rows: country=DE, fuel=gas.",
            rich_help_panel=UNCLEAR,
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="The zone of times without one: Europe/Berlin.", rich_help_panel=UNCLEAR),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(
            help="What each row covers: 1h, 15min, 900 (seconds).", rich_help_panel=UNCLEAR
        ),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option(
            help="The decimal sign, point or comma, if no row tells.", rich_help_panel=UNCLEAR
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(help="day-first or month-first, if no row tells.", rich_help_panel=UNCLEAR),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            help="comma, semicolon, tab or pipe, if it is not found.", rich_help_panel=UNCLEAR
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            help="Such as cp1250; without: UTF-8, UTF-16 or cp1252.", rich_help_panel=UNCLEAR
        ),
    ] = None,
    skip_empty: Annotated[
        bool,
        typer.Option(
            "--skip-empty", help="Leave out rows without an amount.", rich_help_panel=LEFT_OUT
        ),
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Leave out all rows that cannot be used.", rich_help_panel=LEFT_OUT
        ),
    ] = False,
    from_line: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Begin at this line of the file.", rich_help_panel=LEFT_OUT
        ),
    ] = 0,
    again: Annotated[
        bool, typer.Option("--again", help="Send it once more, though it was sent before.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many readings.")] = None,
    seed: shared_options.Seed = 7,
    titles: Annotated[
        bool, typer.Option("--titles", help="Print the column titles that the lab knows.")
    ] = False,
) -> None:
    """Send the rows of a table of your own as readings, after looking all of it through.

    It prints what it understood: columns and units, times and zone, what a row covers, what is
    ignored, and what is borrowed from simulated plants. Then it asks. What the table leaves open
    is never guessed: the message names the line, and the option that settles it. Nothing is sent
    of a table with rows that cannot be used.

    A table needs a column of times and one of amounts. `labkit replay --titles` prints the titles
    that are known; --map says what another column is.

    If it stops half way, type it again: it goes on after the last row that was acknowledged.

    Example: `labkit replay readings.csv --check`
    Example: `labkit replay readings.csv --map co2=kg --speed 3600`
    Example: `zcat 2024.csv.gz | labkit replay - --yes --speed 0`
    """
    from labkit.core.errors import LabError, ReplayError
    from labkit.core.terminal_text import visible
    from labkit.core.text_tables import many
    from labkit.readings.replay import Replay, ReplayOptions

    if titles:
        _print_titles()
        return
    if source is None:
        raise LabError("labkit replay needs a file, or - for a pipe.", "labkit replay FILE --check")
    options: dict[str, Any] = {"decimal": decimal, "dates": dates}
    table = Replay(
        source,
        seed,
        ReplayOptions(
            columns=_pairs(mapped, "--map"),
            values=_pairs(stated, "--set"),
            encoding=encoding,
            delimiter=delimiter,
            zone=zone,
            interval=interval,
            skip_empty=skip_empty,
            skip_bad=skip_bad,
            from_line=from_line,
            **options,
        ),
    )
    if check:
        print(visible(table.report()), flush=True)
        table.refuse_bad_rows()
        print("Each row can be sent. Nothing was sent.")
        return
    terminal.say(table.report())
    table.refuse_bad_rows()
    topic = terminal.topic_name(topic)
    terminal.say(_duration(table, speed))
    if not yes:
        if not sys.stdin.isatty():
            msg = "nothing was sent, because nobody can be asked here: there is no terminal"
            raise ReplayError(msg, f"{table.command('--yes')}   (or --check)")
        question = f"Send {many(table.totals.readings, 'reading')} to the topic {topic}?"
        if not typer.confirm(question, err=True):
            raise ReplayError("nothing was sent", table.command("--check"))
    send(table, topic, speed, again=again, count=count)


def send(table: Replay, topic: str, speed: float, **options: Any) -> None:
    """Send a table that was looked through, and show how far it is."""
    from labkit.core.errors import ReplayComplete
    from labkit.core.stop_signals import stop_event
    from labkit.producer.producer import start_producer
    from labkit.topics.topics import ensure_topic

    stop = stop_event()
    ensure_topic(topic)
    try:
        producer = start_producer(topic, replay=table, speed=speed, **options)
    except ReplayComplete as complete:
        print(f"Nothing to do: {complete}")
        return
    assert producer.position is not None
    if producer.position.told:
        terminal.say(producer.position.told)
    terminal.say(f"Replaying {table.name} into the topic {topic}. Ctrl-C stops; then type it again")
    with _progress(table.totals.readings) as show:
        while not producer.wait(0.2) and not stop.is_set():
            show(_how_far(table, producer, speed), producer.counts.acked)
    finish(producer, stop)


def finish(producer: Producer, stop: StopEvent) -> None:
    """Stop a producer, and print what became of its readings; fail unless all were acknowledged."""
    from labkit.core.errors import WorkerFailed
    from labkit.core.text_tables import many

    producer.stop()
    counts = producer.counts
    bad = f", and {counts.bad:,} deliberately malformed records" if counts.bad else ""
    said = f"{counts.acked:,} acknowledged by the broker"
    if counts.unasked:
        said = f"{counts.unasked:,} handed to the network: with acks=0 no broker answers"
    print(f"{many(counts.emitted, 'reading')} emitted, {said}{bad}")
    unknown = counts.unknown - counts.unasked
    if counts.acked + counts.unasked < counts.emitted:
        lost = [f"The broker refused {many(counts.failed, 'reading')}"] if counts.failed else []
        lost += [f"No clear answer came for {many(unknown, 'reading')}"] if unknown else []
        why = f" The last error: {producer.last_error}" if producer.last_error else ""
        raise WorkerFailed(f"{'. '.join(lost)}.{why}", "labkit ledger")
    terminal.exit_as_asked(stop)


def _print_titles() -> None:
    from labkit.core.text_tables import aligned
    from labkit.readings.replay.known_titles import MEANINGS, titles_by_field

    rows = [(what, ", ".join(titles)) for what, titles in titles_by_field().items()]
    print(
        "\n".join(
            aligned([("MEANS", "TITLES (capitals, signs and brackets do not matter)"), *rows])
        )
    )
    print(
        "\nco2, load, energy and interval need their unit in the title: CO2 (kg), kg_co2, load_mw."
    )
    print(f"--map COLUMN=MEANING takes: {', '.join(MEANINGS)}")


def _pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Split each ``NAME=VALUE`` at its last sign; a title may contain one, too."""
    from labkit.core.errors import ReplayError

    pairs = {}
    for text in texts or ():
        name, sign, value = text.rpartition("=") if option == "--map" else text.partition("=")
        if not (sign and name.strip() and value.strip()):
            example = "co2=kg" if option == "--map" else "country=DE"
            raise ReplayError(f"{option} {text!r} is not NAME=VALUE", f"{option} {example}")
        pairs[name.strip()] = value.strip()
    return pairs


def _duration(table: Replay, speed: float) -> str:
    from labkit.readings.replay.replay_report import hours_and_minutes

    totals = table.totals
    if not speed or totals.first_at is None or totals.last_at is None:
        return "Without pauses (--speed 0)."
    span_s = (totals.last_at - totals.first_at).total_seconds()
    said = f"At --speed {speed:g} it takes {hours_and_minutes(span_s / speed)}"
    if speed == 1 and span_s > 600:
        said += f"; at --speed 3600, {hours_and_minutes(span_s / 3600)}"
    return f"{said}."


def _how_far(table: Replay, producer: Producer, speed: float) -> str:
    """Say how far a replay is, in the table's own time."""
    from labkit.readings.replay.replay_report import hours_and_minutes, minute

    position, totals = producer.position, table.totals
    assert position is not None
    said = f"{minute(totals.first_at)} to {minute(totals.last_at)}"
    if position.at is None or totals.last_at is None:
        return said
    said += f", now at {minute(position.at)} UTC; {producer.counts.acked:,} acknowledged"
    said += f", {position.left:,} to send"
    if speed:
        left_s = (totals.last_at - position.at).total_seconds() / speed
        said += f"; {hours_and_minutes(left_s)} left"
    return said


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str, int], None]]:
    """Show one line that changes on a terminal, or else a line now and then."""
    console = terminal.console(stderr=True)
    if console.is_terminal:
        from rich import progress

        columns = (progress.BarColumn(20), progress.TextColumn("{task.description}", markup=False))
        with progress.Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda text, done: bar.update(task, description=text, completed=done)
        return
    shown_at = 0.0

    def show(text: str, _done: int) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= LINE_EVERY_S:
            shown_at = time.monotonic()
            terminal.say(text)

    yield show
