"""Fixtures from files in tests/support."""

from __future__ import annotations

from own_cluster import three_brokers
from running_lab import running

__all__ = ["running", "three_brokers"]
