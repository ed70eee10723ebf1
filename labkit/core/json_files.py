"""JSON files that processes share: replaced in one step, read even while they are replaced."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from labkit.core.wait_until import wait_until

IN_USE_S = 1.0
Result = TypeVar("Result")


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file in one step, so that a reader gets the old content or the new one."""
    replace_file(path, json.dumps(content, indent=1).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Replace any file in one step; a full disk leaves the old one as it was."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        draft.write_bytes(content)
        _while_in_use(lambda: draft.replace(path))
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            draft.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Return a JSON file's content, or None if there is no such file.

    A file of no bytes, or of zeros only, counts as none. A power cut leaves such files: a file
    system may keep the new name and lose the content.

    Raises
    ------
    ValueError
        The content is something else.
    """
    try:
        text = _while_in_use(lambda: path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return json.loads(text) if text.strip("\0") else None


def _while_in_use(action: Callable[[], Result]) -> Result:
    """Retry for a second if Windows refuses, because another process has the file open.

    There, a file cannot be replaced while it is read, nor opened while it is replaced. On other
    systems a refusal is about permissions, and is raised after that second.
    """
    done = wait_until(lambda: [action()], IN_USE_S, every_s=0.02, retry_on=(PermissionError,))
    return done[0]
