"""The lab's settings file, ``.env``: its text, and the line of each name.

Pydantic reads the values from it. This module says what is wrong with the file itself: an encoding
that cannot be read, or a name that is not a setting.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from labkit.core.errors import SettingInvalid
from labkit.core.similar_names import similar_name

PREFIX = "LABKIT_"
INTERNAL_VARIABLES = {
    "LABKIT_API",
    "LABKIT_DEBUG",
    "LABKIT_HOME_STATE_DIR",
    "LABKIT_OWNER_PID",
    "LABKIT_STOP_WITH_PARENT",
}
"""Variables by which the lab's own processes and tools tell each other something."""
_FOR_TESTS = "LABKIT_TEST_"
ENVIRONMENT_ONLY = {"LABKIT_LAB_DIR", "LABKIT_STATE_DIR"}
"""These say where the lab is, and so are needed before its settings file is found."""

# It would warn about each malformed line, whenever a setting is read.
logging.getLogger("dotenv.main").setLevel(logging.ERROR)


def settings_text(path: Path) -> str:
    """Return the text of a settings file; empty if there is no such file.

    Raises
    ------
    SettingInvalid
        It cannot be read, or it is not UTF-8. With a byte-order mark, as Windows writes it, it is.
    """
    try:
        content = path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        content = b""  # deleted between the two: an editor replaces a file in this way
    except OSError as error:
        msg = f"The settings in {path} cannot be read: {error.strerror}"
        raise SettingInvalid(msg, f"chmod u+r {path}   (or remove it)") from None
    next_line = f"open {path} in an editor, and save it with the encoding UTF-8"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SettingInvalid(f"The settings in {path} are saved as UTF-16, not UTF-8", next_line)
    if b"\0" in content:
        msg = f"The settings in {path} have zero bytes: they are damaged, or "
        raise SettingInvalid(msg + "saved as UTF-16, not UTF-8", next_line)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"The settings in {path} are not saved as UTF-8: line {line} has other bytes"
        raise SettingInvalid(msg, next_line) from None


@lru_cache(maxsize=1)
def _parsed(text: str) -> tuple[Binding, ...]:
    return tuple(parse_stream(io.StringIO(text)))


def lines_of(text: str) -> dict[str, int]:
    """Return the line of each name in a settings file, in upper case; the last one counts."""
    found = _parsed(text)
    return {one.key.upper(): _line(one) for one in found if one.key}


def _line(found: Binding) -> int:
    """Return the line of a name; the parser counts blank lines before it to it."""
    text = found.original.string
    before = text[: len(text) - len(text.lstrip())]
    return found.original.line + before.count("\n")


def refuse_malformed_lines(path: Path, text: str) -> None:
    """Refuse a line that is about the lab, and does not have the form ``NAME=value``.

    Other lines may be for another program, which reads the same file by other rules.
    """
    for one in _parsed(text):
        if one.error and PREFIX in one.original.string.upper():
            msg = f"Line {_line(one)} of {path} cannot be read as NAME=value"
            raise SettingInvalid(msg, "correct that line, such as LABKIT_TOPIC=co2-emissions")


@dataclass(frozen=True)
class UnknownSetting:
    """A ``LABKIT_*`` name that is not a setting."""

    name: str
    place: str
    """Where it is set: a line of a file, or the environment."""
    nearest: str
    """The setting that was probably meant; empty if none is similar."""

    @property
    def sentence(self) -> str:
        """What is wrong, and what was probably meant."""
        if self.name in ENVIRONMENT_ONLY:
            return f"{self.name} ({self.place}) has no effect there: set it in the environment."
        meant = f"; did you mean {self.nearest}?" if self.nearest else "."
        return f"{self.name} ({self.place}) is not a setting of the lab{meant}"


def unknown_settings(path: Path, known: Collection[str]) -> list[UnknownSetting]:
    """Return the ``LABKIT_*`` names in a settings file and in the environment that nothing reads.

    Raises
    ------
    SettingInvalid
        The file cannot be read.
    """
    found = {name.upper(): "in the environment" for name in os.environ if name.upper() not in known}
    for name, line in lines_of(settings_text(path)).items():
        if name not in known or name in ENVIRONMENT_ONLY:
            found[name] = f"line {line} of {path}"
    return [
        UnknownSetting(name, place, similar_name(name, known))
        for name, place in sorted(found.items())
        if name.startswith(PREFIX)
        and not name.startswith(_FOR_TESTS)
        and name not in INTERNAL_VARIABLES
    ]
