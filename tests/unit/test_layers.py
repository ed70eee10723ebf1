"""The rules of docs/architecture.md, read from the table there and held by the imports here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import labkit

PACKAGE = Path(labkit.__file__).parent
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"

HOMES = {
    "faker": {"plants", "fleet"},
    "kafka": {
        *("connection", "broker", "topics", "topic_changes", "topic_state", "producer", "outbox"),
        *("producer_options", "producer_client", "cluster_watch", "offsets_watch"),
        *("consumer", "consumer_loop", "consumer_report", "assignment", "dead_letters", "scales"),
        *(
            "record_batch",
            "record_store",
            "watchdog",
            "topic_reader",
            "topic_faults",
            "traffic_faults",
        ),
        *("listeners", "exercises", "kept_clients", "topic_watch", "group_watch"),
    },
    "pandas": {"columns", "snapshot", "table", "export", "exercises"},
    "flask": {
        "api",
        "api_data",
        "api_gzip",
        "api_metrics",
        "api_pages",
        "api_problems",
        "api_routes",
        "api_server",
        "exercises",
    },
    "flask_openapi3": {"api", "api_routes"},
    "waitress": {"api_server"},
    "prometheus_client": {"api_metrics", "exercises"},
    "anywidget": {"widgets"},
    "typer": {"cli"},
    "jgo": {"jars"},
}
"""One library, one home: the modules that may import it."""

KAFKA_FREE = {"rows", "sink", "table", "series", "summary", "api", "export"}
"""The CSV is the seam: none of these may reach Kafka, not even through another module."""

MOST_LINES = 300  # "about 250"


def modules() -> dict[str, list[Path]]:
    """Return the files of each module; a package inside of labkit counts as one."""
    found = {path.stem: [path] for path in PACKAGE.glob("*.py")}
    for package in PACKAGE.glob("*/__init__.py"):
        found[package.parent.name] = sorted(package.parent.glob("*.py"))
    return found


@cache
def imports(path: Path) -> frozenset[str]:
    """Return what a file imports, with its full name; what only mypy reads is left out."""
    found: set[str] = set()
    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from walk(child)


def own_imports() -> dict[str, set[str]]:
    """Return which modules of the lab each module imports."""
    known = modules()
    return {
        name: {
            parts[1]
            for path in paths
            for parts in (imported.split(".") for imported in imports(path))
            if parts[0] == "labkit" and len(parts) > 1 and parts[1] in known and parts[1] != name
        }
        for name, paths in known.items()
    }


def layers() -> dict[str, int]:
    """Read the table of the architecture: the layer of each module."""
    found: dict[str, int] = {}
    for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines():
        row = re.fullmatch(r"\| (\d+) \| (.*) \|", line)
        if row:
            for name in re.findall(r"`(\w+)/?`", row[2]):
                assert name not in found, f"{name} stands in the table twice"
                found[name] = int(row[1])
    return found


def test_every_module_has_its_place_in_the_table() -> None:
    written, there = set(layers()), set(modules()) - {"__main__"}
    assert there - written == set(), "add them to docs/architecture.md"
    assert written - there == set(), "docs/architecture.md names modules that are gone"


def test_imports_go_down_only() -> None:
    layer = layers()
    up = {
        f"{name} (layer {layer[name]}) imports {other} (layer {layer[other]})"
        for name, others in own_imports().items()
        for other in others
        if name != "__main__" and layer[other] > layer[name]
    }
    assert up == set()


def test_no_two_modules_import_each_other() -> None:
    try:
        TopologicalSorter(own_imports()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    users = {
        name
        for name, paths in modules().items()
        for path in paths
        for imported in imports(path)
        if imported.split(".")[0] == library
    }
    assert users - HOMES[library] == set()
    assert users, f"nobody imports {library}: is its home still right?"


@pytest.mark.parametrize("name", sorted(KAFKA_FREE))
def test_behind_the_csv_nobody_reaches_kafka(name: str) -> None:
    graph, seen, todo = own_imports(), set(), [name]
    while todo:
        here = todo.pop()
        seen.add(here)
        todo += graph[here] - seen
    assert seen & HOMES["kafka"] == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
