"""`labkit.submit`: one file with a learner's marks, the evidence of the broker, and the pictures.

The file is a web page for the teacher to read, with the same content as JSON inside for
``labkit class collect``. It is written on the learner's own machine, so it is a report and not a
proof: the checksum shows an edit, not a forgery.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from labkit.broker.kafka_clients import admin
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.json_files import replace_file
from labkit.core.text_tables import many
from labkit.exercises.engine.course_overview import progress, tasks_of
from labkit.exercises.engine.learner_progress import lessons, read_learner_progress
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.submission.pictures_in_notebooks import Picture, pictures_in
from labkit.exercises.submission.submission_page import as_page
from labkit.ledger.ledger import carbon_ledger
from labkit.topics.topics import list_topics

FORMAT = "labkit-submission/1"
MAX_NAME = 200
TOPICS = 100
"""How many topics are listed at most."""


class Mark(BaseModel):
    """What became of one exercise or prediction."""

    model_config = ConfigDict(frozen=True)

    task: str
    outcome: Outcome
    attempts: int = 0
    hints: int = 0
    solution_seen: bool = False
    correct_at: str | None = None


class TopicEvidence(BaseModel):
    """A topic as the cluster had it: what no notebook can claim without having done it."""

    model_config = ConfigDict(frozen=True)

    name: str
    topic_id: str
    partitions: int
    records: int | None


class Evidence(BaseModel):
    """What the broker and the ledger said when the file was made."""

    model_config = ConfigDict(frozen=True)

    cluster_id: str = ""
    topics: tuple[TopicEvidence, ...] = ()
    committed: dict[str, int] = {}
    ledger: str = ""
    missing: str = ""


class Submission(BaseModel):
    """One learner's work."""

    model_config = ConfigDict(frozen=True)

    format: str = FORMAT
    name: str = Field(min_length=1, max_length=MAX_NAME)
    made_at: AwareDatetime
    labkit: str
    marks: tuple[Mark, ...]
    evidence: Evidence
    pictures: int = 0

    @property
    def done(self) -> int:
        """How many exercises and predictions are done."""
        return sum(one.outcome is Outcome.CORRECT for one in self.marks)

    @property
    def as_json(self) -> str:
        """The content, in the form that the checksum is made of."""
        content = self.model_dump(mode="json")
        return json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))

    @property
    def checksum(self) -> str:
        """SHA-256 of `as_json`."""
        return hashlib.sha256(self.as_json.encode()).hexdigest()


class Submitted:
    """Where the file is, and what is in it."""

    def __init__(self, path: Path, submission: Submission) -> None:
        self.path, self.submission = path, submission

    def __repr__(self) -> str:
        one = self.submission
        said = one.evidence.missing or f"{many(len(one.evidence.topics), 'topic')} of the broker"
        return (
            f"{one.done} of {len(one.marks)} done, {said}, {many(one.pictures, 'picture')}.\n"
            f"Hand in this file: {self.path}"
        )


def submit(name: str, folder: str | Path | None = None) -> Submitted:
    """Write your work into one file that you can hand in.

    Save your notebooks first: the pictures are taken from the saved files.

    Parameters
    ----------
    name : str
        Yours, as your teacher knows it.
    folder : path, optional
        Where the file goes, and where the notebooks are; by default ``my-notebooks/``.

    Returns
    -------
    Submitted
        The path of a web page with your marks, what the broker holds, and your widgets' pictures.

    Raises
    ------
    LabError
        The name is empty, or the folder cannot be written.
    """
    who = " ".join(str(name).split())
    if not who or len(who) > MAX_NAME:
        msg = f"A submission needs a name of 1 to {MAX_NAME} characters."
        raise LabError(msg, 'lab.submit("Your Name")')
    notebooks = Path(folder).expanduser() if folder is not None else load_config().notebooks_dir
    pictures = pictures_in(notebooks)
    submission = Submission(
        name=who,
        made_at=datetime.now(UTC).replace(microsecond=0),
        labkit=_version(),
        marks=_marks(),
        evidence=_evidence(),
        pictures=len(pictures),
    )
    path = notebooks / f"submission_{_as_file_name(who)}.html"
    _write(path, submission, pictures)
    return Submitted(path, submission)


def _marks() -> tuple[Mark, ...]:
    record = read_learner_progress()
    outcomes = {
        f"{lesson.number}.{task}": outcome
        for lesson in progress().lessons
        for task, outcome in lesson.outcomes.items()
    }
    names = (f"{number}.{task}" for number, module in lessons() for task in tasks_of(module))
    return tuple(_mark(name, outcomes[name], record.get(name, {})) for name in names)


def _mark(name: str, outcome: Outcome, entry: dict[str, Any]) -> Mark:
    known = {key: entry[key] for key in ("attempts", "hints", "solution_seen") if key in entry}
    return Mark(task=name, outcome=outcome, correct_at=entry.get("correct_at"), **known)


def _evidence() -> Evidence:
    """Ask the broker; where none runs, say so rather than start one."""
    try:
        topics = list_topics()
        with admin() as client:
            cluster_id = str(client.describe_cluster()["cluster_id"])
            groups = [one["group_id"] for one in client.list_groups()]
            committed = {group: _committed(client, group) for group in sorted(groups)}
        ledger = carbon_ledger().verdict
    except LabError as error:
        return Evidence(missing=f"no evidence of the broker ({error.what})")
    return Evidence(
        cluster_id=cluster_id,
        topics=tuple(
            TopicEvidence(
                name=one.name,
                topic_id=one.topic_id,
                partitions=one.num_partitions,
                records=one.records,
            )
            for one in topics[:TOPICS]
        ),
        committed=committed,
        ledger=ledger,
    )


def _committed(client: Any, group: str) -> int:
    """Return how many offsets a group has committed, over all topics."""
    found = client.list_group_offsets(group)[group]
    return sum(max(place.offset, 0) for place in found.values())


def _write(path: Path, submission: Submission, pictures: list[Picture]) -> None:
    page = as_page(submission, pictures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, page.encode())
    except OSError as error:
        msg = f"The submission cannot be written to {path}: {error.strerror or error}"
        raise LabError(msg, f'lab.submit("{submission.name}", folder=".")') from error


def _as_file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:60] or "learner"


def _version() -> str:
    from labkit import __version__

    return __version__
