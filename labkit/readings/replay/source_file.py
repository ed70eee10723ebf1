"""The source of a replay: opened once, copied, and from then on read from the copy.

A pipe gives its bytes only once, and a file may change while it is sent. So the source is copied
to a temporary file first: what was looked through is what is sent.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import shlex
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from labkit.core.errors import ReplayError

CHUNK_BYTES = 1 << 20
IN_MEMORY_BYTES = 8 << 20  # a longer source is copied to a file

_COMPRESSED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
_NO_TABLES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"%PDF": "a PDF",
    b'{"': "JSON",
    b"[{": "JSON",
    b"[\n": "JSON",
    b"[\r\n": "JSON",
    b"<!": "HTML",
    b"<html": "HTML",
    b"<?xml": "XML",
}


class SourceFile:
    """The bytes of a source, uncompressed.

    Parameters
    ----------
    source : str or Path
        A file, also one compressed with gzip, bzip2 or xz; a pipe; ``-`` for standard input.

    Attributes
    ----------
    name : str
        The file's name, for messages.
    identity : str
        SHA-256 of the bytes: the same content has the same identity, whatever its name.

    Raises
    ------
    ReplayError
        It cannot be read, or it is not a text table.
    """

    def __init__(self, source: str | Path) -> None:
        self.argument = str(source)
        is_stdin = self.argument in ("-", "/dev/stdin")
        self.name = "standard input" if is_stdin else Path(source).name
        self._copy = self._copied(source)
        self.identity = self._settle()
        weakref.finalize(self, self._copy.close)

    def rewound(self) -> IO[bytes]:
        """Return the bytes from their start; there is one such reader at a time."""
        self._copy.seek(0)
        return self._copy

    def _copied(self, source: str | Path) -> IO[bytes]:
        copy = _temporary_file()
        try:
            if self.argument == "-":
                _copy(sys.stdin.buffer, copy)
            else:
                with Path(source).expanduser().open("rb") as file:
                    _copy(file, copy)
        except OSError as error:
            copy.close()
            msg = f"{self.argument} cannot be read: {error.strerror}"
            hint = f"check the path; a relative one starts at {Path.cwd()}"
            if "://" in self.argument:
                hint = f"fetch it: curl -sSfL {shlex.quote(self.argument)} | labkit replay -"
            raise ReplayError(msg, hint) from error
        return copy

    def _settle(self) -> str:
        """Replace the copy by its uncompressed content, and return the content's identity."""
        self._copy.seek(0)
        head = self._copy.read(8)
        for magic, open_compressed in _COMPRESSED.items():
            if head.startswith(magic):
                packed, self._copy = self._copy, _temporary_file()
                packed.seek(0)
                with packed, open_compressed(packed) as content:
                    self._unpack(content)
                self._copy.seek(0)
                head = self._copy.read(8)
        for magic, kind in _NO_TABLES.items():
            if head.startswith(magic):
                self._copy.close()
                msg = f"{self.name} is {kind}, not a text table"
                hint = "save it as “CSV UTF-8”, and replay that file"
                raise ReplayError(msg, hint)
        digest = hashlib.sha256()
        self._copy.seek(0)
        while chunk := self._copy.read(CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def _unpack(self, content: IO[bytes]) -> None:
        try:
            _copy(content, self._copy)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            self._copy.close()
            msg = f"{self.name} is compressed, and damaged or cut off: {error}"
            raise ReplayError(msg, "fetch the file again; nothing was sent") from error


def _temporary_file() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)


def _copy(source: IO[bytes], copy: IO[bytes]) -> None:
    while chunk := source.read(CHUNK_BYTES):
        copy.write(chunk)
