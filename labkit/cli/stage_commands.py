"""One stage of the pipeline at a time: ``produce``, ``consume``, ``api``, ``export``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from labkit.cli import replay_commands, shared_options, terminal
from labkit.cli.json_log import LogFormat


def produce(
    topic: shared_options.Topic = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many readings; by default on Ctrl-C.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.0, help="Readings per second, 20 if unset; 0: as fast as possible."),
    ] = None,
    seed: shared_options.Seed = 7,
    faults: shared_options.Faults = 0.0,
    clock: shared_options.Clock = None,
    replay: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Send your own table instead; see `labkit replay`."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.0, help="Replay this many times faster than recorded.")
    ] = None,
    key: Annotated[
        str, typer.Option(help="The record's key: facility_id, sector, country, or none.")
    ] = "facility_id",
    acks: Annotated[
        str, typer.Option(help="Who acknowledges: all (replicas in sync), 1 (leader), 0 (nobody).")
    ] = "all",
    linger_ms: Annotated[
        int | None,
        typer.Option(help="How long a record may wait for others in its batch, in milliseconds."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Bytes per partition after which a batch is sent at once.")
    ] = None,
    compression_type: Annotated[
        str | None, typer.Option(help="How each batch is compressed: gzip, snappy, lz4 or zstd.")
    ] = None,
    log_format: shared_options.LogFormat = LogFormat.TEXT,
) -> None:
    """Send readings to a topic, each as one record.

    The key is the facility's id, so all readings of one facility are in one partition, in order.
    A record is acknowledged when every in-sync replica has it (--acks all). Options with the name
    of a kafka-python setting are that setting.

    Example: `labkit produce --count 1000 --rate 100 --seed 7`
    Example: `labkit produce --clock 144`, a simulated day in ten minutes
    Example: `labkit produce --acks 1 --linger-ms 200 --compression-type gzip`
    """
    from labkit.core.errors import LabError, ReplayError
    from labkit.core.stop_signals import stop_event
    from labkit.producer.producer import start_producer
    from labkit.readings.replay import Replay
    from labkit.topics.topics import ensure_topic

    options: dict[str, Any] = {  # start_producer refuses a word that it does not know
        "key": None if key == "none" else key,
        "acks": int(acks) if acks.isdigit() else acks,
        "linger_ms": linger_ms,
        "batch_size": batch_size,
        "compression_type": compression_type,
    }
    topic = terminal.topic_name(topic)
    if replay is not None:
        if rate is not None or faults or clock is not None:
            msg = "a replay has its file's pace and rows: --rate, --faults and --clock do not apply"
            raise ReplayError(msg, f"labkit produce --replay {shlex.quote(replay)} --speed 3600")
        table = Replay(replay, seed)
        terminal.say(table.report())
        table.refuse_bad_rows()
        replay_commands.send(table, topic, 1.0 if speed is None else speed, count=count, **options)
        return
    if speed is not None:
        raise LabError("--speed is the speed of a replay.", "labkit produce --clock 144")
    stop = stop_event()
    ensure_topic(topic)
    rate = 20.0 if rate is None else rate
    producer = start_producer(topic, rate, seed, count=count, faults=faults, clock=clock, **options)
    terminal.say(f"Producing to the topic {topic}. Ctrl-C stops.")
    told = clock is None
    while not producer.wait(0.2) and not stop.is_set():
        if not told and producer.counts.emitted:
            terminal.say(f"Now: {producer.clock}.")
            told = not producer.clock.is_simulated
    replay_commands.finish(producer, stop)


def consume(
    topic: shared_options.Topic = None,
    group: shared_options.Group = None,
    data: shared_options.Data = None,
    workers: shared_options.Workers = 1,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop at the topic's present end.")
    ] = False,
    wait_for_topic: Annotated[
        bool, typer.Option("--wait-for-topic", help="Wait until a broker has the topic.")
    ] = False,
    log_format: shared_options.LogFormat = LogFormat.TEXT,
) -> None:
    """Read a topic as a member of a consumer group, and store each record in CSV exactly once.

    The group's coordinator assigns this member some of the partitions; when a second member starts,
    they are assigned again. Each partition has its own CSV, DIR/TOPIC/PARTITION.csv. A record that
    is not a valid reading goes to the dead-letter queue, TOPIC.dlq.

    Example: `labkit consume --topic co2-emissions --group csv-writer --data data`
    Example: `labkit consume --workers 3`
    Example: `labkit consume --wait-for-topic`, in a service that may start before its broker
    """
    from labkit.consumer.client_health import EXIT_STATUS
    from labkit.consumer.group_processes import WorkerGroup
    from labkit.consumer.poll_loop import consume as consume_topic
    from labkit.core.config import load_config
    from labkit.core.errors import ConsumerHung, TopicNotFound
    from labkit.core.stop_signals import stop_event
    from labkit.topics.topic_waits import wait_for_topic as wait
    from labkit.topics.topics import describe_topic

    stop = stop_event()
    topic = terminal.topic_name(topic)
    group = group or load_config().group_id
    folder = terminal.data_folder(data)
    terminal.say(f"Consuming {topic} as a member of the group {group} into {folder}. Ctrl-C stops.")
    if wait_for_topic and not wait(topic, stop, terminal.say):
        terminal.exit_as_asked(stop)
        return
    try:
        if workers > 1:
            describe_topic(topic)  # reports a missing topic or broker once, not in each worker
            with WorkerGroup(topic, group, folder, workers, terminal.say, until_end) as members:
                members.run(stop)
            terminal.exit_as_asked(stop)
            return
        counts = consume_topic(
            topic, group, folder, stop, until_end, owns_process=True, say=terminal.say
        )
    except TopicNotFound as error:
        next_line = f"{error.next_line}   # or wait for it: labkit consume --wait-for-topic"
        raise TopicNotFound(error.what, next_line) from error
    except ConsumerHung as hung:
        terminal.tell(hung)
        raise typer.Exit(EXIT_STATUS) from hung
    print(f"{counts.rows:,} records stored, {counts.dead_letters:,} dead letters")
    terminal.exit_as_asked(stop)


def api(
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
    port: shared_options.Port = None,
    log_format: shared_options.LogFormat = LogFormat.TEXT,
) -> None:
    """Serve the stored readings as JSON, and the web page that shows them.

    It reads the CSV and never uses Kafka: the CSV separates the stream from the web.

    Example: `labkit api --data data --port 8050`, then open the address it prints.
    """
    from labkit.api.app import start_api
    from labkit.core.stop_signals import stop_event

    stop = stop_event()
    server = start_api(terminal.data_folder(data), port, terminal.topic_name(topic))
    print(f"The page: {server.url}", flush=True)
    terminal.say(f"The API's description: {server.url.rstrip('/')}/api/docs. Ctrl-C stops.")
    while server.is_running and not stop.wait(0.2):
        pass
    server.stop()
    terminal.exit_as_asked(stop)


def export(
    out: Annotated[
        Path, typer.Option(metavar="F", help="The file to write: .csv, .json or .parquet.")
    ],
    topic: shared_options.Topic = None,
    data: shared_options.Data = None,
) -> None:
    """Write all stored readings of a topic into one file, oldest first in each partition.

    CSV is for spreadsheets: text that a spreadsheet would run as a formula keeps a quote mark in
    front. JSON and Parquet are for programs, and contain every text as it was recorded.

    Example: `labkit export --data data --out readings.parquet`
    """
    from labkit.table.export import export_readings

    rows = export_readings(out, terminal.data_folder(data), terminal.topic_name(topic))
    print(f"{rows:,} readings written to {out}")
