"""An opened file, and whether it is still at its path.

On Unix a file that is open can be deleted, moved away or overwritten. What is then written to it
is lost, and a lock on it keeps nobody away.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class OpenedFile(NamedTuple):
    """A file as it was opened: its path, and what `os.stat` said of it."""

    path: Path
    opened: os.stat_result

    def is_in_place(self, length: int | None = None) -> bool:
        """Tell whether the file is still at its path, and of this length in bytes, if given."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        return os.path.samestat(found, self.opened) and length in (None, found.st_size)
