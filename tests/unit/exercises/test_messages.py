"""The wording of all messages of checks: sentences that begin with a capital, plurals by number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lessons import NOTEBOOKS

import labkit

PACKAGE = Path(labkit.__file__).parent
LAZY_PLURAL = re.compile(r"[a-z]\((s|es|ies)\)")
MARKING = [
    *PACKAGE.glob("exercises/lesson_*.py"),
    *PACKAGE.glob("exercises/capstone/*.py"),
    *PACKAGE.glob("exercises/queries/*.py"),
]


def beginnings(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the first literal of each message that a module raises or returns."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"NotYet": 0, "NotAttempted": 0, "Observed": 1}.get(node.func.id)
            if place is not None and len(node.args) > place:
                yield node.lineno, first_literal(node.args[place])
        is_task = isinstance(node, ast.FunctionDef) and any(
            isinstance(one, ast.Name) and one.id == "exercise" for one in node.decorator_list
        )
        if is_task:
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and one.value is not None:
                    yield one.lineno, first_literal(one.value)


def first_literal(node: ast.expr) -> str:
    """Return the text with which an expression begins; empty where that is computed."""
    if isinstance(node, ast.JoinedStr):
        return first_literal(node.values[0])
    if isinstance(node, ast.BinOp):
        return first_literal(node.left)
    return str(node.value) if isinstance(node, ast.Constant) else ""


@pytest.mark.parametrize("path", MARKING, ids=lambda path: path.stem)
def test_each_message_begins_with_a_capital(path: Path) -> None:
    found = list(beginnings(ast.parse(path.read_text(encoding="utf-8"))))
    assert not [f"line {line}: {said}" for line, said in found if said[:1].islower()]


def test_plurals_are_by_number() -> None:
    """``2 plant(s)`` is left to the reader; `labkit.core.text_tables.many` says ``2 plants``."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not LAZY_PLURAL.search(node.value), f"{path}, line {node.lineno}"
    for path in NOTEBOOKS.glob("*.ipynb"):
        assert not LAZY_PLURAL.search(path.read_text(encoding="utf-8")), path
