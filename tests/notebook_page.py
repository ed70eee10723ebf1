"""A notebook in a real JupyterLab, as a learner meets it in the browser."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

SLOW_MS = 90_000  # a kernel's start on a busy machine


def write_notebook(folder: Path, *cells: str) -> str:
    """Write a notebook as a learner would have it: no outputs, its kernel named."""
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
