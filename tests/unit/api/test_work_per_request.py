"""What an answer costs grows no faster than the number of facilities, counted in calls."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from csv_feed import TOPIC, CsvFeed
from flask import Flask
from flask.testing import FlaskClient

from labkit.api.app import create_app
from labkit.core import background_workers
from labkit.table import snapshot as snapshot_module

FEW, MANY = 60, 240
ROUNDS = 2
PATHS = [
    "/api/health",
    "/api/readings?after=&limit=5000",
    "/api/readings?sector=power",
    "/api/series?by=facility",
    "/api/summary?top=100",
    "/api/summary?window_s=60&country=PL",
    "/api/facilities",
    "/api/facilities?sector=power",
    "/api/dashboard?by=facility&heat_window_s=21600&top=100&limit=500",
    "/api/dashboard?fuel=gas",
    "/api/pipeline",
    "/api/latency",
    "/api/ledger",
    "/api/openapi.json",
    "/metrics",
]


class CallCount:
    """How many functions this thread calls, Python's and those written in C."""

    def __init__(self) -> None:
        self.calls = 0

    def __enter__(self) -> CallCount:
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_exc: object) -> None:
        sys.setprofile(None)

    def _count(self, _frame: FrameType, event: str, _what: Any) -> None:
        self.calls += event in ("call", "c_call")


def stored(folder: Path, facilities: int) -> Flask:
    """Return an API over so many facilities, with chunks of as many rows in either case."""
    feed = CsvFeed(folder, facilities=facilities)
    feed.write(ROUNDS)
    feed.close()
    return create_app(folder, TOPIC)


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Flask]]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        patch.setattr(snapshot_module, "OPEN_ROWS", 20)
        yield {size: stored(folder / str(size), size) for size in (1, FEW, MANY)}
        background_workers.stop_all()


def calls_for(client: FlaskClient, path: str) -> int:
    with CallCount() as count:
        assert client.get(path).status_code == 200
    return count.calls


def test_every_route_is_counted(apps: dict[int, Flask]) -> None:
    routes = {rule.rule for rule in apps[FEW].url_map.iter_rules()}
    data = {rule for rule in routes if rule == "/metrics" or rule.startswith("/api/")}
    assert {path.partition("?")[0] for path in PATHS} == {
        rule for rule in data if not rule.startswith("/api/docs")
    }


@pytest.mark.parametrize("path", PATHS)
def test_four_times_the_facilities_cost_at_most_four_times_the_calls(
    apps: dict[int, Flask], path: str
) -> None:
    calls_for(apps[1].test_client(), path)  # whatever is made once in a process
    few, many = (calls_for(apps[size].test_client(), path) for size in (FEW, MANY))
    assert many <= few * MANY / FEW, f"{few} calls for {FEW} facilities, {many} for {MANY}"
