"""``labkit class collect``: the submissions of a class as one table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from labkit.core.errors import LabError
from labkit.core.spreadsheet_text import neutralise
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.submission.submission import FORMAT, Submission

CONTENT = re.compile(
    r'<script type="application/json" id="labkit-submission" data-sha256="([0-9a-f]{64})">'
    r"(.*?)</script>",
    re.DOTALL,
)
LARGEST_BYTES = 50_000_000


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
        found = (one.task for learner in self.learners for one in learner.submission.marks)
        return sorted({task.partition(".")[0] for task in found})

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: its headings, and a row for each learner, by name."""
        lessons = self.lessons
        head = ("Name", "Done", *lessons, "Hints", "Solutions seen", "Made (UTC)", "Remarks")
        return [head, *(_row(one, lessons) for one in self.learners)]

    @property
    def summary(self) -> list[tuple[str, ...]]:
        """The same without a column for each lesson, which a terminal has no room for."""
        end = 2 + len(self.lessons)
        return [(*row[:2], *row[end:]) for row in self.rows]

    def as_csv(self) -> str:
        """Return the table as CSV; a spreadsheet shows a name that looks like a formula as text."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(map(neutralise, row) for row in self.rows)
        return out.getvalue()


def _row(learner: Learner, lessons: list[str]) -> tuple[str, ...]:
    one = learner.submission
    done, all_of = Counter[str](), Counter[str]()
    for mark in one.marks:
        lesson = mark.task.partition(".")[0]
        all_of[lesson] += 1
        done[lesson] += mark.outcome is Outcome.CORRECT
    return (
        one.name,
        f"{one.done}/{len(one.marks)}",
        *(f"{done[name]}/{all_of[name]}" if all_of[name] else "" for name in lessons),
        str(sum(mark.hints for mark in one.marks)),
        str(sum(mark.solution_seen for mark in one.marks)),
        f"{one.made_at:%Y-%m-%d %H:%M}",
        "; ".join(learner.remarks),
    )


def collect(folder: Path) -> ClassMarks:
    """Read every ``submission_*.html`` in a folder and the folders in it.

    Raises
    ------
    LabError
        There is no such folder, or no submission in it.
    """
    if not folder.is_dir():
        raise LabError(f"There is no folder {folder}.", "labkit class collect FOLDER")
    marks = ClassMarks()
    for path in sorted(folder.rglob("*.htm*")):
        if not path.is_file():
            continue
        try:
            submission, remarks = read_submission(path)
        except (OSError, ValueError) as error:
            marks.unread[path] = str(error)
        else:
            marks.learners.append(Learner(path, submission, remarks))
    if not marks.learners and not marks.unread:
        msg = f"There is no submission in {folder}: learners make one with lab.submit"
        raise LabError(msg, 'lab.submit("Their Name")')
    marks.learners = _compared(marks.learners)
    return marks


def read_submission(path: Path) -> tuple[Submission, tuple[str, ...]]:
    """Return a submission, and what is odd about it.

    Raises
    ------
    ValueError
        The file is not one.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError("The file is larger than any submission.")
    found = CONTENT.search(path.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise ValueError("It is not a page that lab.submit has written.")
    try:
        submission = Submission.model_validate_json(found[2])
    except ValidationError as error:
        raise ValueError(f"Its content is damaged ({_places(error)}).") from None
    if submission.format != FORMAT:
        raise ValueError(f"It has the format {submission.format}; this labkit reads {FORMAT}.")
    edited = submission.checksum != found[1]
    return submission, ("edited after it was made",) if edited else ()


def _places(error: ValidationError) -> str:
    """Return where a content differs from a submission's form, briefly."""
    places = [".".join(map(str, one["loc"])) or "the JSON" for one in error.errors()]
    return ", ".join(places[:3])


def _compared(learners: list[Learner]) -> list[Learner]:
    """Keep the newest file of each learner, and remark on clusters that several names share."""
    newest: dict[str, Learner] = {}
    files = Counter(one.submission.name.casefold() for one in learners)
    for one in sorted(learners, key=lambda learner: learner.submission.made_at):
        newest[one.submission.name.casefold()] = one
    clusters: dict[str, list[str]] = {}
    for one in newest.values():
        clusters.setdefault(one.submission.evidence.cluster_id, []).append(one.submission.name)
    result = []
    for key, one in sorted(newest.items()):
        cluster_id = one.submission.evidence.cluster_id
        shared = [name for name in clusters[cluster_id] if name != one.submission.name]
        remarks = list(one.remarks)
        if one.submission.evidence.missing:
            remarks.append("no evidence of the broker")
        elif shared:
            remarks.append(f"same cluster as {', '.join(sorted(shared))}")
        if files[key] > 1:
            remarks.append(f"the newest of {files[key]} files")
        result.append(Learner(one.path, one.submission, tuple(remarks)))
    return result
