"""The prose check finds a phrase in what people read, and none in code or in what is quoted."""

from __future__ import annotations

import json
from pathlib import Path

import check_prose
import pytest


def found(path: Path) -> list[tuple[int, str]]:
    return [(line, phrase) for line, phrase, _better in check_prose.phrases(path)]


def test_python_comments_docstrings_and_messages_are_read(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        '"""Make it anew.\n\nA row is\nno reading."""\n'
        "anew = amiss  # whoever reads this\n"
        'message = f"something is {amiss} amiss in this file"\n'
        'KEY = "shall"\n'
    )
    assert found(path) == [(1, "anew"), (3, "is no reading"), (5, "whoever"), (6, "amiss")]


def test_code_and_quotations_in_markdown_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        "Say `anew` or\n\n```\nmake it anew\n```\n\nThere is no broker. We shall see.\n"
    )
    assert found(path) == [(7, "shall")]


def test_of_a_notebook_the_texts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lesson.ipynb"
    cells = [
        {"cell_type": "code", "source": ["shall = 1"]},
        {"cell_type": "markdown", "source": ["Nothing\n", "of late."]},
    ]
    path.write_text(json.dumps({"cells": cells}))
    assert found(path) == [(2, "of late")]


def test_of_typescript_the_comments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "page.ts"
    path.write_text("const shall = 'http://x'; // shall\n/* It is\n * amiss. */\n")
    assert found(path) == [(1, "shall"), (3, "amiss")]


@pytest.mark.parametrize("phrase", ["is no longer", "there is no record", "is no slower"])
def test_plain_english_is_left_alone(tmp_path: Path, phrase: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"It says that {phrase} so.\n")
    assert found(path) == []
