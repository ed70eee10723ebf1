"""Fixtures for all tests: a separate lab, one real broker for each worker, fresh topics."""

from __future__ import annotations

import itertools
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schedule
from csv_feed import CsvFeed
from hypothesis import HealthCheck, settings
from kafka.net.selector import NetworkSelector
from kafka_container import any_bootstrap_servers, docker_broker

import labkit as lab
from labkit.broker.broker import Broker

__all__ = ["any_bootstrap_servers", "docker_broker"]  # fixtures in a file of their own

_numbers = itertools.count(1)

_close_selector = NetworkSelector.close


def _close_with_all_sockets(selector: NetworkSelector) -> None:
    """Close a Kafka client's event loop, and the sockets that are still registered in it.

    Closing a client of kafka-python 3.0.12 leaves the socket of a connection open that still has a
    request to write (``KafkaTCPTransport.close``). The garbage collector would close it in
    whichever test runs then, with a ResourceWarning.
    """
    registered = [] if selector._closed else list(selector._selector.get_map().values())
    _close_selector(selector)
    for key in registered:
        if hasattr(key.fileobj, "close"):
            key.fileobj.close()


NetworkSelector.close = _close_with_all_sockets
_began = time.monotonic()

# How long an example takes depends on what else the machine does. No test is about that.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Choose one seed for the whole run; the workers inherit it."""
    os.environ.setdefault("LABKIT_TEST_SEED", str(random.SystemRandom().randrange(10**6)))


def pytest_report_header(config: pytest.Config) -> str:
    """Tell how to repeat a run's random choices."""
    seed = os.environ["LABKIT_TEST_SEED"]
    return f"seed {seed}: LABKIT_TEST_SEED={seed} repeats the random choices"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> schedule.Schedule:
    """Distribute the tests as `schedule` says."""
    return schedule.Schedule(config, log)


@pytest.hookimpl(tryfirst=True)  # before pytest itself selects by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the unit tests as quick, and order the units of work where workers share them."""
    for item in items:
        if item.nodeid.startswith("tests/unit/"):
            item.add_marker("quick")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: schedule.rank(item.nodeid))


class Failures:
    """Reports each failure at once, and how long after the start it came."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            after_s = time.monotonic() - _began
            crash = getattr(report.longrepr, "reprcrash", None)
            why = crash.message.partition("\n")[0][:200] if crash else report.when
            self._terminal.write_line(
                f"failed after {after_s:.0f} s: {report.nodeid}: {why}", red=True
            )


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Report failures while the tests run, where there is a terminal."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        session.config.pluginmanager.register(Failures(terminal))


@pytest.fixture(scope="session", autouse=True)
def session_lab_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the session a separate lab, so that no test uses the one of this checkout."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LABKIT_")]:
            if name not in ("LABKIT_CACHE_DIR", "LABKIT_TEST_REQUIRE"):
                patch.delenv(name)
        patch.setenv("LABKIT_LAB_DIR", str(folder))
        patch.setenv("LABKIT_STATE_DIR", str(folder / ".labkit"))
        patch.setenv("LABKIT_AOT_CACHE", "0")  # an existing cache is used, none is made
        yield folder


@pytest.fixture
def lab_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session_lab_dir: Path
) -> Iterator[Path]:
    """Give one test a separate lab; stop whatever it leaves running there."""
    monkeypatch.setenv("LABKIT_LAB_DIR", str(tmp_path))
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path / ".labkit"))
    yield tmp_path
    lab.stop_all()
    from labkit.broker.broker import stop_cluster

    stop_cluster()


@pytest.fixture(scope="session")
def broker(session_lab_dir: Path) -> Iterator[Broker]:
    """Return the session's real broker."""
    with lab.start_broker() as one:
        yield one


@pytest.fixture
def bootstrap_servers(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the lab at the session's broker, also from a separate lab (`lab_dir`)."""
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    return broker.bootstrap_servers


def fresh_name(request: pytest.FixtureRequest) -> str:
    """Return a topic name that no other test has and that contains the test's name."""
    test = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name).strip("-")[:60]
    return f"{test}-{next(_numbers)}"


@pytest.fixture
def topic_name(request: pytest.FixtureRequest) -> str:
    """Return a fresh name, and create nothing."""
    return fresh_name(request)


@pytest.fixture
def topic(bootstrap_servers: str, request: pytest.FixtureRequest) -> str:
    """Create a fresh topic with three partitions, and return its name."""
    name = fresh_name(request)
    lab.ensure_topic(name, num_partitions=3)
    return name


@pytest.fixture
def feed(lab_dir: Path) -> Iterator[CsvFeed]:
    """Return the writer of the lab's CSV: the real sink, fed by the fleet."""
    feed = CsvFeed(lab_dir / "data")
    yield feed
    feed.close()
