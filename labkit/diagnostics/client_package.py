"""Which package ``import kafka`` is: kafka-python, or one that stands in its place."""

from __future__ import annotations

from importlib import metadata

SHADOWS = ("kafka-python-ng", "kafka")
"""Packages that install a ``kafka`` of their own: a fork that is archived, and one of 2017."""


def version_of(distribution: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def removals() -> list[str]:
    """Return which packages stand in kafka-python's place here."""
    return [name for name in SHADOWS if version_of(name)]
