"""``labkit class collect``: the submissions of a class as one table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from labkit.core.errors import LabError
from labkit.core.spreadsheet_text import neutralise
from labkit.exercises.engine.learner_progress import lessons as course_lessons
from labkit.exercises.submission.class_remarks import compared
from labkit.exercises.submission.submission import FORMAT, Submission
from labkit.exercises.submission.submission_page import page_checksum

CONTENT = re.compile(
    r'<script type="application/json" id="labkit-submission" data-sha256="([0-9a-f]{64})" '
    r'data-page-sha256="([0-9a-f]{64})">(.*?)</script>',
    re.DOTALL,
)
LARGEST_BYTES = 50_000_000
ON_A_TERMINAL = ("Name", "Exercises", "Percent", "Hints", "Solutions seen", "Made (UTC)", "Remarks")


@dataclass(frozen=True)
class Learner:
    """One submission, where it was, and what a teacher should look at."""

    path: Path
    submission: Submission
    remarks: tuple[str, ...] = ()


@dataclass
class ClassMarks:
    """All submissions of a folder, and the files that could not be read, with the reason."""

    learners: list[Learner] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)

    @property
    def lessons(self) -> list[str]:
        """The numbers of all lessons that somebody's submission has."""
        return sorted({name for one in self.learners for name in one.submission.solved})

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: its headings, the highest number of each, and a row for each learner.

        A cell is a number, because a spreadsheet reads ``1/4`` as a date.
        """
        lessons = self.lessons
        each = [one.submission for one in self.learners]
        highest = {name: max(one.solved.get(name, (0, 0))[1] for one in each) for name in lessons}
        exercises = sum(highest.values())
        predictions = max((len(one.predictions) for one in each), default=0)
        head = (
            *("Name", *lessons, "Exercises", "Percent", "Predicted", "Came true"),
            *("Hints", "Solutions seen", "Made (UTC)", "Cluster", "Remarks"),
        )
        most = (*highest.values(), exercises, 100, predictions, predictions)
        of = ("of", *map(str, most), "", str(exercises), "", "", "")
        return [head, of, *(_row(one, lessons, exercises) for one in self.learners)]

    @property
    def summary(self) -> list[tuple[str, ...]]:
        """The columns that a terminal has room for."""
        head, *_ = rows = self.rows
        places = [head.index(name) for name in ON_A_TERMINAL]
        return [tuple(row[place] for place in places) for row in rows]

    def as_csv(self) -> str:
        """Return the table as CSV; a spreadsheet shows a name that looks like a formula as text."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(map(neutralise, row) for row in self.rows)
        return out.getvalue()


def _row(learner: Learner, lessons: Sequence[str], exercises: int) -> tuple[str, ...]:
    one = learner.submission
    return (
        one.name,
        *(str(one.solved[name][0]) if name in one.solved else "" for name in lessons),
        str(one.done),
        str(round(100 * one.done / exercises) if exercises else 0),
        str(one.predicted),
        str(one.came_true),
        str(sum(mark.hints for mark in one.marks)),
        str(sum(mark.solution_seen for mark in one.marks)),
        f"{one.made_at:%Y-%m-%d %H:%M}",
        one.evidence.cluster_id,
        "; ".join(learner.remarks),
    )


def collect(folder: Path, besides: Path | None = None, lessons: Sequence[str] = ()) -> ClassMarks:
    """Read every submission in a folder and the folders in it; name every other file.

    Parameters
    ----------
    folder : Path
        Where the learners' files are. Hidden files and folders are skipped.
    besides : Path, optional
        A file that is not expected to be a submission: the table, where it is written there, too.
    lessons : sequence of str
        The numbers of the lessons that count, such as ``03b``; none: all. Remarks are about all.

    Raises
    ------
    LabError
        There is no such folder, no file in it, or no such lesson.
    """
    _refuse_unknown(lessons)
    if not folder.is_dir():
        raise LabError(f"There is no folder {folder}.", "labkit class collect FOLDER")
    marks, found = ClassMarks(), []
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if is_hidden or not path.is_file() or (besides and path.resolve() == besides.resolve()):
            continue
        try:
            submission, remarks = read_submission(path)
        except (OSError, ValueError) as error:
            marks.unread[path] = str(error)
        else:
            found.append(Learner(path, submission, remarks))
    if not found and not marks.unread:
        raise no_submission(folder)
    marks.learners = [
        Learner(
            found[place].path,
            _of_lessons(found[place].submission, lessons),
            (*found[place].remarks, *remarks),
        )
        for place, remarks in compared([one.submission for one in found])
    ]
    return marks


def _refuse_unknown(lessons: Sequence[str]) -> None:
    known = [number for number, _ in course_lessons()]
    for one in lessons:
        if one not in known:
            raise LabError(
                f"There is no lesson {one!r}. The lessons are {', '.join(known)}.",
                "labkit class collect FOLDER --lessons 00,01,02",
            )


def _of_lessons(submission: Submission, lessons: Sequence[str]) -> Submission:
    """Return a submission with the marks of some lessons only; with all, if none is named."""
    if not lessons:
        return submission
    kept = tuple(mark for mark in submission.marks if mark.lesson in lessons)
    return submission.model_copy(update={"marks": kept})


def no_submission(folder: Path) -> LabError:
    """Return the error for a folder without any submission."""
    msg = f"There is no submission in {folder}: learners make one with lab.submit"
    return LabError(msg, 'lab.submit("Their Name")')


def read_submission(path: Path) -> tuple[Submission, tuple[str, ...]]:
    """Return a submission, and what is odd about it.

    Raises
    ------
    ValueError
        The file is not one.
    """
    if path.suffix.casefold() not in (".html", ".htm"):
        raise ValueError("it is not a submission; lab.submit writes an .html file")
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError("it is larger than any submission")
    text = path.read_text(encoding="utf-8", errors="replace")
    found = CONTENT.search(text)
    if found is None:
        raise ValueError("it is not a page that lab.submit has written")
    try:
        submission = Submission.model_validate_json(found[3])
    except ValidationError as error:
        raise ValueError(f"its content is damaged ({_places(error)})") from None
    if submission.format != FORMAT:
        raise ValueError(f"it has the format {submission.format}; this labkit reads {FORMAT}")
    remarks = []
    if submission.checksum != found[1]:
        remarks.append("edited after it was made")
    if page_checksum(text[: found.start()], text[found.end() :]) != found[2]:
        remarks.append("the page was edited: it may show other marks than its data")
    return submission, tuple(remarks)


def _places(error: ValidationError) -> str:
    """Return where a content differs from a submission's form, briefly."""
    places = [".".join(map(str, one["loc"])) or "the JSON" for one in error.errors()]
    return ", ".join(places[:3])
