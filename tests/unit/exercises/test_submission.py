"""Submissions: what a learner hands in, and what a teacher reads from it."""

from __future__ import annotations

import base64
import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.core.errors import LabError
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.submission.class_marks import collect, read_submission
from labkit.exercises.submission.pictures_in_notebooks import Picture, pictures_in
from labkit.exercises.submission.submission import Evidence, Mark, Submission, submit
from labkit.exercises.submission.submission_page import as_page
from labkit.widgets.still_picture import still_html

AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
PNG = base64.b64encode(b"\x89PNG").decode()


def submission(name: str = "Ada", cluster_id: str = "one", **changes: object) -> Submission:
    marks = (
        Mark(task="00.q1", outcome=Outcome.CORRECT, attempts=2, hints=1),
        Mark(task="00.p1", outcome=Outcome.NOT_ATTEMPTED),
        Mark(task="03b.q1", outcome=Outcome.CORRECT, solution_seen=True),
    )
    known = {"name": name, "made_at": AT, "labkit": "0.1.0", "marks": marks}
    evidence = Evidence(cluster_id=cluster_id, ledger="All stages agree.")
    return Submission.model_validate({**known, "evidence": evidence, **changes})


def write(folder: Path, one: Submission, file: str = "") -> Path:
    path = folder / (file or f"submission_{one.name}.html")
    path.write_text(as_page(one, []), encoding="utf-8")
    return path


@given(st.text(min_size=1, max_size=80).filter(lambda name: max(name) < "\ud800"))
def test_any_name_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = write(tmp_path_factory.mktemp("in"), submission(name), "page.html")
    assert read_submission(path) == (submission(name), ())


def test_a_class_is_one_table(tmp_path: Path) -> None:
    write(tmp_path, submission("Grace", "two"))
    (tmp_path / "group").mkdir()
    write(tmp_path / "group", submission("Ada"))
    head, ada, grace = collect(tmp_path).rows
    assert head[:4] == ("Name", "Done", "00", "03b")
    assert ada == ("Ada", "2/3", "1/2", "1/1", "1", "1", "2026-11-30 09:00", "")
    assert grace[0] == "Grace"
    assert collect(tmp_path).summary[1] == ("Ada", "2/3", "1", "1", "2026-11-30 09:00", "")


def test_the_newest_of_several_files_counts(tmp_path: Path) -> None:
    write(tmp_path, submission(marks=()), "old.html")
    write(tmp_path, submission("ADA", made_at=AT + timedelta(hours=1)), "new.html")
    _, ada = collect(tmp_path).rows
    assert ada[1] == "2/3"
    assert ada[-1] == "the newest of 2 files"


def test_what_a_teacher_should_look_at_is_remarked(tmp_path: Path) -> None:
    write(tmp_path, submission("Ada"))
    write(tmp_path, submission("Bob"))
    write(tmp_path, submission("Cy", evidence=Evidence(missing="no broker")))
    page = write(tmp_path, submission("Dee", "four"))
    page.write_text(page.read_text().replace('"attempts":2', '"attempts":1'))
    remarks = {row[0]: row[-1] for row in collect(tmp_path).rows[1:]}
    assert remarks == {
        "Ada": "same cluster as Bob",
        "Bob": "same cluster as Ada",
        "Cy": "no evidence of the broker",
        "Dee": "edited after it was made",
    }


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


def test_a_folder_without_submissions_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no submission"):
        collect(tmp_path)
    with pytest.raises(LabError, match="no folder"):
        collect(tmp_path / "nowhere")


def test_a_name_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    write(tmp_path, submission("=1+1"), "page.html")
    _, row = csv.reader(collect(tmp_path).as_csv().splitlines())
    assert row[0] == "'=1+1"


def test_a_name_cannot_run_in_the_teachers_browser() -> None:
    name = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    page = as_page(submission(name), [Picture("<b>", "", "<script>")])
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


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_submission_needs_a_name(name: str) -> None:
    with pytest.raises(LabError, match="needs a name"):
        submit(name)
