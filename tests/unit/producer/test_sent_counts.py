import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.producer.sent_counts import Counts, Tally, read_tally

counts = st.builds(Counts, **{name: st.integers(0, 10**15) for name in Counts.__slots__})


@pytest.fixture(autouse=True)
def state_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_STATE_DIR", str(tmp_path))
    return tmp_path


def test_runs_of_a_topic_add_up():
    first = Tally("co2-emissions", "id-1", "producer")
    second = Tally("co2-emissions", "id-1", "another")
    stranger = Tally("co2-emissions", "id-2", "producer")
    first.write(Counts(emitted=5, emitted_g=500, acked=4, acked_g=400, failed=1, failed_g=100), "x")
    second.write(Counts(emitted=2, emitted_g=20, unknown=2, unknown_g=20, bad=1, bad_acked=1), "x")
    stranger.write(Counts(emitted=1_000), "x")
    assert read_tally("id-1") == Counts(7, 520, 4, 400, 1, 100, 2, 20, 1, 1)


def test_the_last_word_counts():
    tally = Tally("t", "id", "producer")
    tally.write(Counts(emitted=1), "running")
    tally.write(Counts(emitted=9), "ended")
    assert read_tally("id").emitted == 9
    assert json.loads(tally.path.read_text(encoding="utf-8"))["state"] == "ended"


def test_no_runs_no_counts():
    assert read_tally("nobody") == Counts()


@given(counts, counts)
def test_counts_add(one, other):
    total = one + other
    assert total.records == one.records + other.records
    assert total.acked_g == one.acked_g + other.acked_g
    assert one + Counts() == one


def test_two_runs_of_the_same_moment_are_two(lab_dir):
    for number in (100, 50):
        Tally("co2", "an-id", "producer").write(Counts(emitted=number, acked=number), "ended")
    assert read_tally("an-id").acked == 150
