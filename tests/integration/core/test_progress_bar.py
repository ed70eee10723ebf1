"""The sign of life below a cell: one line, updated in place, which stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel import Kernel

WAIT = """
import threading
from labkit.core import progress_bar as waiting

waiting.NOTEBOOK_LINE_S = 0.01
said, real = threading.Event(), waiting._NotebookLine.__call__

def heard(line, text):
    real(line, text)
    said.set()

waiting._NotebookLine.__call__ = heard
with waiting.waiting("Fetching", 45_000_000) as advance:
    advance(45_000_000)
    assert said.wait(60)
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    one = Kernel(tmp_path)
    yield one
    one.stop()


def test_it_takes_one_line_of_a_notebook(kernel: Kernel) -> None:
    cell = kernel.fine(WAIT)
    assert [one["text/plain"] for one in cell.shown] == ["Fetching: 45 of 45 MB, 0 s"]
    assert cell.stream == ""


def test_what_is_soon_done_says_nothing(kernel: Kernel) -> None:
    code = "from labkit.core.progress_bar import waiting\nwith waiting('Starting'):\n    pass"
    assert kernel.fine(code).shown == []
