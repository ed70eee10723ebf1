"""A lab of its own for a soak or a drill: nothing of the user's lab is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labkit.core.background_workers import stop_all
from labkit.core.errors import LabError
from labkit.faults.faults import mend
from labkit.pipeline.down import stop_lab

KEPT = ("LABKIT_CACHE_DIR", "LABKIT_AOT_CACHE")


@contextmanager
def lab_in(folder: Path) -> Iterator[None]:
    """Use another folder as the lab, without the settings of the present one."""
    before = {name: value for name, value in os.environ.items() if name.startswith("LABKIT_")}
    for name in before:
        if name not in KEPT:
            del os.environ[name]
    os.environ["LABKIT_LAB_DIR"] = str(folder)
    os.environ["LABKIT_STATE_DIR"] = str(folder / ".labkit")
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("LABKIT_")]:
            del os.environ[name]
        os.environ.update(before)


def stop_everything() -> None:
    """Stop what this process runs and what faults have left; errors were reported before."""
    with suppress(LabError):
        mend(revive=False)
    with suppress(LabError):
        stop_all(30.0)
    with suppress(LabError):
        stop_lab(lambda _what: None)
