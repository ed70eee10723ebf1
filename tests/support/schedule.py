"""Which tests a worker of pytest-xdist takes together, and which units of work start first.

A unit of work runs on one worker, in order. It is a test module, since a module's tests often share
a cluster or a browser. A few modules are split, because each of their tests takes long and starts
its own cluster.
"""

from __future__ import annotations

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling

SPLIT = (
    "tests/integration/api/test_fuzz.py",
    "tests/integration/broker/test_kafka_tools.py",
    "tests/integration/checker/",
    "tests/integration/cli/",
    "tests/integration/faults/test_broker_faults.py",
    "tests/integration/faults/test_consumer_faults.py",
    "tests/integration/pipeline/",
    "tests/integration/broker/test_broker.py",
    "tests/e2e/lessons/",
    "tests/e2e/widgets/test_notebook",
    "tests/notebooks/test_run.py",
    "tests/notebooks/test_messy.py",
)
"""Modules whose tests are units of their own: they share nothing that is expensive to start."""

NETWORK = (
    *("/test_broker_for_tests.py", "/test_compose.py", "/test_compose_stages.py"),
    "/test_server.py",
)

QUEUE = (
    "in order",  # the lessons, one after the other: the longest two
    "in reverse",
    "network",  # containers and a server change the machine's network: Chromium loses connections
    "tests/integration/deploy/test_monitoring.py",  # minutes, most of them waiting for alerts
    "tests/unit",  # quick, and where most mistakes show
    "tests/integration/pipeline",
    "tests/integration/faults",
    "tests/e2e",
    "tests/notebooks",
    "tests/integration",  # the shortest, so that all workers end at about the same time
)
"""Beginnings of units, in the order in which they start."""


def unit_of(test: str) -> str:
    """Return the unit of work that a test belongs to."""
    module, _, name = test.partition("::")
    if chain := re.search(r"\[\w+-(in order|in reverse)\]", name):
        return chain[1]  # lessons that follow each other in one lab
    if "[docker" in name or module.endswith(NETWORK):
        return "network"  # one container for nearly all of them
    return test if module.startswith(SPLIT) else module


def rank(test: str) -> int:
    """Return a test's place in the queue."""
    unit = unit_of(test)
    found = (place for place, start in enumerate(QUEUE) if unit.startswith(start))
    return next(found, len(QUEUE))


class Schedule(LoadScopeScheduling):  # type: ignore[misc]
    """Give each idle worker the next unit of the queue, which keeps the order of collection."""

    def __init__(self, config: Any, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
