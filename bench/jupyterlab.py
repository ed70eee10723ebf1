"""A real JupyterLab with a notebook, in a real browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from labkit.core.run_files import read_run_files

SLOW_MS = 90_000  # a kernel's start on a busy machine


@contextmanager
def jupyterlab(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run the real ``labkit lab`` on a lab's folder; return its address, with the token."""
    command = [sys.executable, "-m", "labkit", "lab", str(folder), "--no-browser", "--port", "0"]
    log = folder / "jupyterlab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    try:
        deadline = time.monotonic() + SLOW_MS / 1000
        while not (found := [run for run in read_run_files("lab") if run["pid"] == process.pid]):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found[0]["url"]
    finally:
        process.terminate()
        process.wait(60)


def write_notebook(folder: Path, *cells: str) -> str:
    """Write a notebook without outputs, with its kernel named."""
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            },
            "language_info": {"name": "python"},
        },
        "cells": [
            {
                "id": f"cell-{number}",
                "cell_type": "code",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }
    name = "lesson.ipynb"
    (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    return name


def open_and_run(page: Page, address: str, notebook: str) -> None:
    """Open a notebook in JupyterLab and run all of its cells."""
    parts = urlsplit(address)
    page.goto(f"{parts.scheme}://{parts.netloc}/lab/tree/{notebook}?{parts.query}")
    expect(page.locator(".jp-Notebook")).to_be_visible(timeout=SLOW_MS)
    # Not the notebook's own light, which says "idle" before the kernel has been asked for.
    status_bar = page.locator("#jp-main-statusbar")
    expect(status_bar).to_contain_text("Python 3 (ipykernel) | Idle", timeout=SLOW_MS)
    expect(page.locator(".jp-Dialog")).to_have_count(0)  # no news, no question about a kernel
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
