from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from labkit.producer.offset_set import OffsetSet

ranges = st.tuples(st.integers(0, 40), st.integers(1, 6)).map(lambda one: (one[0], sum(one)))


@given(st.lists(ranges))
def test_it_holds_what_was_added_in_as_few_ranges_as_possible(added: list[tuple[int, int]]) -> None:
    found, expected = OffsetSet(), set()
    for start, stop in added:
        if stop == start + 1:
            found.add(start)
        else:
            found.add(start, stop)
        expected.update(range(start, stop))
    assert {offset for offset in range(60) if offset in found} == expected
    inside = [offset for start, stop in found.ranges for offset in range(start, stop)]
    assert inside == sorted(expected)
    assert all(before[1] < after[0] for before, after in pairwise(found.ranges))
