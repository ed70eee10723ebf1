"""Whatever way a table is written: its grams come out to the gram, or it is refused."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from written_tables import START, tables

from labkit.core.errors import ReplayError
from labkit.readings.reading import grams
from labkit.readings.replay import Replay


@settings(max_examples=300, deadline=None)
@given(tables())
def test_what_comes_out_is_what_went_in_or_nothing_is_given(tmp_path_factory, table):
    written, content = table
    path = tmp_path_factory.mktemp("replay") / "own.csv"
    path.write_bytes(written)
    try:
        readings = list(Replay(path).readings())
    except ReplayError as error:
        # Nothing else is ever open in these tables.
        if "may be" in error.what or "has the day or the month first" in error.what:
            event("refused")
            return
        raise
    found = {(r.facility, r.recorded_at): grams(r.co2_kg) for r in readings}
    assert found == content
    event("read")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=60),
    st.sampled_from([("mg", Decimal("0.001")), ("short tons", Decimal("907184.74"))]),
)
def test_what_is_below_a_gram_is_carried_on(tmp_path_factory, amounts, unit):
    name, in_grams = unit
    path = tmp_path_factory.mktemp("replay") / "own.csv"
    rows = [f"{START + timedelta(hours=n):%Y-%m-%d %H:%M},{a}" for n, a in enumerate(amounts)]
    path.write_text(f"time,CO2 ({name})\n" + "\n".join(rows), encoding="utf-8")
    replay = Replay(path)
    exact = sum(amount * in_grams for amount in amounts)
    total = sum(grams(reading.co2_kg) for reading in replay.readings())
    assert abs(total - exact) <= Decimal("0.5")
    assert total + replay.left_below_a_gram == exact


def test_the_same_table_is_ambiguous_or_not_by_any_of_its_rows(tmp_path):
    path = tmp_path / "own.csv"
    head = "time;co2_kg\n12/01/2025 00:00;1.234\n"
    path.write_text(head, encoding="utf-8")
    with pytest.raises(ReplayError, match=r"may be 1234 or 1\.234") as numbers:
        Replay(path)
    assert "--decimal" in numbers.value.next_line
    with pytest.raises(ReplayError, match="has the day or the month first") as dates:
        Replay(path, decimal="comma")
    assert "--dates" in dates.value.next_line
    (stated,) = Replay(path, decimal="comma", dates="month-first").readings()
    assert (stated.co2_kg, stated.recorded_at.month) == (1234.0, 12)
    path.write_text(head + "13/01/2025 00:00;1,5\n", encoding="utf-8")
    first, _second = Replay(path).readings()
    assert (first.co2_kg, first.recorded_at.month) == (1234.0, 1)
