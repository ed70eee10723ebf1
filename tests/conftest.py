"""What all tests share: a lab of their own, one real broker for the session, fresh topics."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka_container import any_bootstrap_servers, docker_broker

import labkit as lab
from labkit.broker.broker import Broker

__all__ = ["any_bootstrap_servers", "docker_broker"]  # fixtures that stand in a file of their own

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def session_lab_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the whole session a lab of its own, so that no test meets the one of this checkout."""
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
    """Give one test a lab of its own; whatever it leaves running there is stopped."""
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
    """Point the lab at the session's broker, also from a lab of its own (`lab_dir`)."""
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    return broker.bootstrap_servers


def fresh_name(request: pytest.FixtureRequest) -> str:
    """Return a topic name that no other test has, and that tells which test it was."""
    test = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name).strip("-")[:60]
    return f"{test}-{next(_numbers)}"


@pytest.fixture
def topic_name(request: pytest.FixtureRequest) -> str:
    """Return a fresh name, and make nothing."""
    return fresh_name(request)


@pytest.fixture
def topic(bootstrap_servers: str, request: pytest.FixtureRequest) -> str:
    """Make a fresh topic with three partitions, and return its name."""
    name = fresh_name(request)
    lab.ensure_topic(name, num_partitions=3)
    return name
