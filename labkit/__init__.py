"""The helper package of the lab: one function per verb, one module per stage.

    import labkit as lab
    broker = lab.start_broker()

The names below are loaded on first use, so ``import labkit`` is instant and a notebook without
widgets never needs the built front end.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "start_broker": "broker",
    "Broker": "broker",
    "ensure_topic": "topics",
    "describe_topic": "topics",
    "list_topics": "topics",
    "alter_topic": "topics",
    "delete_topic": "topics",
    "fresh_topic": "experiments",
    "use_cluster": "experiments",
    "Reading": "readings",
    "Facility": "readings",
    "Fleet": "fleet",
    "start_producer": "producer",
    "start_consumer": "consumer",
    "read_table": "table",
    "start_api": "api",
    "carbon_ledger": "ledger",
    "check_pipeline": "checker",
    "live_chart": "widgets",
    "live_ledger": "widgets",
    "show_dashboard": "widgets",
    "partition_view": "widgets",
    "group_view": "widgets",
    "producer_panel": "widgets",
    "cluster_map": "widgets",
    "lag_chart": "widgets",
    "throughput_chart": "widgets",
    "inject": "faults",
    "mend": "faults",
    "start_proxy": "proxy",
    "start_second_broker": "second_broker",
    "advertised": "listeners",
    "start_connect": "connect",
    "Connect": "connect",
    "count_lines": "connect_count",
    "start_secured_broker": "secured_broker",
    "picture": "pictures",
    "progress": "exercises.overview",
    "doctor": "checkup",
    "running": "worker",
    "stop_all": "worker",
    "load_config": "config",
    "LabError": "errors",
}

__version__ = "0.1.0"
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module 'labkit' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"labkit.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Put the error lens into a notebook: ``%load_ext labkit``."""
    from labkit.lens import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take it out again: ``%unload_ext labkit``."""
    from labkit.lens import unload

    unload(shell)
