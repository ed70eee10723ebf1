"""Run a notebook in place, in a separate process: ``python execute.py NOTEBOOK CELL_TIMEOUT_S``.

Several notebook clients in one process sometimes lose each other's messages: one closes its
sockets, another gets the same descriptors, and a lesson hangs although its kernel is idle.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main(path: Path, timeout_s: int) -> None:
    if sys.platform == "win32":  # its own event loop cannot watch the kernel's sockets
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout_s,
        kernel_name="python3",
        resources={"metadata": {"path": path.parent}},
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
