"""The processes of a test's lab."""

from __future__ import annotations

from pathlib import Path

import psutil


def processes_of(lab_dir: Path) -> list[psutil.Process]:
    """Return every process that was started for this lab: its folder is in their settings."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LABKIT_LAB_DIR") == str(lab_dir):
                found.append(process)
        except psutil.Error:
            continue
    me = psutil.Process()
    return [one for one in found if one != me and one.status() != psutil.STATUS_ZOMBIE]
