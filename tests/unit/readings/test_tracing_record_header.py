"""The tracing header, written by the lab or by any other program."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from labkit.readings.tracing_record_header import HEADER, KEEP, Marker, newest_followed

POLLED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def record(offset: int, headers: list[tuple[str, bytes | None]]) -> SimpleNamespace:
    return SimpleNamespace(offset=offset, headers=headers)


def test_one_record_is_marked_and_the_next_ones_are_not() -> None:
    marker = Marker()
    headers = [marker.headers(number) for number in range(100)]
    assert [name for name, _ in headers[0]] == [HEADER]
    assert headers[1:] == [[]] * 99
    marker.settle(1, 0, 7)
    assert marker.to_json() == []
    marker.settle(0, 2, 7)
    assert [(one["partition"], one["offset"]) for one in marker.to_json()] == [(2, 7)]


def test_what_is_never_acknowledged_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.readings.tracing_record_header.MARK_EVERY_S", 0.0)
    marker = Marker()
    for number in range(10 * KEEP):
        marker.headers(number)
    assert len(marker._waiting) <= KEEP


def test_the_last_one_that_is_stored_counts() -> None:
    headers = Marker().headers(0)
    found = newest_followed(
        [record(3, headers), record(4, []), record(5, headers), record(6, headers)], 6, POLLED_AT
    )
    assert found is not None
    assert (found.offset, found.polled_at) == (5, POLLED_AT)
    assert found.created_at <= found.stored_at


@pytest.mark.parametrize("value", [b"", b"x", b"nan", b"inf", b"1e300", b"-1e300", b"\xff", None])
def test_a_header_that_is_no_time_is_not_there(value: bytes | None) -> None:
    assert newest_followed([record(0, [(HEADER, value)])], 1, POLLED_AT) is None
