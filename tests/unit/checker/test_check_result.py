"""The verdict as a sentence, as text, in a notebook and in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from labkit.checker.check_result import MOST_COLUMNS, PartitionVerdict, Verdict, Violation


def partition(number: int = 0, **changes: object) -> PartitionVerdict:
    sizes = dict.fromkeys(PartitionVerdict.model_fields, 0)
    facts = {**sizes, "partition": number, "records": 1_500, "rows": 1_499, "violations": {}}
    return PartitionVerdict.model_validate({**facts, **changes})


def verdict(*partitions: PartitionVerdict, **changes: object) -> Verdict:
    facts = dict.fromkeys(Verdict.model_fields, 0)
    names = {"topic_name": "<co2>", "topic_id": "i", "data_dir": "d", "seed": None, "examples": ()}
    names["earlier_topic"] = ""
    found = {"partitions": partitions or (partition(),), "runs": 1}
    return Verdict.model_validate({**facts, **names, **found, **changes})


@pytest.mark.parametrize(
    ("one", "state", "words"),
    [
        (verdict(), "holds", "Each of the 1,500 records in the topic is in the CSV once"),
        (verdict(partition(behind=3)), "on the way", "so far; 3 records are not in the CSV yet"),
        (
            verdict(partition(violations={"lost": 2}), partition(1, violations={"doubled": 1})),
            "broken",
            "The promise is broken: 2 lost, 1 doubled.",
        ),
        (verdict(partition(violations={"lost": 1}, behind=3)), "broken", "broken: 1 lost."),
        (
            verdict(partition(gap=7, violations={"lost": 6})),
            "broken",
            "broken: 6 lost. Retention deleted 7 records before they were stored.",
        ),
        (
            verdict(partition(violations={"lost": 6}), unasked_lost=6),
            "broken",
            "6 are lost: with acks=0 nobody was asked whether they arrived, and they did not.",
        ),
        (verdict(unasked_missing=2), "on the way", "2 that were sent with acks=0 are not in the"),
        (verdict(unjournalled=1), "holds", "In no delivery log of this lab: 1 record. Another"),
        (verdict(earlier_topic="Old. Next: mv a b"), "on the way", " Old. Next: mv a b"),
        (verdict(unknown=5, unknown_in_topic=2), "holds", "of 5 without an answer 2 are there"),
        (verdict(runs=0, unjournalled=9), "holds", "so nobody knows who sent them"),
        (verdict(seed=42), "holds", "Seed 42."),
    ],
)
def test_the_verdict_in_a_sentence(one: Verdict, state: str, words: str) -> None:
    assert (one.state, one.holds) == (state, state == "holds")
    assert words in one.sentence


def test_the_same_everywhere() -> None:
    example = Violation(
        kind="lost",
        partition=1,
        offset=9,
        what="it is <gone>",
        reading_id="an-id",
        journal="acked",
        next="labkit kafka ...",
    )
    one = verdict(partition(violations={"lost": 1}), examples=(example,))
    screen = io.StringIO()
    Console(file=screen, width=80).print(one.view())
    for text in (str(one), screen.getvalue()):
        assert "lost: partition 1, offset 9, reading an-id: it is <gone>" in text
        assert "lost: acknowledged and not in the topic, or in the topic and not in the CSV." in (
            " ".join(text.split())
        )
        assert not any(kind in text for kind in ("doubled", "divergent", "phantom"))
        assert "1,500" in text
    page = one._repr_html_()
    assert "<br>lost: acknowledged and not in the topic" in page
    assert "next     !labkit kafka ..." in page
    assert "&lt;co2&gt;" in page
    assert "it is &lt;gone&gt;" in page
    assert "<gone>" not in page
    assert one.model_dump(mode="json")["violations"] == {"lost": 1}


def test_where_nothing_is_wrong_no_kind_is_named() -> None:
    assert verdict().cells()[-1] == ["violations", "0", "0"]
    assert verdict().meanings() == []


def test_of_many_partitions_the_wrong_ones_are_shown() -> None:
    many = [partition(number) for number in range(MOST_COLUMNS + 20)]
    many[12] = partition(12, violations={"phantom": 4})
    head, *rows = verdict(*many).cells()
    assert head == ["partition", "12", "all"]
    assert rows[-2:] == [["violations", "4", "4"], ["phantom", "4", "4"]]
    assert ["in the topic", "1,500", f"{1_500 * len(many):,}"] in rows
