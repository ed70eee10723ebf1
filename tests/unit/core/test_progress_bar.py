"""A sign of life, and silence where none is needed."""

from __future__ import annotations

import threading

import pytest

from labkit.core import progress_bar


def test_what_is_soon_done_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar.waiting("Starting"):
        pass
    assert capsys.readouterr() == ("", "")


def test_what_takes_long_says_so_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_bar, "FIRST_LINE_S", 0.01)
    monkeypatch.setattr(progress_bar, "NEXT_LINE_S", 0.01)
    said = ""
    with progress_bar.waiting("Starting Apache Kafka"):
        while said.count("Starting Apache Kafka: 0 s\n") < 2:
            said += capsys.readouterr().err
    assert not [one for one in threading.enumerate() if one.name == "labkit-waiting"]


def test_a_fetch_says_how_much_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar.waiting("Fetching", 45_000_000) as advance:
        advance(9_000_000)
    assert capsys.readouterr().err == "Fetching: 0 of 45 MB, 0 s\n"


def test_an_error_ends_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "FIRST_LINE_S", 0.01)

    def fail() -> None:
        raise OSError

    with pytest.raises(OSError), progress_bar.waiting("Starting"):  # noqa: PT011
        fail()
    assert not [one for one in threading.enumerate() if one.name == "labkit-waiting"]
