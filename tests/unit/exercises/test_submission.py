"""Submissions: what a learner hands in, and what a teacher reads from it."""

from __future__ import annotations

import base64
import csv
import inspect
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from labkit.cli import app
from labkit.core.errors import LabError
from labkit.exercises.engine.learner_progress import lessons, save_attempt
from labkit.exercises.engine.outcome import Outcome, Result
from labkit.exercises.submission.answers_in_notebooks import answers_in
from labkit.exercises.submission.class_marks import collect, read_submission
from labkit.exercises.submission.class_remarks import WITHOUT_TOPICS
from labkit.exercises.submission.pictures_in_notebooks import Picture, pictures_in
from labkit.exercises.submission.submission import (
    Evidence,
    Mark,
    Submission,
    TopicEvidence,
    submit,
)
from labkit.exercises.submission.submission_page import as_page
from labkit.widgets.still_picture import still_html

AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
MISSING = Evidence(missing="no broker")
PNG = base64.b64encode(b"\x89PNG").decode()


def submission(name: str = "Ada", cluster_id: str = "one", **changes: object) -> Submission:
    marks = (
        Mark(task="00.q1", outcome=Outcome.CORRECT, attempts=2, hints=1),
        Mark(task="00.q2", outcome=Outcome.NOT_ATTEMPTED),
        Mark(task="00.p1", kind="prediction", outcome=Outcome.NOT_AS_PREDICTED),
        Mark(task="03b.p1", kind="prediction", outcome=Outcome.NOT_ATTEMPTED),
        Mark(task="03b.q1", outcome=Outcome.CORRECT, solution_seen=True),
    )
    known = {"name": name, "made_at": AT, "labkit": "0.1.0", "marks": marks}
    topic = TopicEvidence(name="lesson03b-plain", topic_id="id", partitions=1, records=3)
    evidence = Evidence(cluster_id=cluster_id, topics=(topic,), ledger="All stages agree.")
    return Submission.model_validate({**known, "evidence": evidence, **changes})


def write(folder: Path, one: Submission, file: str = "") -> Path:
    path = folder / (file or f"submission_{one.name}.html")
    path.write_text(as_page(one, []), encoding="utf-8")
    return path


@given(st.text(min_size=1, max_size=80).filter(lambda name: max(name) < "\ud800"))
def test_any_name_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = write(tmp_path_factory.mktemp("in"), submission(name), "page.html")
    assert read_submission(path) == (submission(name), ())


def test_a_class_is_one_table_of_numbers(tmp_path: Path) -> None:
    write(tmp_path, submission("Grace", "two"))
    (tmp_path / "group").mkdir()
    write(tmp_path / "group", submission("Ada"))
    head, *below = rows(tmp_path)
    of, ada, grace = (dict(zip(head, row, strict=True)) for row in below)
    assert head[:3] == ("Name", "00", "03b")
    assert (of["Name"], of["00"], of["03b"], of["Exercises"]) == ("of", "2", "1", "3")
    assert (of["Percent"], of["Predicted"]) == ("100", "2")
    assert (ada["Name"], ada["00"], ada["03b"], ada["Exercises"]) == ("Ada", "1", "1", "2")
    assert ada["Percent"] == "67"
    assert (ada["Predicted"], ada["Came true"]) == ("1", "0")
    assert (ada["Hints"], ada["Solutions seen"], ada["Remarks"]) == ("1", "1", "")
    assert (grace["Name"], grace["Cluster"]) == ("Grace", "two")
    assert not any("/" in cell for cell in ada.values())
    summary = collect(tmp_path).summary[2]
    assert summary == ("Ada", "2", "67", "1", "1", "2026-11-30 09:00", "")


def rows(folder: Path) -> list[tuple[str, ...]]:
    return collect(folder).rows


def remarks(folder: Path) -> list[tuple[str, str]]:
    return [(row[0], row[-1]) for row in rows(folder)[2:]]


def test_a_wrong_prediction_is_handed_in_as_what_it_is() -> None:
    one = submission()
    assert (one.done, len(one.exercises), one.predicted, one.came_true) == (2, 3, 1, 0)
    assert '"kind":"prediction","outcome":"not as predicted"' in one.model_dump_json()
    assert "p1 ≠" in as_page(one, [])


def test_the_newest_of_several_files_counts(tmp_path: Path) -> None:
    write(tmp_path, submission(marks=()), "old.html")
    write(tmp_path, submission("ADA", made_at=LATER), "new.html")
    assert remarks(tmp_path) == [("ADA", "the newest of 2 files")]
    assert rows(tmp_path)[2][3] == "2"


def test_one_name_on_two_clusters_is_two_rows(tmp_path: Path) -> None:
    write(tmp_path, submission("Ada", "one"), "1.html")
    write(tmp_path, submission("Ada", "two", made_at=LATER), "2.html")
    said = "2 rows of this name, each from another cluster"
    assert remarks(tmp_path) == [("Ada", said), ("Ada", said)]


def test_a_newer_file_without_evidence_does_not_replace_one_that_has_it(tmp_path: Path) -> None:
    write(tmp_path, submission("Ada", "one"), "1.html")
    write(tmp_path, submission("Ada", evidence=MISSING, made_at=LATER), "2.html")
    said = "2 rows of this name, one without the broker's evidence"
    assert remarks(tmp_path) == [("Ada", f"no evidence of the broker; {said}"), ("Ada", said)]


def test_what_a_teacher_should_look_at_is_remarked(tmp_path: Path) -> None:
    write(tmp_path, submission("Ada"))
    write(tmp_path, submission("Bob"))
    write(tmp_path, submission("Cy", evidence=MISSING))
    page = write(tmp_path, submission("Dee", "four"))
    page.write_text(page.read_text().replace('"attempts":2', '"attempts":1'))
    page = write(tmp_path, submission("Eve", "five"))
    page.write_text(page.read_text().replace("2 of 3 exercises", "3 of 3 exercises"))
    assert remarks(tmp_path) == [
        ("Ada", "same cluster as Bob"),
        ("Bob", "same cluster as Ada"),
        ("Cy", "no evidence of the broker"),
        ("Dee", "edited after it was made"),
        ("Eve", "the page was edited: it may show other marks than its data"),
    ]


def test_a_page_whose_line_ends_were_changed_is_not_an_edited_one(tmp_path: Path) -> None:
    page = write(tmp_path, submission())
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    assert remarks(tmp_path) == [("Ada", "")]


def test_only_the_lessons_that_the_class_was_asked_for_count(tmp_path: Path) -> None:
    write(tmp_path, submission("Ada"))
    table = tmp_path.parent / "marks.csv"
    told = CliRunner().invoke(
        app, ["class", "collect", str(tmp_path), "--lessons", "00, 01", "--out", str(table)]
    )
    assert told.exit_code == 0, told.output
    head, of, ada = csv.reader(table.read_text(encoding="utf-8-sig").splitlines())
    assert head[:2] == ["Name", "00"]
    assert "03b" not in head
    assert dict(zip(head, of, strict=True))["Exercises"] == "2"
    assert dict(zip(head, ada, strict=True))["Percent"] == "50"
    with pytest.raises(LabError, match=r"no lesson '3'\. The lessons are 00, 01"):
        collect(tmp_path, lessons=["3"])


def solved(*tasks: str, at: str = "2026-11-30T08:00:0{}+00:00") -> tuple[Mark, ...]:
    return tuple(
        Mark(task=task, outcome=Outcome.CORRECT, correct_at=at.format(number))
        for number, task in enumerate(tasks)
    )


def test_marks_without_what_the_lesson_leaves_in_the_cluster_are_remarked(tmp_path: Path) -> None:
    def with_topics(*names: str, since: str = "") -> Evidence:
        topics = tuple(
            TopicEvidence(name=name, topic_id="id", partitions=1, records=0) for name in names
        )
        return Evidence(cluster_id="+".join(names) + since, cluster_since=since, topics=topics)

    marks = solved("00.q1", "03.q1", "03.q2", "03b.q1", "08.q1")
    half = (*solved("03.q1"), *(Mark(task=f"03.q{n}", outcome=Outcome.NOT_YET) for n in (2, 3)))
    for name, of, evidence in (
        ("all", marks, with_topics("lesson03-hard", "lesson03b-plain")),
        ("begun", half, with_topics("lesson04-late")),
        ("none", marks, with_topics("lesson03-hard")),
        ("reset", marks, with_topics("co2-emissions", since="2026-11-30T08:30:00+00:00")),
        ("since", marks, with_topics("lesson03-hard", since="2026-11-30T08:00:00+00:00")),
    ):
        if not evidence.cluster_since:
            of = tuple(one.model_copy(update={"correct_at": None}) for one in of)
        write(tmp_path, submission(name, marks=of, evidence=evidence))
    said = dict(remarks(tmp_path))
    shared = "5 marks of the same second as {}"
    assert said == {
        "all": "",
        "begun": "",
        "none": "no topic of lesson 03b",
        "reset": f"the cluster is younger than 5 marks; {shared.format('since')}",
        "since": f"no topic of lesson 03b; {shared.format('reset')}",
    }


def test_the_lessons_that_leave_topics_name_them_after_themselves() -> None:
    for number, module in lessons():
        assert number in WITHOUT_TOPICS or f'"lesson{number}-' in inspect.getsource(module)


@pytest.mark.parametrize(
    "content", ["", "<html>", as_page(submission(), []).replace('"marks"', '"remarks"')]
)
def test_a_file_that_is_not_a_submission_is_named_and_the_rest_is_read(
    tmp_path: Path, content: str
) -> None:
    write(tmp_path, submission())
    (tmp_path / "other.html").write_text(content)
    marks = collect(tmp_path)
    assert [path.name for path in marks.unread] == ["other.html"]
    assert len(marks.learners) == 1


def test_another_kind_of_file_is_named_and_hidden_ones_and_the_table_are_not(
    tmp_path: Path,
) -> None:
    for name in ("x.txt", "x.ipynb", "x.pdf", ".DS_Store", "marks.csv"):
        (tmp_path / name).write_text("")
    marks = collect(tmp_path, besides=tmp_path / "marks.csv")
    assert {path.name for path in marks.unread} == {"x.txt", "x.ipynb", "x.pdf"}
    assert set(marks.unread.values()) == {"it is not a submission; lab.submit writes an .html file"}
    told = CliRunner().invoke(app, ["class", "collect", str(tmp_path)])
    assert isinstance(told.exception, LabError)
    assert "Not read" in told.output
    assert "Exercises" not in told.output


def test_a_folder_without_submissions_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no submission"):
        collect(tmp_path)
    with pytest.raises(LabError, match="no folder"):
        collect(tmp_path / "nowhere")


def test_a_name_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    write(tmp_path, submission("=1+1"), "page.html")
    _, _, row = csv.reader(collect(tmp_path).as_csv().splitlines())
    assert row[0] == "'=1+1"


def test_a_name_cannot_run_in_the_teachers_browser() -> None:
    name = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    one = submission(name, answers={"00.q1": "</pre><script>alert(1)</script><img src=x>"})
    page = as_page(one, [Picture("<b>", "", "<script>")])
    assert page.count("<script") == 1
    assert "<img" not in page


def test_pictures_of_saved_notebooks_are_taken_and_nothing_that_runs(tmp_path: Path) -> None:
    still = still_html("live chart", "<svg onload='alert(1)'></svg>", "coal 5 t/h")
    evil = '<div class="labkit-still"><img src="https://example.org/x"><pre>words</pre></div>'
    outputs = [
        {"data": {"text/html": still}},
        {"data": {"text/html": [evil, "<script>alert(1)</script>"]}},
        {"data": {"image/png": PNG, "text/plain": ["a figure"]}},
        {"data": {"text/html": "<b>a table</b>"}},
        {"name": "stdout", "text": "printed"},
    ]
    (tmp_path / "04.ipynb").write_text(json.dumps({"cells": [{"outputs": outputs}, {}]}))
    for number, text in enumerate(("", "[]", "{", '{"cells": [1]}')):
        (tmp_path / f"broken{number}.ipynb").write_text(text)
    widget, words, figure = pictures_in(tmp_path)
    assert widget.address.startswith("data:image/svg+xml;base64,")
    assert widget.text == "coal 5 t/h"
    assert words == Picture("04", "", "words")
    assert figure == Picture("04", f"data:image/png;base64,{PNG}", "a figure")


def test_answers_are_the_cells_named_as_tasks(tmp_path: Path) -> None:
    cells = [
        {"id": "q1", "cell_type": "code", "source": ["def answer():\n", "    return '\x1b'"]},
        {"id": "p1", "cell_type": "code", "source": "ex.p1.predict(3)"},
        {"id": "q2", "cell_type": "code", "source": " "},
        {"id": "q1-check", "cell_type": "code", "source": "ex.q1.check(answer)"},
        {"source": "no id"},
    ]
    (tmp_path / "03_producer.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "04_consumer.ipynb").write_text("{")
    assert answers_in(tmp_path, ["03.p1", "03.q1", "03.q2", "04.q1"]) == {
        "03.p1": "ex.p1.predict(3)",
        "03.q1": "def answer():\n    return '\\x1b'",
    }


def test_what_a_learner_has_not_begun_is_not_an_answer(lab_dir: Path) -> None:
    sources = {"q1": "answer = ...", "q2": "answer = ...  # and 3", "q3": "answer = 3"}
    cells = [{"id": name, "source": source} for name, source in sources.items()]
    (lab_dir / "my-notebooks").mkdir()
    (lab_dir / "my-notebooks" / "03_producer.ipynb").write_text(json.dumps({"cells": cells}))
    save_attempt(Result("03.q2", Outcome.NOT_YET, "Three."))
    made = submit("Ada").submission
    assert made.answers == {"03.q2": sources["q2"], "03.q3": sources["q3"]}
    assert made.evidence.missing


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_submission_needs_a_name(name: str) -> None:
    with pytest.raises(LabError, match="needs your name"):
        submit(name)


def test_without_a_name_the_next_line_is_the_one_with_a_name() -> None:
    with pytest.raises(LabError, match="needs your name") as refused:
        submit()
    assert refused.value.next_line == 'lab.submit("Your Name")'
