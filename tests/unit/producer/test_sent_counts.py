import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.producer.delivery_log import DeliveryLog
from labkit.producer.sent_counts import SentCounts, SentCountsFile, read_sent_counts

counts = st.builds(SentCounts, **{name: st.integers(0, 10**15) for name in SentCounts.__slots__})


@pytest.fixture(autouse=True)
def state_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))
    return tmp_path


def test_runs_of_a_topic_add_up():
    first = SentCountsFile("co2-emissions", "id-1", "producer")
    second = SentCountsFile("co2-emissions", "id-1", "another")
    stranger = SentCountsFile("co2-emissions", "id-2", "producer")
    first.write(
        SentCounts(emitted=5, emitted_g=500, acked=4, acked_g=400, failed=1, failed_g=100), "x"
    )
    second.write(
        SentCounts(emitted=2, emitted_g=20, unknown=2, unknown_g=20, bad=1, bad_acked=1), "x"
    )
    stranger.write(SentCounts(emitted=1_000), "x")
    assert read_sent_counts("id-1") == SentCounts(7, 520, 4, 400, 1, 100, 2, 20, 1, 1)


def test_the_last_word_counts():
    counts_file = SentCountsFile("t", "id", "producer")
    counts_file.write(SentCounts(emitted=1), "running")
    counts_file.write(SentCounts(emitted=9), "ended")
    assert read_sent_counts("id").emitted == 9
    assert json.loads(counts_file.path.read_text(encoding="utf-8"))["state"] == "ended"


@pytest.mark.parametrize("left", ["a file without content", "no folder"])
def test_a_log_without_its_counts_is_added_up(state_dir, left):
    counts_file = SentCountsFile("t", "id", "producer")
    with DeliveryLog("id", counts_file.run) as delivery_log:
        for number in (1, 2):
            delivery_log.sent(number, 0, b"{}", f"reading-{number}", co2_g=70)
        delivery_log.acked(1, 0, 5, co2_g=70)
    if left == "no folder":
        shutil.rmtree(state_dir / "tally")
    else:
        counts_file.path.touch()
    assert read_sent_counts("id") == SentCounts(
        emitted=2, emitted_g=140, acked=1, acked_g=70, unknown=1, unknown_g=70
    )


def test_no_runs_no_counts():
    assert read_sent_counts("nobody") == SentCounts()


@given(counts, counts)
def test_counts_add(one, other):
    total = one + other
    assert total.records == one.records + other.records
    assert total.acked_g == one.acked_g + other.acked_g
    assert one + SentCounts() == one


def test_two_runs_of_the_same_moment_are_two(lab_dir):
    for number in (100, 50):
        SentCountsFile("co2", "an-id", "producer").write(
            SentCounts(emitted=number, acked=number), "ended"
        )
    assert read_sent_counts("an-id").acked == 150
