"""`labkit.submit`: one file with a learner's marks, answers and pictures, and what the broker has.

The file is a web page for the teacher to read, with the same content as JSON inside for
``labkit class collect``. It is written on the learner's own machine, so it is a report and not a
proof: the checksum has no key. It shows an edit, not a forgery.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kafka.errors import KafkaError
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from labkit.broker.broker import find_broker, start_broker
from labkit.broker.cluster_state import cluster_dir, read_cluster
from labkit.broker.kafka_clients import admin
from labkit.broker.node_setup import formatted_at
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.json_files import replace_file
from labkit.core.text_tables import many
from labkit.core.wait_until import wait_until
from labkit.exercises.engine.course_overview import progress, tasks_of
from labkit.exercises.engine.experiments import home_cluster
from labkit.exercises.engine.learner_functions import named
from labkit.exercises.engine.learner_progress import lessons, read_learner_progress
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.engine.prediction import Prediction
from labkit.exercises.submission.answers_in_notebooks import answers_in
from labkit.exercises.submission.pictures_in_notebooks import Picture, pictures_in
from labkit.exercises.submission.submission_page import as_page
from labkit.ledger.ledger import carbon_ledger
from labkit.topics.topics import list_topics

FORMAT = "labkit-submission/2"
MAX_NAME = 200
TOPICS = 100
"""How many topics are listed at most."""


LOADING_S = 10.0
"""How long a broker may load its groups."""


class Mark(BaseModel):
    """What became of one exercise or prediction."""

    model_config = ConfigDict(frozen=True)

    task: str
    kind: Literal["exercise", "prediction"] = "exercise"
    outcome: Outcome
    attempts: int = 0
    hints: int = 0
    solution_seen: bool = False
    correct_at: str | None = None
    first: Outcome | None = None  # the first verdict

    @property
    def lesson(self) -> str:
        """The lesson's number, such as ``03b``."""
        return self.task.partition(".")[0]


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
    cluster_since: str = ""
    """When it was made, by the learner's clock (UTC); empty for a cluster that is not the lab's."""
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
    answers: dict[str, str] = {}
    pictures: int = 0

    @property
    def exercises(self) -> list[Mark]:
        """The marks of the exercises."""
        return [one for one in self.marks if one.kind == "exercise"]

    @property
    def predictions(self) -> list[Mark]:
        """The marks of the predictions."""
        return [one for one in self.marks if one.kind == "prediction"]

    @property
    def done(self) -> int:
        """How many exercises are solved."""
        return sum(one.outcome is Outcome.CORRECT for one in self.exercises)

    @property
    def predicted(self) -> int:
        """How many predictions were made and revealed."""
        return sum(one.outcome.is_done for one in self.predictions)

    @property
    def came_true(self) -> int:
        """How many of these came true, the first time each was made."""
        return sum((one.first or one.outcome) is Outcome.CORRECT for one in self.predictions)

    @property
    def solved(self) -> dict[str, tuple[int, int]]:
        """For each lesson: how many exercises are solved, and how many there are."""
        counts: dict[str, tuple[int, int]] = {}
        for one in self.exercises:
            done, of = counts.get(one.lesson, (0, 0))
            counts[one.lesson] = (done + (one.outcome is Outcome.CORRECT), of + 1)
        return counts

    @property
    def in_words(self) -> str:
        """What is done, in a sentence."""
        return (
            f"{self.done} of {many(len(self.exercises), 'exercise')} solved; "
            f"{many(self.predicted, 'prediction')} made, {self.came_true} of them came true."
        )

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
            f"{one.in_words}\n"
            f"{many(len(one.answers), 'answer')}, {many(one.pictures, 'picture')}, {said}.\n"
            f"Hand in this file: {self.path}"
        )


def submit(name: str = "", folder: str | Path | None = None) -> Submitted:
    """Write your work into one file that you can hand in.

    Save your notebooks first: answers and pictures are taken from the saved files. If the lab's
    broker is stopped, it runs for a moment, to say what it holds.

    Parameters
    ----------
    name : str
        Yours, as your teacher knows it.
    folder : path, optional
        Where the file goes, and where the notebooks are; by default ``my-notebooks/``.

    Returns
    -------
    Submitted
        The path of a web page with your marks, your answers, what the broker holds, and your
        widgets' pictures.

    Raises
    ------
    LabError
        The name is empty, or the folder cannot be written.
    """
    who = " ".join(str(name).split())
    if not who or len(who) > MAX_NAME:
        msg = f"A submission needs your name, of 1 to {MAX_NAME} characters."
        raise LabError(msg, 'lab.submit("Your Name")')
    notebooks = Path(folder).expanduser() if folder is not None else load_config().notebooks_dir
    pictures, marks = pictures_in(notebooks), _marks()
    submission = Submission(
        name=who,
        made_at=datetime.now(UTC).replace(microsecond=0),
        labkit=_version(),
        marks=marks,
        evidence=_evidence(),
        answers=_answers(notebooks, marks),
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
    tasks = {
        f"{number}.{name}": "prediction" if isinstance(task, Prediction) else "exercise"
        for number, module in lessons()
        for name, task in tasks_of(module).items()
    }
    return tuple(
        _mark(name, kind, outcomes[name], record.get(name, {})) for name, kind in tasks.items()
    )


def _mark(name: str, kind: str, outcome: Outcome, entry: dict[str, Any]) -> Mark:
    keys = ("attempts", "hints", "solution_seen", "correct_at", "first")
    known = {key: entry[key] for key in keys if key in entry}
    return Mark.model_validate({"task": name, "kind": kind, "outcome": outcome, **known})


def _answers(notebooks: Path, marks: tuple[Mark, ...]) -> dict[str, str]:
    """Return the learner's answers, without cells that are still as the lesson has them."""
    found = answers_in(notebooks, [one.task for one in marks])
    open_tasks = {one.task for one in marks if one.outcome is Outcome.NOT_ATTEMPTED}
    return {
        task: answer
        for task, answer in found.items()
        if not (task in open_tasks and "..." in answer)
    }


def _evidence() -> Evidence:
    """Ask the lab's own broker, which runs for this time only if it was stopped."""
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(home_cluster())
            is_own = not load_config().bootstrap_servers
            if is_own and read_cluster() is not None and find_broker() is None:
                stack.enter_context(start_broker())
            since = formatted_at(cluster_dir()) if is_own else None
            # A broker that has just started refuses questions about groups for a moment.
            return wait_until(lambda: _asked(since), LOADING_S, retry_on=(KafkaError,))
    except (LabError, KafkaError) as error:
        why = error.what if isinstance(error, LabError) else named(error)
        return Evidence(missing=f"no evidence of the broker ({why})")


def _asked(since: datetime | None) -> Evidence:
    topics = list_topics()
    with admin() as client:
        cluster_id = str(client.describe_cluster()["cluster_id"])
        groups = [one["group_id"] for one in client.list_groups()]
        committed = {group: _committed(client, group) for group in sorted(groups)}
    return Evidence(
        cluster_id=cluster_id,
        cluster_since=since.isoformat(timespec="seconds") if since else "",
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
        ledger=carbon_ledger().verdict,
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
