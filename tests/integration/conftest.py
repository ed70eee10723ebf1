"""Fixtures that stand in files of their own."""

from __future__ import annotations

from running_lab import running

__all__ = ["running"]
