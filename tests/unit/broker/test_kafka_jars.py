"""The lock, and that nothing but the locked bytes is ever run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from labkit.broker import kafka_tools
from labkit.broker.install import kafka_jars
from labkit.broker.install.java import class_path
from labkit.broker.install.kafka_jars import KAFKA_VERSION, Jar, locked_jars
from labkit.core.errors import JarRefused

VERSIONS = ("4.3.1", "4.4.0")


@pytest.mark.parametrize("version", VERSIONS)
def test_lock_names_each_jar_once_with_its_checksum(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_KAFKA_VERSION", version)
    names = [jar.file_name for jar in locked_jars()]
    assert f"kafka-clients-{version}.jar" in names
    assert len(names) == len(set(names)) > 90
    for jar in locked_jars():
        assert len(bytes.fromhex(jar.sha256)) == 32
        assert jar.size > 1000
        assert jar.group in ("broker", "connect")
        assert len(jar.coordinate.split(":")) == 3


def test_a_tool_has_the_class_that_its_version_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "kafka-configs"
    assert kafka_tools.find_tool(name, [])[0].main_class == "kafka.admin.ConfigCommand"
    monkeypatch.setenv("LABKIT_KAFKA_VERSION", "4.4.0")
    moved = "org.apache.kafka.tools.ConfigCommand"
    assert kafka_tools.find_tool(name, [])[0].main_class == moved


def test_lock_has_kafka_and_no_lz4_with_the_known_hole() -> None:
    versions = {
        jar.coordinate.rpartition(":")[0]: jar.coordinate.rpartition(":")[2]
        for jar in locked_jars()
    }
    assert versions["org.apache.kafka:kafka_2.13"] == KAFKA_VERSION
    assert versions["org.apache.kafka:kafka-clients"] == KAFKA_VERSION
    assert versions["at.yawk.lz4:lz4-java"] == "1.11.2"  # CVE-2026-59949 in 1.10.2
    assert "org.lz4:lz4-java" not in versions


@pytest.mark.parametrize("version", VERSIONS)
def test_lock_has_no_address(version: str) -> None:
    assert "//" not in kafka_jars.lock_file(version).read_text(encoding="utf-8")


@pytest.fixture
def one_jar(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Jar, Path]:
    """Lock a single jar of our own making, and put it into a cache of its own."""
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(lab_dir / "cache"))
    content = b"PK\x03\x04" + bytes(range(256)) * 8
    jar = Jar("broker", hashlib.sha256(content).hexdigest(), len(content), "org.lab:thing:1.0")
    monkeypatch.setattr(kafka_jars, "locked_jars", lambda: (jar,))
    path = kafka_jars.jar_dir() / jar.file_name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return jar, path


def test_a_cached_jar_is_used_without_a_network(one_jar: tuple[Jar, Path]) -> None:
    _, path = one_jar
    assert kafka_jars.kafka_jars() == [path]


@pytest.mark.parametrize("position", [0, 700, -1])
def test_one_wrong_byte_is_refused_by_name(one_jar: tuple[Jar, Path], position: int) -> None:
    _, path = one_jar
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(JarRefused, match=r"thing-1\.0\.jar.*SHA-256") as refused:
        kafka_jars.kafka_jars()
    assert str(path) in refused.value.next_line


def test_a_cut_jar_is_refused_by_name(one_jar: tuple[Jar, Path]) -> None:
    jar, path = one_jar
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(JarRefused, match=rf"thing-1\.0\.jar.*{jar.size - 1:,} bytes"):
        kafka_jars.kafka_jars()


@pytest.fixture
def whole_cache(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lock a handful of jars of our own making, of both groups, and lay them into a cache."""
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(lab_dir / "cache"))
    folder = kafka_jars.jar_dir()
    folder.mkdir(parents=True)
    locked = []
    for place, group in enumerate(("broker", "connect", "broker", "connect", "broker")):
        content = b"PK\x03\x04" + bytes([place]) * 2000
        digest = hashlib.sha256(content).hexdigest()
        jar = Jar(group, digest, len(content), f"org.lab:thing-{9 - place}:1.0")
        (folder / jar.file_name).write_bytes(content)
        locked.append(jar)
    monkeypatch.setattr(kafka_jars, "locked_jars", lambda: tuple(locked))
    return folder


def test_the_class_path_is_the_lock_in_its_order_and_nothing_else(whole_cache: Path) -> None:
    """The first jar that has a class wins: so a jar that lies there by chance must not be named."""
    for intruder in ("aaa.jar", "thing-9-1.0.jar.jar", "zzz.jar"):
        (whole_cache / intruder).write_bytes(b"PK")
    broker = [whole_cache / f"thing-{number}-1.0.jar" for number in (9, 7, 5)]
    everything = [whole_cache / f"thing-{number}-1.0.jar" for number in (9, 8, 7, 6, 5)]
    assert kafka_jars.kafka_jars() == broker
    assert kafka_jars.kafka_jars("connect") == everything
    command = kafka_tools.java_command(kafka_tools.TOOLS["connect-standalone"])
    assert command[command.index("-cp") + 1] == class_path(everything)


@pytest.mark.parametrize("number", [9, 8, 7, 6, 5])
def test_kafka_connect_is_not_started_with_one_wrong_byte(whole_cache: Path, number: int) -> None:
    path = whole_cache / f"thing-{number}-1.0.jar"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(JarRefused, match=f"thing-{number}"):
        kafka_tools.run_tool("connect-standalone", ["worker.properties"])
    if number in (9, 7, 5):
        with pytest.raises(JarRefused, match=f"thing-{number}"):
            kafka_tools.run_tool("kafka-storage", ["random-uuid"])


def test_a_link_to_another_file_is_no_jar_of_ours(whole_cache: Path, tmp_path: Path) -> None:
    other = tmp_path / "evil.jar"
    other.write_bytes(b"PK\x03\x04" + b"!" * 2000)
    path = whole_cache / "thing-9-1.0.jar"
    path.unlink()
    try:
        path.symlink_to(other)
    except OSError:
        pytest.skip("this Windows lets nobody make links")
    with pytest.raises(JarRefused, match="thing-9"):
        kafka_jars.kafka_jars()
