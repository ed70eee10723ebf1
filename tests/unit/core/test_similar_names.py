import pytest

from labkit.core.similar_names import edits, similar_name

TOPICS = ["co2-emissions", "lesson02-grown", "lesson03-by-hand", "csv", "other"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("co2-emisions", "co2-emissions"),
        ("co2-emmisions", "co2-emissions"),
        ("CO2-emissions", "co2-emissions"),
        ("lesson03-by-hnad", "lesson03-by-hand"),
        ("lesson3-by-hand", "lesson03-by-hand"),
        ("lesson02-gorwn", "lesson02-grown"),
        ("cvs", "csv"),
        ("csvs", "csv"),
    ],
)
def test_a_typo_is_an_edit_or_two(name: str, meant: str) -> None:
    assert similar_name(name, TOPICS) == meant


@pytest.mark.parametrize(
    "name", ["lesson02-hour", "lesson03-grown", "lesson02", "co2", "emissions", "x", "", "tsv-x"]
)
def test_another_name_is_not_a_typo(name: str) -> None:
    assert similar_name(name, TOPICS) == ""


def test_names_that_begin_alike_are_not_similar() -> None:
    assert similar_name("lesson02-one", ["lesson02-two"]) == ""
    assert (
        similar_name("lesson02-plants", ["lesson02-plant", "lesson02-slants"]) == "lesson02-plant"
    )


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("abc", "abx", 1), ("abc", "ac", 1),
     ("hour", "grown", 4), ("ca", "abc", 3)],
)  # fmt: skip
def test_edits(one: str, other: str, number: int) -> None:
    assert edits(one, other) == edits(other, one) == number
