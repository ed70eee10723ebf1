"""The exercises' own machinery: outcomes, blanks, hints, predictions, and the learner's record."""

from __future__ import annotations

import ast
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import labkit as lab
from labkit.core.errors import BrokerUnavailable
from labkit.exercises.engine.course_overview import tasks_of
from labkit.exercises.engine.exercise import Exercise, is_blank
from labkit.exercises.engine.learner_progress import best_outcome, lessons, read_learner_progress
from labkit.exercises.engine.outcome import NotAttempted, NotYet, Outcome, Result, box
from labkit.exercises.engine.prediction import Observed, Prediction, as_possible, prediction


def made(check: Any) -> Exercise:
    check.__module__ = "labkit.exercises.lesson_42"
    return Exercise(check, ["look", "look there", "it is 4"], "answer = 4")


def answer_is_four() -> Exercise:
    def q1(answer: int) -> str:
        """Say four."""
        if answer == 0:
            raise NotAttempted("Nothing is there.")
        if answer == 7:
            raise BrokerUnavailable("no broker", "lab.start_broker()")
        if answer != 4:
            raise NotYet(f"{answer} was seen.")
        return "Four it is."

    return made(q1)


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        (4, Outcome.CORRECT, "Four it is."),
        (5, Outcome.NOT_YET, "5 was seen."),
        (0, Outcome.NOT_ATTEMPTED, "Nothing is there."),
        (..., Outcome.NOT_ATTEMPTED, "three dots"),
        (7, Outcome.ERROR, "Next: lab.start_broker()"),
    ],
)
def test_an_attempt_has_one_of_four_outcomes(
    lab_dir: Path, answer: Any, outcome: Outcome, says: str
) -> None:
    result = answer_is_four().check(answer)
    assert result.outcome is outcome
    assert says in result.message
    assert result.exercise_id == "42.q1"
    assert read_learner_progress()["42.q1"]["last"] == outcome


@pytest.mark.parametrize("answers", [(), (4, 4)])
def test_a_check_that_is_asked_with_other_answers_names_them(
    lab_dir: Path, answers: tuple[int, ...]
) -> None:
    result = answer_is_four().check(*answers)
    assert result.outcome is Outcome.NOT_ATTEMPTED
    assert "`ex.q1.check(answer)`" in result.message


def test_what_the_learner_raises_is_told_and_ends_nothing(lab_dir: Path) -> None:
    def q1(answer: Any) -> str:
        return str(answer())

    def wrong() -> None:
        raise KeyError("load_mw")

    result = made(q1).check(wrong)
    assert result.outcome is Outcome.ERROR
    assert result.message == (
        "Your `wrong` raised `KeyError: 'load_mw'`, in the line `raise KeyError(\"load_mw\")`."
    )


def test_what_fails_in_a_check_is_said_of_the_answer_and_shows_nothing_of_the_check(
    lab_dir: Path,
) -> None:
    def q1(answer: Any) -> str:
        return f"{sum(offset for offset in range(9) if offset >= answer())}"

    def q2(answer: Any) -> str:
        return "Right." if answer["key"] else "Wrong."

    def q3() -> str:
        raise TimeoutError("no answer in 5 s")

    def forgets_to_return() -> None:
        print("42")

    takes_one = made(q1).check(lambda key: key)
    assert "missing 1 required positional argument: 'key'" in takes_one.message

    results = [made(q1).check(forgets_to_return), made(q2).check(["a"]), made(q3).check()]
    outcomes = [result.outcome for result in results]
    assert outcomes == [Outcome.NOT_YET, Outcome.NOT_YET, Outcome.ERROR]
    says = [result.message for result in results]
    assert says[0].startswith("Your `forgets_to_return` returned nothing. It has to end")
    assert says[1].startswith("You gave a list, `['a']`, and the question asks")
    assert says[2].startswith("The check could not ask: `TimeoutError: no answer in 5 s`.")


def test_a_correct_answer_is_repeated_for_its_cell_may_have_failed(lab_dir: Path) -> None:
    assert answer_is_four().check(np.int64(4)).message == "You gave 4. Four it is."
    assert answer_is_four().check(4.0).message == "You gave 4.0. Four it is."


def test_dots_are_a_blank_also_as_the_body_of_a_function() -> None:
    def blank(key: bytes, num_partitions: int) -> int: ...

    def explained(key: bytes) -> int:
        """Say where a key goes."""
        ...

    def zero(key: bytes) -> int:
        return 0

    def nothing(key: bytes) -> None:
        print(key)

    assert is_blank(...)
    assert is_blank(blank)
    assert is_blank(explained)
    assert not is_blank(zero)
    assert not is_blank(nothing)
    assert not is_blank(None)
    assert not is_blank(0)


def test_hints_come_in_stages_and_are_counted(lab_dir: Path) -> None:
    task = answer_is_four()
    texts = [task.hint().text for _ in range(4)]
    said = [text.partition("\n")[0] for text in texts]
    assert said == ["look", "look there", "it is 4", "it is 4"]
    assert "2 more" in texts[0]
    assert read_learner_progress()["42.q1"]["hints"] == 3
    assert task.solution().text == "answer = 4"
    assert "<code>answer" in task.solution()._repr_html_()
    assert read_learner_progress()["42.q1"]["solution_seen"] is True
    assert read_learner_progress()["42.q1"]["attempts"] == 0


def test_what_was_correct_once_stays_so(lab_dir: Path) -> None:
    task = answer_is_four()
    task.check(4)
    first = read_learner_progress()["42.q1"]["correct_at"]
    task.check(5)
    assert read_learner_progress()["42.q1"] == {
        "attempts": 2,
        "last": "not yet",
        "best": "correct",
        "first": "correct",
        "correct_at": first,
    }


def test_two_notebooks_may_be_marked_at_once(lab_dir: Path) -> None:
    task = answer_is_four()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(task.check, [5] * 40))
    assert read_learner_progress()["42.q1"]["attempts"] == 40


def how_many(*, possible: Any = range(13)) -> Prediction:
    def p1(seen: Any) -> Observed:
        """How many?"""
        if seen is None:
            raise NotAttempted("Nothing runs any more.")
        return Observed(seen, "Kafka counts so.")

    p1.__module__ = "labkit.exercises.lesson_42"
    return prediction(possible=possible, solution="ex.p1.predict(3)")(p1)


def test_a_prediction_comes_first(lab_dir: Path) -> None:
    task = how_many()
    assert task.reveal(3).outcome is Outcome.NOT_ATTEMPTED  # but it tells what happened
    assert "It was 3. Kafka counts so." in task.reveal(3).message
    assert task.predict(...).outcome is Outcome.NOT_ATTEMPTED
    assert task.predict() == task.predict(...)
    assert "You said 2." in task.predict(2).message
    surprise = task.reveal(3)
    assert surprise.outcome is Outcome.NOT_YET
    assert "Not as you predicted: You said 2. It was 3. Kafka" in repr(surprise)
    for said in (3, "3", " 3", 3.0, np.int64(3), "3 %"):
        assert task.predict(said).heading == "Noted"
        assert task.reveal(3).is_correct
    assert task.predict("None").heading == "Noted"
    assert task.reveal(0).is_correct
    # For a teacher, the first one counts: later ones are made by someone who has seen the answer.
    entry = read_learner_progress()[task.exercise_id]
    assert (entry["first"], entry["best"]) == ("not yet", "correct")


@pytest.mark.parametrize(
    "said", [-1, "-1", 13, 2.5, "three", None, [3], True, "", pd.Series([1, 2]), print]
)
def test_a_prediction_that_cannot_be_is_refused_and_the_limits_are_named(
    lab_dir: Path, said: Any
) -> None:
    task = how_many()
    task.predict(3)
    refused = task.predict(said)
    assert refused.heading == "Not noted"
    assert "a whole number from 0 to 12" in refused.message
    assert task.reveal(3).heading == "Not predicted"  # nothing of an earlier one is left


@pytest.mark.parametrize("said", ["stay", 3, None, ["moves"], pd.Series(["moves"])])
def test_a_word_that_cannot_be_is_refused_and_the_words_are_named(lab_dir: Path, said: Any) -> None:
    task = how_many(possible=("stays", "falls", "moves"))
    assert "Say 'stays', 'falls' or 'moves'." in task.predict(said).message
    task.predict(" Moves ")
    assert task.reveal("moves").is_correct


def test_a_prediction_outlives_a_restart_of_the_kernel(lab_dir: Path) -> None:
    how_many().predict(3)
    assert how_many().reveal(3).is_correct
    how_many().predict(...)
    assert how_many().reveal(3).heading == "Not predicted"


def test_a_reveal_after_the_tidy_up_lowers_nothing(lab_dir: Path) -> None:
    for said in (3, 4):  # right, and then wrong
        task = how_many()
        task.predict(said)
        task.reveal(3)
        assert task.reveal(None).outcome is Outcome.NOT_ATTEMPTED
        entry = read_learner_progress()["42.p1"]
        assert entry["last"] == "not attempted"
        assert best_outcome(entry) is Outcome.CORRECT


def test_a_record_of_an_earlier_version_is_read() -> None:
    assert best_outcome({"attempts": 1, "last": "not yet"}) is Outcome.NOT_YET
    assert best_outcome({"last": "error", "correct_at": "x"}) is Outcome.CORRECT
    assert best_outcome({}) is Outcome.NOT_ATTEMPTED


def test_a_message_that_begins_with_a_computed_part_has_a_capital_too() -> None:
    said = Result("42.q1", Outcome.NOT_YET, "the record at offset 3 has no key.")
    assert repr(said) == "✘ 42.q1 · Not yet: The record at offset 3 has no key."
    assert Result("42.q1", Outcome.NOT_YET, "`acks` is 0.").message == "`acks` is 0."


def test_what_is_shown_is_escaped() -> None:
    shown = box("a <b>", "type `x < y`\n<script>")
    assert "<code>x &lt; y</code><br>&lt;script&gt;" in shown
    assert "a &lt;b&gt;" in shown


def test_progress_names_each_lesson_and_what_comes_next(lab_dir: Path) -> None:
    seen = lab.progress()
    assert [one.number for one in seen.lessons] == [number for number, _ in lessons()]
    assert seen.done == 0
    first = next(one for one in seen.lessons if one.outcomes)
    name = next(iter(first.outcomes))
    assert f"Next: {first.number}.{name}" in seen.sentence
    state = lab_dir / ".labkit"
    state.mkdir(exist_ok=True)
    record = {f"{first.number}.{name}": {"attempts": 1, "last": "correct", "correct_at": "x"}}
    (state / "progress.json").write_text(json.dumps(record))
    seen = lab.progress()
    assert seen.done == 1
    assert f"{name} ✔" in repr(seen)
    assert f"Next: {first.number}.{name} " not in seen.sentence
    lines = repr(seen).splitlines()
    assert lines[1].index("Done") == lines[2].index("1\u00a0of\u00a0")
    assert lines[1].index("Each") == lines[2].index(f"{name} ✔")
    assert lines[2].lstrip().startswith("00 · Start here  ")
    assert seen._repr_html_().count('<th style="text-align: left') == 3


def test_nobody_is_sent_back_to_a_prediction_that_did_not_come_true(lab_dir: Path) -> None:
    state = lab_dir / ".labkit"
    state.mkdir(exist_ok=True)
    record = {name: {"attempts": 1, "last": "not yet"} for name in ("00.p1", "00.q1")}
    (state / "progress.json").write_text(json.dumps(record))
    marks = lab.progress().lessons[0].marks
    assert "p1 ≠" in marks
    assert "q1 ✘" in marks


PREDICT = r"ex\.p\d\.predict\((.+)\)"


@pytest.mark.parametrize(("number", "module"), lessons())
def test_each_task_of_the_course_is_whole(number: str, module: Any) -> None:
    for name, task in tasks_of(module).items():
        assert task.exercise_id == f"{number}.{name}"
        assert task.question
        cell = TransformerManager().transform_cell(task.solution_code)  # it may call a tool by `!`
        compile(cell, task.exercise_id, "exec")
        if isinstance(task, Prediction) and (said := re.fullmatch(PREDICT, task.solution_code)):
            as_possible(ast.literal_eval(said[1]), task.possible)
        assert task._repr_html_()


def test_the_lessons_are_those_of_the_notebooks() -> None:
    numbers = [number for number, _ in lessons()]
    assert numbers == sorted(numbers)  # 03b, the second part of 03, is between 03 and 04
    assert [one for one in numbers if one.isdecimal()] == [f"{number:02}" for number in range(12)]
