"""The first lesson as a learner sees it: in a real JupyterLab, from the first cell to the last."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from bench.jupyterlab import SLOW_MS, open_and_run
from labkit.broker.cluster_state import read_cluster

pytestmark = pytest.mark.chromium

LESSON = Path(__file__).parents[3] / "notebooks" / "00_start_here.ipynb"
WHOLE_LESSON_MS = 300_000
LOOKS_S = 30
"""How long somebody looks at the chart; a point is ten simulated minutes, four seconds of ours."""


def test_the_lesson_runs_and_its_chart_moves(
    page: Page, jupyterlab: str, lab_dir: Path, artifacts: Path
) -> None:
    lesson = nbformat.read(LESSON, as_version=4)
    chart = next(n for n, cell in enumerate(lesson.cells) if "lab.live_chart()" in cell.source)
    looking = nbformat.v4.new_code_cell(f"import time\ntime.sleep({LOOKS_S})")
    lesson.cells.insert(chart + 1, looking)
    nbformat.write(lesson, lab_dir / LESSON.name)
    page.set_viewport_size({"width": 1280, "height": 9600})  # all cells painted, none scrolled off
    open_and_run(page, jupyterlab, LESSON.name)

    state, sentence = page.locator(".labkit-state").first, page.locator(".ef-sentence")
    said = sentence.inner_text(timeout=WHOLE_LESSON_MS)
    expect(state).to_contain_text(re.compile(r"[1-9][\d,]* readings"), timeout=WHOLE_LESSON_MS)
    seen = state.inner_text()
    expect(state).not_to_have_text(seen, timeout=SLOW_MS)
    expect(sentence).not_to_have_text(said, timeout=SLOW_MS)

    last = page.locator(".jp-CodeCell .jp-InputPrompt").last
    expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=WHOLE_LESSON_MS)
    page.screenshot(path=artifacts / "00-start-here.png")
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    assert page.get_by_text("Traceback (most recent call last)").count() == 0
    verdict = page.locator(".jp-OutputArea-output", has_text="Carbon ledger of").last
    expect(verdict).to_contain_text("agree")
    expect(state).to_contain_text("Stopped.")
    cluster = read_cluster()
    assert cluster is not None
    assert not any(one.is_running for one in cluster.nodes)
