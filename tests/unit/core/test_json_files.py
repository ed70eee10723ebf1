"""JSON files that are replaced in one step."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from labkit.core.json_files import read_json, write_json


def test_a_file_that_is_gone_reads_as_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None


@pytest.mark.parametrize("left", [b"", b"\0" * 4096])
def test_a_file_that_a_power_cut_emptied_reads_as_none(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(left)
    assert read_json(path) is None


def test_other_content_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"n": ')
    with pytest.raises(ValueError, match="Expecting value"):
        read_json(path)


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    contents = [{"n": n, "filler": "x" * 20_000} for n in range(2)]
    write_json(path, contents[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(200):
            write_json(path, contents[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert json.loads(path.read_text(encoding="utf-8")) in contents
    writer.join()
    assert list(tmp_path.iterdir()) == [path]


class Held:
    """A path that Windows refuses so many times, because somebody has the file open."""

    def __init__(self, path: Path, refusals: int) -> None:
        self.path, self.refusals = path, refusals

    def read_text(self, encoding: str) -> str:
        self.refusals -= 1
        if self.refusals >= 0:
            raise PermissionError(13, "in use")
        return self.path.read_text(encoding=encoding)


def test_a_file_that_another_process_has_open_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"n": 1})
    held = Held(path, refusals=3)
    assert read_json(held) == {"n": 1}  # type: ignore[arg-type]
    assert held.refusals == -1
    with pytest.raises(PermissionError):
        read_json(Held(path, refusals=10_000))  # type: ignore[arg-type]


def test_a_file_is_replaced_once_its_reader_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([True, True])
    replace = Path.replace

    def refused(draft: Path, target: Path) -> Path:
        if next(refusals, False):
            raise PermissionError(13, "in use")
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", refused)
    write_json(tmp_path / "state.json", {"n": 2})
    assert read_json(tmp_path / "state.json") == {"n": 2}
    assert next(refusals, None) is None
