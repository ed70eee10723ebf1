"""What the page says when not all is well: each state is a real one, of the real API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from axe import check_both_themes
from csv_feed import TOPIC, CsvFeed
from on_screen import figure
from playwright.sync_api import Page, expect
from waiting import wait_until

from labkit.api.app import Api, start_api
from labkit.core.run_files import RunFile, read_run_files
from labkit.sink.partition_status import PartitionStatus

pytestmark = pytest.mark.chromium

FIGURES = 5
PATIENCE_S = 60
PATIENCE_MS = PATIENCE_S * 1000


def ask(api: Api, path: str) -> Any:
    with urllib.request.urlopen(f"{api.url}/api/{path}") as answer:
        return json.load(answer)


@pytest.fixture
def stuck_drive(feed: CsvFeed, lab_dir: Path) -> Iterator[Callable[[], Callable[[], None]]]:
    """Return what makes the CSV's drive hang; what that returns lets it answer again.

    A named pipe replaces the file: a process that opens it waits in the operating system, as on a
    drive that does not answer, or on a file that is too large to be read in a moment.
    """
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes in its file system")
    csv = lab_dir / "data" / TOPIC / "0.csv"
    kept = csv.with_suffix(".kept")

    def hang() -> Callable[[], None]:
        csv.rename(kept)
        os.mkfifo(csv)
        return answer

    def answer() -> None:
        if kept.exists():
            pipe = os.open(csv, os.O_RDWR)  # releases the processes that wait
            kept.replace(csv)
            os.close(pipe)

    yield hang
    answer()


@pytest.fixture
def api_process(lab_dir: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Run the API as a process of its own, which can be frozen; return its address, too."""
    command = [sys.executable, "-m", "labkit", "api", "--port", "0"]
    with (lab_dir / "api.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    running = wait_until(lambda: read_run_files("api"), (lab_dir / "api.log").read_text)
    frozen = psutil.Process(process.pid)
    yield running[0]["url"], frozen
    frozen.resume()
    process.terminate()
    process.wait(PATIENCE_S)


def test_new_readings_appear_by_themselves(page: Page, feed: CsvFeed, api: Api) -> None:
    page.goto(api.url)
    notice = page.locator(".notice")
    expect(notice).to_contain_text("No readings yet")
    expect(notice).to_contain_text("labkit up")
    stored = feed.write(rounds=5)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    expect(page.locator(".strip")).to_contain_text(f"{stored}")
    expect(notice).to_have_count(0)
    stored += feed.write(rounds=5)
    expect(page.locator(".strip")).to_contain_text(f"{stored}")


def test_it_says_when_the_api_is_gone_and_recovers(page: Page, feed: CsvFeed, api: Api) -> None:
    feed.write(rounds=30)
    page.goto(api.url)
    expect(page.locator(".figure")).to_have_count(FIGURES)
    before = figure(page, "Emitted in total")
    api.stop()
    notice = page.locator(".notice")
    expect(notice).to_contain_text("The API does not answer", timeout=15_000)
    expect(notice).to_contain_text("old. The page asks again every two seconds")
    assert figure(page, "Emitted in total") == before  # the last figures stay
    feed.write(rounds=30)
    start_api(port=api.port)
    expect(notice).to_have_count(0, timeout=15_000)
    expect(page.get_by_role("status")).to_have_text("Readings are coming in.")
    assert figure(page, "Emitted in total") > before


def test_a_killed_consumer_is_named_at_once_and_says_what_waits(
    page: Page, feed: CsvFeed, api: Api, lab_dir: Path
) -> None:
    """The files as a killed consumer leaves them, beside a producer that goes on."""
    feed.write(rounds=5)
    silent = datetime.now(UTC) - timedelta(seconds=20)
    PartitionStatus(
        **{"partition": 0, "topic": TOPIC, "group_id": "csv-writer", "member_id": "one"},
        **{"pid": 1, "state": "running", "rows": 1, "grams": 1, "updated_at": silent},
    ).write(lab_dir / "data")
    running = RunFile("producer", "producer", topic=TOPIC)
    page.goto(api.url)
    notice = page.locator(".notice[data-kind=warning]")
    expect(notice).to_contain_text("No consumer is storing readings")
    expect(notice).to_contain_text("labkit consume")
    check_both_themes(page, "no consumer")
    running.remove()
    expect(notice).to_have_count(0)


def test_a_broker_that_is_gone_is_said_once_with_the_line_that_starts_it(
    page: Page, feed: CsvFeed, api: Api, lab_dir: Path
) -> None:
    feed.write(rounds=5)
    for partition in range(3):
        PartitionStatus(
            **{"partition": partition, "topic": TOPIC, "group_id": "csv-writer"},
            **{"member_id": "one", "pid": 1, "state": "paused", "rows": 1, "grams": 1},
            reason="No broker of this lab is running",
        ).write(lab_dir / "data")
    page.goto(api.url)
    notice = page.locator(".notice[data-kind=warning]")
    expect(notice).to_contain_text("No partition is being stored: No broker of this lab is running")
    expect(notice.locator("code")).to_have_text("labkit broker start")


def test_a_damaged_csv_is_a_warning_with_the_next_step(
    page: Page, feed: CsvFeed, api: Api, lab_dir: Path
) -> None:
    feed.write(rounds=5)
    with (lab_dir / "data" / "co2-emissions" / "1.csv").open("r+b") as csv:
        csv.seek(600)
        csv.write(b"\0\0\0")
    page.goto(api.url)
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Something needs a look")
    expect(notice).to_contain_text(ask(api, "health")["problems"][0])
    expect(notice).to_contain_text("labkit doctor")


def test_what_the_api_refuses_is_told_in_its_own_words(
    page: Page, feed: CsvFeed, api: Api, expected_statuses: set[int]
) -> None:
    feed.write(rounds=5)
    expected_statuses.add(422)
    with page.expect_response(lambda answer: answer.status == 422) as refused:
        page.goto(f"{api.url}/?window_s=5")
    problem = refused.value.json()
    notice = page.locator(".notice[data-kind=problem]")
    expect(notice.locator("h2")).to_have_text(problem["title"])
    expect(notice).to_contain_text(problem["detail"])
    expect(notice.locator("code")).to_have_text(problem["next"])
    expect(page.get_by_role("status")).to_have_text(problem["title"])
    check_both_themes(page, "refused")
    page.get_by_text("15 min").click()
    expect(page.locator(".figure")).to_have_count(FIGURES)
    expect(notice).to_have_count(0)
    # Later, with figures on the page: they stay, and are marked as old.
    page.evaluate(
        "history.pushState(null, '', '?window_s=5'); dispatchEvent(new Event('popstate'))"
    )
    expect(notice.locator("h2")).to_have_text(problem["title"])
    expect(page.locator(".board")).to_have_attribute("data-aged", "true")
    check_both_themes(page, "refused, with old figures")
    page.go_back()
    expect(notice).to_have_count(0)
    expect(page.locator(".board")).to_have_attribute("data-aged", "false")


def test_a_csv_that_is_still_being_read_is_waited_for(
    page: Page,
    feed: CsvFeed,
    lab_dir: Path,
    stuck_drive: Callable[[], Callable[[], None]],
    expected_statuses: set[int],
) -> None:
    stored = feed.write(rounds=30)
    expected_statuses.add(503)
    answer_again = stuck_drive()
    api = start_api(port=0)
    with page.expect_response(lambda answer: answer.status == 503) as busy:
        page.goto(api.url)
    assert busy.value.headers["retry-after"] == "1"
    notice = page.locator(".notice[data-kind=loading]")
    expect(notice).to_contain_text("The API is not ready yet")
    expect(notice).to_contain_text(busy.value.json()["detail"])
    expect(page.locator(".figure")).to_have_count(0)
    check_both_themes(page, "not ready")
    answer_again()
    expect(page.locator(".figure")).to_have_count(FIGURES, timeout=PATIENCE_MS)
    expect(notice).to_have_count(0)
    assert ask(api, "summary")["records"] == stored
    before = figure(page, "Emitted in total")
    # Restarted, while somebody is looking: the old figures stay, with their age.
    api.stop()
    answer_again = stuck_drive()
    start_api(port=api.port)
    expect(notice).to_contain_text("What you see is", timeout=PATIENCE_MS)
    assert figure(page, "Emitted in total") == before
    check_both_themes(page, "not ready, with old figures")
    answer_again()
    expect(notice).to_have_count(0, timeout=PATIENCE_MS)
    assert figure(page, "Emitted in total") == before


def test_an_api_that_hangs_is_slow_and_then_given_up(
    feed: CsvFeed, api_process: tuple[str, psutil.Process], page: Page
) -> None:
    feed.write(rounds=30)
    url, process = api_process
    page.goto(url)
    expect(page.locator(".figure")).to_have_count(FIGURES, timeout=PATIENCE_MS)
    aborted: list[str] = []
    page.on("requestfailed", lambda request: aborted.append(request.url))
    before = figure(page, "Emitted in total")
    process.suspend()
    slow = page.locator(".notice[data-kind=slow]")
    expect(slow).to_contain_text("has not answered yet", timeout=PATIENCE_MS)
    gone = page.locator(".notice[data-kind=gone]")
    expect(gone).to_contain_text("The API takes too long to answer", timeout=PATIENCE_MS)
    assert any("api/dashboard" in url for url in aborted)
    assert figure(page, "Emitted in total") == before
    check_both_themes(page, "given up")
    feed.write(rounds=30)
    process.resume()
    expect(page.get_by_role("status")).to_have_text("Readings are coming in.", timeout=PATIENCE_MS)
    assert figure(page, "Emitted in total") > before
