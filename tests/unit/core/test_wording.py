"""Sentences from errors that were worded to follow a colon."""

from __future__ import annotations

import pytest

from labkit.core.wording import capitalized, sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the broker is away", "The broker is away."),
        ("The broker is away.", "The broker is away."),
        (" did you mean 'a'? ", "Did you mean 'a'?"),
        ("'a' is not here", "'a' is not here."),
        ("éa!", "Éa!"),
    ],
)
def test_a_text_becomes_a_sentence(text: str, expected: str) -> None:
    assert sentence(text) == expected


def test_the_rest_of_a_text_keeps_its_capitals() -> None:
    assert capitalized("kafka in KRaft mode") == "Kafka in KRaft mode"
    assert capitalized("") == ""
