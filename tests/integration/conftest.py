"""Fixtures that are in separate files."""

from __future__ import annotations

from running_lab import running

__all__ = ["running"]
