"""The journals read back, and what the checker makes of records without an acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.checker.checker import _judge_history, _resolve
from labkit.checker.delivery_history import (
    BAD,
    CRC_MASK,
    LATE,
    DeliveryHistory,
    delivery_log_sizes,
    read_history,
)
from labkit.checker.findings import Findings, Unclaimed
from labkit.producer.delivery_log import DeliveryLog, delivery_log_dir

TOPIC_ID = "a-topic-id"
SILENT = "KafkaTimeoutError: no answer"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryLog]:
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))
    with DeliveryLog(TOPIC_ID, "run-1") as one:
        yield one


def read(journal: DeliveryLog) -> DeliveryHistory:
    journal.flush()
    return read_history(delivery_log_sizes(TOPIC_ID))


def unclaimed(*offsets_and_ids: tuple[int, str], crc32: int = 1) -> Findings:
    found = Findings(0)
    found.unclaimed = [Unclaimed(offset, one, crc32) for offset, one in offsets_and_ids]
    return found


def test_each_record_is_what_its_last_word_says(journal: DeliveryLog) -> None:
    for number, reading_id in enumerate(["a", "b", "c", "d", ""], start=1):
        journal.sent(number, 0, b"v%d" % number, reading_id, "" if reading_id else "bad: empty")
    journal.acked(1, 0, 40)
    journal.lost(2, 0, "TopicAuthorizationFailedError: no", certain=True)
    journal.lost(3, 0, SILENT, certain=False)
    journal.acked(5, 0, 41)
    found = read(journal)
    assert found.counts == {"acked": 2, "failed": 1, "unknown": 2}
    assert found.open_ids == {"b": "failed", "c": "unknown", "d": "unknown"}
    assert set(found.acked[0]) == {40, 41}
    assert found.acked[0][40] & ~CRC_MASK == 0
    assert found.acked[0][41] & ~CRC_MASK == BAD
    delivery = found.find(0, 40)
    assert delivery is not None
    assert str(delivery) == "reading a of run run-1, its number 1: acknowledged at offset 40"
    assert "a record, bad: empty," in str(found.find(0, 41))


def test_a_journal_is_readable_wherever_it_was_cut(journal: DeliveryLog) -> None:
    for number in range(1, 4):
        journal.sent(number, 0, b"v", f"id-{number}")
    for number in range(1, 4):
        journal.acked(number, 0, number)
    journal.flush()
    whole = journal.path.read_bytes()
    seen = set()
    for length in range(len(whole) + 1):
        journal.path.write_bytes(whole[:length])
        counts = read_history(delivery_log_sizes(TOPIC_ID)).counts
        deliveries = whole[:length].count(b"\n")
        sent, acked = max(0, min(3, deliveries - 1)), max(0, deliveries - 4)
        assert (counts.total(), counts["acked"]) == (sent, acked)
        seen.add((sent, acked))
    assert len(seen) == 7


def test_an_answer_after_the_check_had_begun_is_late(journal: DeliveryLog) -> None:
    journal.sent(1, 0, b"v", "a")
    journal.sent(2, 0, b"w", "b")
    journal.acked(1, 0, 5)
    journal.flush()
    sizes = delivery_log_sizes(TOPIC_ID)
    journal.acked(2, 0, 6)
    journal.flush()
    found = read_history(sizes)
    assert [bool(found.acked[0][offset] & LATE) for offset in (5, 6)] == [False, True]


def test_two_runs_at_one_offset_are_divergent(journal: DeliveryLog) -> None:
    with DeliveryLog(TOPIC_ID, "run-2") as other:
        for one, reading_id in ((journal, "a"), (other, "b")):
            one.sent(1, 0, reading_id.encode(), reading_id)
            one.acked(1, 0, 5)
            one.flush()
    found = {0: Findings(0)}
    _judge_history(read(journal), found)
    assert found[0].violations == {"divergent": 1}
    assert "run run-2, its number 1" in found[0].examples["divergent"].journal


def test_an_order_that_the_broker_turned_round_is_seen(journal: DeliveryLog) -> None:
    for number, offset in ((1, 7), (2, 6), (3, 8)):
        journal.sent(number, 0, b"v", f"id-{number}")
        journal.acked(number, 0, offset)
    found = {0: Findings(0)}
    _judge_history(read(journal), found)
    assert found[0].violations == {"reordered": 1}
    assert found[0].examples["reordered"].offset == 6


def test_acknowledged_without_a_place_it_must_be_somewhere(journal: DeliveryLog) -> None:
    journal.sent(1, 0, b"v", "a")
    journal.acked(1, 0, -1)
    history = read(journal)
    there, gone = unclaimed((3, "a")), Findings(0)
    assert _resolve(history, [there]) == (0, 0)
    _judge_history(history, {0: there})
    assert there.violations == {}
    _judge_history(history, {0: gone})
    assert gone.violations == {"lost": 1}


def test_unknown_may_be_there_or_not_and_is_counted(journal: DeliveryLog) -> None:
    for number, reading_id in enumerate("abc", start=1):
        journal.sent(number, 0, b"v", reading_id)
        journal.lost(number, 0, SILENT, certain=False)
    journal.sent(4, 0, b"bad", "", "bad: plain_text")
    history = read(journal)
    bad_crc = next(iter(history.unknown_bad))
    found = unclaimed((1, "a"), (2, "c"), (4, "of-another-program"))
    found.unclaimed.append(Unclaimed(3, "", bad_crc))
    assert _resolve(history, [found]) == (3, 1)
    assert found.violations == {}


def test_what_was_refused_for_certain_must_not_be_there(journal: DeliveryLog) -> None:
    journal.sent(1, 0, b"v", "a")
    journal.lost(1, 0, "MessageSizeTooLargeError: no", certain=True)
    found = unclaimed((9, "a"))
    _resolve(read(journal), [found])
    assert found.violations == {"phantom": 1}
    assert "refused for certain (MessageSizeTooLargeError: no)" in found.examples["phantom"].journal


@pytest.mark.parametrize("answered", [True, False])
def test_a_record_that_the_broker_wrote_twice_is_doubled(
    journal: DeliveryLog, answered: bool
) -> None:
    journal.sent(1, 0, b"v", "a")
    if answered:
        journal.acked(1, 0, 8)
        found = unclaimed((7, "a"))  # and at 8, where it was acknowledged
    else:
        found = unclaimed((7, "a"), (8, "a"))
    _resolve(read(journal), [found])
    assert found.violations == {"doubled": 1}


def test_without_any_journal_all_is_of_nobody(journal: DeliveryLog) -> None:
    journal.close()
    journal.path.unlink()
    assert delivery_log_sizes(TOPIC_ID) == {}
    assert _resolve(read_history({}), [unclaimed((1, "a"), (2, ""))]) == (0, 2)
    assert delivery_log_dir(TOPIC_ID).exists()
