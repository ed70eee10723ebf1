"""How an answer is named, and how another kind of answer is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from labkit.exercises.engine.answer_kinds import RETURNED, number, pair, shown, text, whole_number
from labkit.exercises.engine.outcome import NotYet


def an_answer() -> int:
    return 3


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (3, "3"),
        (np.int64(3), "3"),
        (np.float64(2.5), "2.5"),
        ("PL-COAL-001", "'PL-COAL-001'"),
        (None, "None"),
        ((1, 10), "(1, 10)"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        (list(range(100)), "a list of 100 values"),
        (pd.Series(range(24)), "a pandas Series of 24 values"),
        (pd.DataFrame({"a": [1], "b": [2]}), "a pandas DataFrame of 1 row"),
        (np.zeros(5), "a numpy ndarray of 5 values"),
        (object(), "an object"),
        (an_answer, "the function an_answer, not what it returns"),
    ],
)
def test_a_value_is_shown_in_one_short_line(value: Any, says: str) -> None:
    assert shown(value) == says


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float64(3)])
def test_a_whole_number_may_have_any_type_of_number(value: Any) -> None:
    assert whole_number(value) == 3


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("3", "You gave text, `'3'`. Leave out the quotation marks."),
        ("three", "You gave text, `'three'`. The answer is a whole number."),
        (None, "You gave `None`, which is nothing. The answer is a whole number."),
        (True, "You gave `True`. The answer is a whole number."),
        (2.5, "You gave `2.5`. The answer is a whole number."),
        ([0, 1, 2], "You gave a list, `[0, 1, 2]`. The answer is a whole number."),
        ((1, 2), "You gave a tuple, `(1, 2)`. The answer is a whole number."),
        (pd.Series(range(24)), "You gave a pandas Series of 24 values. The answer is a whole"),
        (float("nan"), "You gave `nan`. The answer is a whole number."),
        (an_answer, "You gave the function an_answer, not what it returns. The answer is"),
    ],
)
def test_another_kind_of_answer_is_named(value: Any, says: str) -> None:
    with pytest.raises(NotYet) as refused:
        whole_number(value)
    assert str(refused.value).startswith(says)


def test_a_function_without_return_is_told_so() -> None:
    with pytest.raises(NotYet, match=r"returned nothing\. It has to end with `return`"):
        whole_number(None, RETURNED)


@pytest.mark.parametrize("value", [0.25, np.float64(0.25)])
def test_a_number_may_have_any_type_of_number(value: Any) -> None:
    assert number(value) == 0.25


def test_what_is_not_a_number_is_named() -> None:
    with pytest.raises(NotYet, match="Leave out the quotation marks"):
        number("0.25")
    with pytest.raises(NotYet, match=r"You gave `True`\. The answer is a number"):
        number(True)


def test_text_and_pairs() -> None:
    assert text("a") == "a"
    assert pair([1, 10]) == pair((1, 10)) == (1, 10)
    with pytest.raises(NotYet, match=r"You gave `3`\. The answer is text"):
        text(3)
    for wrong in (3, (1,), "ab", None):
        with pytest.raises(NotYet, match="The answer is two values, such as"):
            pair(wrong)
