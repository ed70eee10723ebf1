"""``labkit topics list|describe|create|alter|delete``."""

from __future__ import annotations

from typing import Annotated

import typer

from labkit.cli import shared_options

commands = typer.Typer(no_args_is_help=True, help="Create, describe and change topics.")

Name = Annotated[str, typer.Argument(help="The topic.")]
Partitions = Annotated[
    int | None,
    typer.Option("--partitions", min=1, help="Logs that the topic is split into, by key."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        metavar="KEY=VALUE",
        help="A setting of this topic, such as retention.ms=3600000.",
    ),
]


@commands.command("list")
def list_all(
    internal: Annotated[
        bool, typer.Option("--internal", help="Include Kafka's own, such as __consumer_offsets.")
    ] = False,
) -> None:
    """List the topics, with their partitions and how many records each retains.

    Example: `labkit topics list`
    """
    from rich.table import Table
    from rich.text import Text

    from labkit.cli.terminal import console
    from labkit.core.terminal_text import visible
    from labkit.topics.topics import list_topics

    topics = list_topics(internal)
    if not topics:
        print("The broker answers, and has no topics yet. Next: labkit topics create co2-emissions")
        return
    table = Table("topic", box=None, pad_edge=False, header_style="bold")
    for heading in ("partitions", "replicas", "records"):
        table.add_column(heading, justify="right")
    for topic in topics:
        records = "?" if topic.records is None else f"{topic.records:,}"
        replicas = str(topic.replication_factor)
        table.add_row(Text(visible(topic.name)), str(topic.num_partitions), replicas, records)
    console().print(table)


@commands.command()
def describe(name: Name = "co2-emissions") -> None:
    """Show a topic's partitions: leaders, in-sync replicas and offsets.

    Example: `labkit topics describe co2-emissions`
    """
    from labkit.core.terminal_text import visible
    from labkit.topics.topics import describe_topic

    print(visible(str(describe_topic(name))))


@commands.command()
def create(
    name: Name = "co2-emissions",
    partitions: Partitions = None,
    replication_factor: Annotated[
        int | None,
        typer.Option(
            min=1, help="Brokers that hold each partition; by default 3, or all if fewer."
        ),
    ] = None,
    config: Settings = None,
) -> None:
    """Create a topic; it is also a success if it exists as asked for.

    Example: `labkit topics create sensors --partitions 6 --config retention.ms=3600000`
    """
    from labkit.topics.topics import ensure_topic

    print(ensure_topic(name, partitions, replication_factor, _settings(config)))


@commands.command()
def alter(name: Name, partitions: Partitions = None, config: Settings = None) -> None:
    """Add partitions, or change a topic's settings; KEY= resets one to the broker's default.

    Kafka never removes a partition. After an increase, a key may map to another one than before.

    Example: `labkit topics alter sensors --partitions 12`
    """
    from labkit.topics.topics import alter_topic

    changes = {key: value or None for key, value in (_settings(config) or {}).items()}
    print(alter_topic(name, partitions, changes or None))


@commands.command()
def delete(name: Name, yes: shared_options.Yes = False) -> None:
    """Delete a topic and every record in it. It asks first.

    Example: `labkit topics delete sensors --yes`
    """
    from labkit.topics.topics import delete_topic, describe_topic

    topic = describe_topic(name)
    if not yes:
        records = "?" if topic.records is None else f"{topic.records:,}"
        typer.confirm(f"Delete the topic {name} and its {records} records?", abort=True)
    delete_topic(name)
    print(f"The topic {name} and its records are gone.")


def _settings(config: list[str] | None) -> dict[str, str] | None:
    pairs = [text.partition("=") for text in config or ()]
    wrong = [key for key, equals, _ in pairs if not equals or not key]
    if wrong:
        msg = f"{wrong[0]!r} is not KEY=VALUE"
        raise typer.BadParameter(msg, param_hint="--config")
    return {key: value for key, _, value in pairs} or None
