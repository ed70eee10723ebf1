"""Apache Kafka's jars: fetched once, and verified before each start.

Kafka is published as jars on Maven Central. ``jars.lock`` lists each one with its SHA-256. A jar is
fetched into a staging folder, checked, and only then moved into the cache; all jars are checked
again before each start. So exactly what was locked runs, and without a network once it is cached.
``jars-4.4.0.lock`` has the next version, for the setting ``LABKIT_KAFKA_VERSION=4.4.0``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock

from labkit.core.config import load_config
from labkit.core.errors import JarRefused, LabError
from labkit.core.progress_bar import waiting
from labkit.core.written_places import cannot_write

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.3.1"
"""The version that the lessons are true of, and that runs unless the settings say otherwise."""
FETCH_THREADS = 8
FETCH_ATTEMPTS = 2
STAGING = ".staging-"
PROXY_VARIABLES = ("HTTPS_PROXY", "ALL_PROXY")  # Maven Central is asked by HTTPS
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


def kafka_version() -> str:
    """Return the version of Kafka that the settings ask for."""
    return load_config().kafka_version


def lock_file(version: str) -> Path:
    """Return the list of a version's jars: ``jars.lock`` is that of the lab's own."""
    name = "jars.lock" if version == KAFKA_VERSION else f"jars-{version}.lock"
    return Path(__file__).with_name(name)


def locked_jars() -> tuple[Jar, ...]:
    """Return the jars of the version that the settings ask for, as its lock lists them."""
    return _read_lock(kafka_version())


@cache
def _read_lock(version: str) -> tuple[Jar, ...]:
    lines = lock_file(version).read_text(encoding="utf-8").splitlines()
    fields = [line.split() for line in lines if not line.startswith("#")]
    return tuple(Jar(group, sha256, int(size), name) for group, sha256, size, name in fields)


def cache_dir() -> Path:
    """Return the folder for what is shared by all labs of a user: jars and AOT caches."""
    return load_config().cache_path()


def jar_dir() -> Path:
    """Return the folder of the verified jars."""
    return cache_dir() / f"kafka-{kafka_version()}"


def kafka_jars(group: Group = "broker") -> list[Path]:
    """Return the verified jars of Kafka; missing ones are fetched.

    Parameters
    ----------
    group : {"broker", "connect"}
        ``broker``: a broker and the everyday tools. ``connect``: those, and Kafka Connect.

    Raises
    ------
    JarRefused
        A jar, in the cache or just fetched, is not the one in ``jars.lock``.
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
    """Return the path of a cached jar, or refuse it."""
    seen = _difference(path, jar)
    if seen is not None:
        lock = lock_file(kafka_version()).name
        msg = f"{path} is not the jar in {lock}: {seen}. It was not run"
        remove = "del" if os.name == "nt" else "rm"
        raise JarRefused(msg, f'{remove} "{path}"   (the next start fetches it again)')
    return path


def _difference(path: Path, jar: Jar) -> str | None:
    """Return how a file differs from its line in the lock; None if it does not."""
    size = path.stat().st_size
    if size != jar.size:
        return f"{size:,} bytes instead of {jar.size:,}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return None if digest == jar.sha256 else f"its SHA-256 is {digest}, not {jar.sha256}"


def _fetch(jars: list[Jar], folder: Path) -> None:
    """Fetch jars in parallel; each is moved into the cache only after it was checked."""
    from jgo.maven import MavenContext  # takes a second to load, and is needed only here

    for left_behind in folder.glob(f"{STAGING}*"):  # by a start that was killed
        shutil.rmtree(left_behind, ignore_errors=True)
    size = sum(jar.size for jar in jars)
    with (
        tempfile.TemporaryDirectory(prefix=STAGING, dir=folder) as staging,
        waiting(f"Fetching Apache Kafka {kafka_version()}", size) as advance,
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
    """Return a fetched and checked jar; each attempt uses a separate folder."""
    group, artifact, version = jar.coordinate.split(":")
    for attempt, context in enumerate(contexts, 1):
        try:
            component = context.project(group, artifact).at_version(version)
            path = Path(component.artifact().resolve())
            break
        except Exception as error:  # jgo and requests raise many types; all mean the same here
            if isinstance(error, OSError) and (refused := cannot_write(error)):
                raise refused from error
            if attempt == len(contexts):
                msg = f"{jar.coordinate} could not be fetched from Maven Central: {error}"
                raise LabError(*_with_proxy(msg)) from error
    seen = _difference(path, jar)
    if seen is not None:
        msg = f"{jar.coordinate} was refused as it came from the network: {seen}"
        raise JarRefused(msg, AGAIN)
    return path


def _with_proxy(what: str) -> tuple[str, str]:
    """Return a message and the next line, which name the variable of the proxy in use."""
    named = [name for name in os.environ if name.upper() in PROXY_VARIABLES and os.environ[name]]
    if not named:
        return what, AGAIN
    names = " and ".join(sorted(named))
    what += f". It went through the proxy in {names}"
    return what, f"correct or unset {names}; then {AGAIN}"
