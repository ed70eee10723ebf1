"""Fetching a jar for real: what arrives is checked before it may enter the cache."""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from labkit.broker.install import kafka_jars
from labkit.broker.install.kafka_jars import Jar, locked_jars
from labkit.core.errors import JarRefused, LabError


@pytest.fixture
def small(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Jar:
    """Pick one small jar of the real lock, and an empty cache."""
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(lab_dir / "cache"))
    return next(jar for jar in locked_jars() if "slf4j-api" in jar.coordinate)


def _lock(monkeypatch: pytest.MonkeyPatch, jar: Jar) -> None:
    monkeypatch.setattr(kafka_jars, "locked_jars", lambda: (jar,))


def test_fetches_what_is_missing(
    small: Jar, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _lock(monkeypatch, small)
    (path,) = kafka_jars.kafka_jars()
    assert path.stat().st_size == small.size
    assert "Fetching Apache Kafka" in capsys.readouterr().err
    assert [one.name for one in path.parent.iterdir() if "staging" in one.name] == []


def test_refuses_at_fetch_what_is_not_in_the_lock(
    small: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lock(monkeypatch, dataclasses.replace(small, sha256="00" * 32))
    with pytest.raises(JarRefused, match=r"slf4j-api.*refused as it came"):
        kafka_jars.kafka_jars()
    assert list(kafka_jars.jar_dir().glob("*.jar")) == []


def test_says_which_jar_could_not_be_fetched(small: Jar, monkeypatch: pytest.MonkeyPatch) -> None:
    _lock(monkeypatch, dataclasses.replace(small, coordinate="org.slf4j:slf4j-api:0.0.0-none"))
    with warnings.catch_warnings():
        # jgo leaves the connection of a failed request to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(
            LabError, match=r"slf4j-api:0\.0\.0-none could not be fetched"
        ) as failed:
            kafka_jars.kafka_jars()
        del failed
        gc.collect()


def test_names_the_proxy_that_a_fetch_went_through(
    small: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lock(monkeypatch, small)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # as above
        with pytest.raises(LabError, match="the proxy in https_proxy") as failed:
            kafka_jars.kafka_jars()
        assert "correct or unset https_proxy" in failed.value.next_line
        del failed
        gc.collect()


FETCHER = """
import sys
from labkit.broker.install import kafka_jars
kafka_jars.locked_jars = lambda lock=kafka_jars.locked_jars: lock()[:int(sys.argv[1])]
print(len(kafka_jars.kafka_jars()))
"""


def test_two_programs_that_fetch_at_once_share_one_cache(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(lab_dir / "cache"))
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", FETCHER, "6"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    printed = [program.communicate()[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    wanted = [jar for jar in locked_jars()[:6] if jar.group == "broker"]
    assert [int(count) for count in printed] == [len(wanted)] * 2
    found = {path.name: path.stat().st_size for path in kafka_jars.jar_dir().glob("*.jar")}
    assert found == {jar.file_name: jar.size for jar in wanted}


def test_a_start_that_was_killed_while_it_fetched_leaves_no_rubbish(
    small: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lock(monkeypatch, small)
    rubbish = kafka_jars.jar_dir() / f"{kafka_jars.STAGING}of-a-killed-one"
    rubbish.mkdir(parents=True)
    (rubbish / "half.jar").write_bytes(b"PK")
    kafka_jars.kafka_jars()
    assert not rubbish.exists()


def test_once_cached_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = kafka_jars.kafka_jars()

    def refuse(*_arguments: object) -> None:
        pytest.fail("the network was used")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    assert kafka_jars.kafka_jars() == paths
    assert len(paths) > 50
