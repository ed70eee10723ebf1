"""The folders that the lab writes, and what to type where one cannot be written."""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.core.config import defaults_for_invalid_settings, load_config
from labkit.core.errors import FolderNotWritable, LabError

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.EEXIST, errno.ENOTDIR),  # a file is in the folder's place
    *FULL,
}


@dataclass(frozen=True)
class WrittenPlace:
    """A folder that the lab writes, and the setting that chooses another."""

    what: str
    path: Path
    setting: str

    def refused(self, reason: str) -> FolderNotWritable:
        """Return the error for a reason, such as ``Permission denied``."""
        return FolderNotWritable(
            f"The lab cannot write {self.what} in {self.path}: {reason}",
            f"export {self.setting}=/path/to/a/folder   (one that you can write)",
        )

    def why_not_writable(self) -> str:
        """Try to write there, or in the nearest folder that exists; return what went wrong.

        An attempt shows what permissions do not: a full or read-only disk, a limit of the user.
        """
        folder = self.path
        try:
            while not os.path.lexists(folder):
                folder = folder.parent
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"labkit")
        except OSError as error:
            return error.strerror or str(error)
        return ""


def written_places() -> Iterator[WrittenPlace]:
    """Yield every folder that the lab writes.

    Raises
    ------
    FolderNotWritable
        There is none for Kafka's jars, or for temporary files.
    """
    with defaults_for_invalid_settings():
        config = load_config()
    yield WrittenPlace("the broker's records and its logs", config.state_dir, "LABKIT_STATE_DIR")
    yield WrittenPlace("the readings", config.data_path(), "LABKIT_DATA_DIR")
    yield WrittenPlace("Kafka's jars", config.cache_path(), "LABKIT_CACHE_DIR")
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        msg = "No folder for temporary files can be written"
        raise FolderNotWritable(msg, "export TMPDIR=/path/to/a/folder") from error
    yield WrittenPlace("temporary files", temporary, "TMPDIR")


def refuse_unwritable(data_dir: Path) -> None:
    """Refuse before anything is started, rather than when the first reading is stored.

    Raises
    ------
    FolderNotWritable
        The data folder cannot be written.
    """
    place = WrittenPlace("the readings", data_dir, "LABKIT_DATA_DIR")
    if why := place.why_not_writable():
        raise place.refused(why)


def next_line_after(error: OSError, folder: Path) -> str:
    """Return the line to type after a write into a folder was refused."""
    if error.errno in FULL:
        return f"df -h {shlex.quote(str(folder))}   (and make room there)"
    if error.errno == errno.EACCES:
        return f"chmod -R u+rwX {shlex.quote(str(folder))}"
    return "labkit doctor"


def refused_write(what: str, path: Path, error: OSError) -> FolderNotWritable:
    """Return the error for a file that takes no more, such as on a full disk."""
    msg = f"{what} {path} cannot be written: {error.strerror or error}"
    return FolderNotWritable(msg, next_line_after(error, path.parent))


def cannot_write(error: OSError) -> LabError | None:
    """Return the lab's error for a refusal by the operating system; None if it is another one."""
    if error.errno == errno.ENOENT and error.filename is not None:
        # A folder that nobody can make, such as a home below /proc; or just a file that is missing.
        path = Path(os.fsdecode(error.filename)).absolute()
        above = (one for one in written_places() if one.path.is_relative_to(path))
        return next((one.refused(why) for one in above if (why := one.why_not_writable())), None)
    if error.errno not in REFUSALS:
        return None
    if error.filename is None:  # a write into an open file, such as on a full disk
        tried = ((place, place.why_not_writable()) for place in written_places())
        return next((place.refused(why) for place, why in tried if why), None)
    refused = Path(os.fsdecode(error.filename)).absolute()
    for place in written_places():
        # The folder itself may be missing, and the refusal be about a parent of it.
        is_above = place.path.is_relative_to(refused)
        is_inside = refused.is_relative_to(place.path)
        if place.setting == "TMPDIR":  # whose folders may be the user's own
            is_inside = refused.parent == place.path
        if is_above or is_inside:
            return place.refused(f"{error.strerror} ({refused})")
    return None
