"""Kafka's own command-line tools, from the same verified jars as the broker.

In Kafka's download each tool is a short script in ``bin/`` that starts Java with a main class;
``kafka_tools.csv`` lists both. Java is started directly, so the tools also work on Windows, where
the class path is too long for the scripts.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from labkit.broker.broker_process import TEMPORARY_FOLDER
from labkit.broker.install.java import class_path, java_environment, java_executable
from labkit.broker.install.kafka_jars import Group, kafka_jars, kafka_version
from labkit.broker.kafka_clients import bootstrap_servers, probe
from labkit.broker.security_properties import properties_file
from labkit.core.config import load_config
from labkit.core.errors import LabError

LOG_CONFIG = Path(__file__).with_name("tools-log4j2.properties")
HEAP = "-Xmx512m"

Place = Literal["first", "last", "nowhere"]


@dataclass(frozen=True)
class Tool:
    """How to start one tool.

    `bootstrap` says where the cluster's address goes: before the user's arguments, after them
    (where it belongs to a subcommand), or nowhere. A tool that `serves` runs until it is stopped,
    and logs at level INFO; the others log warnings only.
    """

    main_class: str
    bootstrap: Place = "first"
    group: Group = "broker"
    bootstrap_option: str = "--bootstrap-server"
    serves: bool = False


def _read_tools() -> Iterator[tuple[str, Tool]]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        row: dict[str, Any]
        for row in csv.DictReader(file):
            yield row.pop("name"), Tool(**{**row, "serves": row["serves"] == "yes"})


MOVED_CLASSES = {"4.4.0": {"kafka.admin.ConfigCommand": "org.apache.kafka.tools.ConfigCommand"}}
"""Classes whose name differs from that in ``kafka_tools.csv``, by version."""
TOOLS = dict(_read_tools())
"""The name of each script in ``bin/`` (for trogdor: with its action), and how to start it."""


def tool_names() -> list[str]:
    """Return the names of Kafka's tools, as in its ``bin/``."""
    return sorted({name.split()[0] for name in TOOLS} | {"kafka-run-class"})


def run_tool(name: str, arguments: Sequence[str]) -> int:
    """Run one of Kafka's own command-line tools, in this terminal.

    If the tool needs a cluster and you gave no address, the lab's address and login settings are
    added. Input, output and exit status are the tool's own; Ctrl-C reaches it as usual.

    Parameters
    ----------
    name : str
        The tool, with or without ``.sh``: ``kafka-topics``.
    arguments : sequence of str
        Its own arguments: ``["--list"]``. ``["--help"]`` lists them.

    Returns
    -------
    int
        The tool's exit status.

    Raises
    ------
    LabError
        Kafka has no tool of that name; similar names are in the message. Or a Connect worker would
        accept requests from the whole network.
    BrokerUnavailable
        The tool needs a cluster and none answers.

    See: Kafka documentation, "Basic Kafka Operations"; ``labkit kafka TOOL --help``.
    """
    tool, rest = find_tool(name, arguments)
    if tool.main_class.startswith("org.apache.kafka.connect.cli."):
        _refuse_open_worker(rest)
    if not wants_bootstrap(tool, rest):
        return _run([*java_command(tool), *rest])
    servers = bootstrap_servers()
    probe(servers)  # a tool retries a dead address for a minute
    with properties_file(load_config()) as security:
        options = [tool.bootstrap_option, servers]
        if security is not None and "--command-config" not in rest:
            options += ["--command-config", str(security)]
        rest = [*options, *rest] if tool.bootstrap == "first" else [*rest, *options]
        return _run([*java_command(tool), *rest])


def _refuse_open_worker(arguments: Sequence[str]) -> None:
    """Refuse to start a Connect worker that would accept requests from the whole network.

    Its REST API has no password, and anyone who creates a connector can run code. Without
    ``listeners`` it is on every address. See: Kafka documentation, "Connect: REST API".
    """
    worker = Path(next((word for word in arguments if not word.startswith("-")), ""))
    if not worker.is_file():
        return  # Connect itself reports that it needs a file
    text = worker.read_text(encoding="utf-8", errors="replace")
    if re.search(r"^\s*listeners\s*[=:]\s*\S", text, re.MULTILINE) is None:
        msg = f"{worker} does not say where Connect listens, and then it is on every address"
        raise LabError(msg, f"add to {worker.name}: listeners=http://127.0.0.1:8083")


def _run(command: list[str]) -> int:
    """Run a command in this terminal and return its exit status."""
    process = subprocess.Popen(command, env=java_environment())
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue  # the tool got it from the terminal as well, and ends by itself
        return status if status >= 0 else 128 - status


def wants_bootstrap(tool: Tool, arguments: Sequence[str]) -> bool:
    """Tell whether a tool needs the cluster's address and has none in its arguments."""
    if tool.bootstrap == "nowhere" or {"-h", "--help", "--version"} & set(arguments):
        return False
    if tool.bootstrap == "last" and not arguments:
        return False  # without a subcommand the tool prints its usage
    given = ("--bootstrap-", tool.bootstrap_option)
    short = ("-b", "-C") if tool.bootstrap == "last" else ()
    return not any(word.startswith(given) or word in short for word in arguments)


def java_command(tool: Tool) -> list[str]:
    """Return the command line that starts a tool, up to its own arguments.

    ``KAFKA_HEAP_OPTS`` and ``KAFKA_OPTS`` work as for Kafka's scripts.
    """
    temporary = load_config().state_dir / TEMPORARY_FOLDER
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        str(java_executable()),
        *shlex.split(os.environ.get("KAFKA_HEAP_OPTS", HEAP)),
        "--enable-native-access=ALL-UNNAMED",  # else Java warns when a codec loads its library
        "-XX:+UseSerialGC",  # the collector that starts fastest
        f"-Dlog4j2.configurationFile={LOG_CONFIG.as_uri()}",
        f"-Djava.io.tmpdir={temporary}",  # /tmp may not allow to load a codec's library
        f"-Dlabkit.level={'INFO' if tool.serves else 'WARN'}",
        *shlex.split(os.environ.get("KAFKA_OPTS", "")),
        "-cp",
        class_path(kafka_jars(tool.group)),
        tool.main_class,
    ]


def find_tool(name: str, arguments: Sequence[str]) -> tuple[Tool, list[str]]:
    """Look up a tool by its name in ``bin/``; return it and its remaining arguments."""
    rest = list(arguments)
    known = re.sub(r"\.(sh|bat)$", "", name)
    if known == "kafka-run-class" and rest:
        return Tool(rest[0], "nowhere"), rest[1:]
    if known == "trogdor" and rest:
        known = f"trogdor {rest.pop(0)}"
    if known in TOOLS:
        return _of_version(TOOLS[known]), rest
    raise _unknown(known)


def _of_version(tool: Tool) -> Tool:
    """Return a tool as the version has it that the settings ask for."""
    moved = MOVED_CLASSES.get(kafka_version(), {})
    return replace(tool, main_class=moved.get(tool.main_class, tool.main_class))


def _unknown(name: str) -> LabError:
    if name.startswith("zookeeper"):
        msg = f"there is no {name}: Kafka 4 has no ZooKeeper; KRaft controllers hold its metadata"
        return LabError(msg, "labkit kafka kafka-metadata-quorum describe --status")
    if name == "kafka-server-stop":
        return LabError("the lab's broker is stopped by the lab", "labkit broker stop")
    if name == "kafka-run-class":
        return LabError("kafka-run-class takes the name of a Java class", "labkit kafka --help")
    stems = {tool.removeprefix("kafka-"): tool for tool in tool_names()}
    near = [stems[stem] for stem in get_close_matches(name.removeprefix("kafka-"), stems)]
    msg = f"Kafka has no tool {name!r}; there is {', '.join(near or tool_names())}"
    return LabError(msg, f"labkit kafka {near[0] if near else 'kafka-topics'} --help")
