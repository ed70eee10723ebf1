"""Inspect the lab: ``status``, ``watch``, ``ledger``, ``doctor``. They change nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from labkit.cli import shared_options, terminal
from labkit.cli.json_log import LogFormat


def status(as_json: shared_options.Json = False) -> None:
    """Show what runs in this lab, in any terminal or notebook: broker, topics, stages, page.

    It checks whether each process is alive, and whether the broker answers.

    Example: `labkit status --json`
    """
    from labkit.pipeline.lab_status import lab_status, status_view

    found = lab_status()
    if as_json:
        terminal.print_json(found)
    else:
        terminal.console().print(status_view(found))


def watch(
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve /metrics for Prometheus on 127.0.0.1; 0: any free port."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Look once; the exit status is 1 if something is wrong.")
    ] = False,
    as_json: shared_options.Json = False,
    log_format: shared_options.LogFormat = LogFormat.TEXT,
) -> None:
    """Watch Kafka, the groups, the disks and the ledger, and say what is wrong.

    For each group it shows the lag in records, the age of the oldest unread record, and the trend:
    "caught up in 40 s". It asks Kafka itself, so a killed consumer or a dead broker is reported,
    and never shown by its last good figure. It goes on while all else is stopped; Ctrl-C ends it.

    Example: `labkit watch`
    Example: `labkit watch --once --json`, for a script
    Example: `labkit watch --port 8051`, for Prometheus
    """
    from labkit.core.stop_signals import stop_event
    from labkit.diagnostics.watch.run_watch import run_watch
    from labkit.diagnostics.watch.watch_view import whole_view
    from labkit.diagnostics.watch.watcher import Watcher

    topic, folder = terminal.topic_name(topic), terminal.data_folder(data)
    if not once:
        stop = stop_event()
        run_watch(topic, folder, stop, port=port, as_json=as_json, say=terminal.say)
        return terminal.exit_as_asked(stop)
    if port is not None:
        raise typer.BadParameter("--once looks once, and serves nothing: leave --port out")
    with Watcher(topic, folder) as watcher:
        report = watcher.read()
    if as_json:
        terminal.print_json(report.as_json())
    else:
        terminal.console().print(whole_view(report))
    if report.problems:
        raise typer.Exit(1)
    return None


def ledger(
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
    should_settle: Annotated[
        bool,
        typer.Option(
            "--settle", help="Look in the topic for readings whose answer never came, first."
        ),
    ] = False,
    as_json: shared_options.Json = False,
) -> None:
    """Add up the CO₂ at every stage: emitted, acknowledged, in the topic, in the CSV, served.

    All five must agree to the gram. Less is unreported: records are lost. More is phantom: a record
    was stored twice. The exit status is 1 if they differ, or if some are still on their way.

    A producer that was killed leaves readings of which nobody knows whether they arrived. They are
    shown as unknown until `--settle`, or the next producer, has looked for them in the topic.

    Example: `labkit ledger --settle`
    """
    from labkit.ledger.ledger import NO_SUCH_TOPIC, carbon_ledger
    from labkit.topics.topics import describe_topic

    if should_settle:
        _settle(terminal.topic_name(topic))
    found = carbon_ledger(terminal.topic_name(topic), terminal.data_folder(data))
    if found.topic.note == NO_SUCH_TOPIC and found.csv.records is None:
        describe_topic(found.topic_name)  # it says which topics there are
    if as_json:
        terminal.print_json(found.model_dump(mode="json"))
    else:
        print(found)
    if not found.agrees:
        raise typer.Exit(1)


def _settle(topic: str | None) -> None:
    from labkit.core.config import load_config
    from labkit.producer.unanswered_records import settle
    from labkit.topics.topics import describe_topic

    topic = topic or load_config().topic
    settled = settle(topic, describe_topic(topic).topic_id)
    said = f"Settled: {settled.found:,} found in the topic, {settled.absent:,} never arrived"
    if settled.left:
        said += f", {settled.left:,} unknown for ever, because retention has deleted that part"
    terminal.say(f"{said}.")


def doctor(
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="T", help="Examine this topic instead.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="G", help="Examine it as a consumer of this group."),
    ] = None,
    sent: Annotated[
        int | None, typer.Option("--sent", min=0, help="How many records were sent to it.")
    ] = None,
    pains: Annotated[
        bool,
        typer.Option("--pains", help="List fifteen known problems, and what to type for each."),
    ] = False,
    as_json: shared_options.Json = False,
) -> None:
    """Check this machine: Python, Java, Kafka's jars, ports, disk, and what runs.

    Each check is one sentence, with the next line to type if something is wrong. The exit status
    is 1 only if something keeps the lab from working.

    With a topic it answers "my consumer gets no records": where each log starts and ends, how far
    the group has committed, and where a consumer would start.

    Example: `labkit doctor`, or `labkit doctor --topic co2-emissions --group csv-writer`
    """
    if pains:
        return _list_known_problems(as_json)
    if topic or group or sent is not None:
        return _examine_topic(topic, group, sent, as_json)
    from labkit.diagnostics.doctor import examine
    from labkit.diagnostics.machine_report import report

    checks = examine()
    if as_json:
        terminal.print_json([asdict(check) for check in checks])
    else:
        terminal.console().print(report(checks))
    if any(check.verdict == "broken" for check in checks):
        raise typer.Exit(1)
    return None


def _list_known_problems(as_json: bool) -> None:
    from labkit.core.next_step import Advice
    from labkit.diagnostics.known_problems import KNOWN_PROBLEMS

    if as_json:
        return terminal.print_json([asdict(one) for one in KNOWN_PROBLEMS])
    for one in KNOWN_PROBLEMS:
        heading = f"{one.number}. {one.symptom.replace('`', '')}"
        print(f"{Advice(heading, one.sentence, one.next_line)!r}\n")
    return None


def _examine_topic(topic: str | None, group: str | None, sent: int | None, as_json: bool) -> None:
    from labkit.diagnostics.check_topic import examine_topic

    found = examine_topic(terminal.topic_name(topic), group, sent)
    if as_json:
        return terminal.print_json(found.as_json())
    print(found)
    return None
