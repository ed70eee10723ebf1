"""What a teacher should look at: files of one learner, shared clusters and times, missing topics.

A remark is not a verdict. Each has an innocent explanation, such as two learners at one machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labkit.core.text_tables import many
from labkit.exercises.engine.outcome import Outcome
from labkit.exercises.submission.submission import TOPICS, Mark, Submission

WITHOUT_TOPICS = frozenset({"00", "08", "08b", "09c", "09d", "11"})
"""Lessons that leave no topic of their own: 00 and 11 use the lab's, 08 to 09d another cluster."""
SAME_TIMES = 3
"""So many marks of the same second are remarked; a class that works in step may share one."""


def compared(submissions: Sequence[Submission]) -> list[tuple[int, list[str]]]:
    """Return the newest submission of each name and cluster, by its place, and what is odd.

    Returns
    -------
    list of tuple of int and list of str
        By name.
    """
    files: dict[tuple[str, str], list[int]] = {}
    for place in sorted(range(len(submissions)), key=lambda at: submissions[at].made_at):
        one = submissions[place]
        files.setdefault((_name(one), one.evidence.cluster_id), []).append(place)
    newest = {key: places[-1] for key, places in sorted(files.items())}
    rows = [submissions[place] for place in newest.values()]
    return [
        (place, _remarks(submissions[place], rows, len(files[key])))
        for key, place in newest.items()
    ]


def _remarks(one: Submission, rows: Sequence[Submission], files: int) -> list[str]:
    others = [other for other in rows if _name(other) != _name(one)]
    clusters = [other.evidence.cluster_id for other in rows if _name(other) == _name(one)]
    remarks = [*_of_the_broker(one)]
    same_cluster = [
        other.name
        for other in others
        if one.evidence.cluster_id and other.evidence.cluster_id == one.evidence.cluster_id
    ]
    if same_cluster:
        remarks.append(f"same cluster as {', '.join(sorted(same_cluster))}")
    for other in others:
        shared = _times(one) & _times(other)
        if len(shared) >= SAME_TIMES:
            remarks.append(f"{len(shared)} marks of the same second as {other.name}")
    if len(clusters) > 1:
        remarks.append(
            f"{len(clusters)} rows of this name, each from another cluster"
            if all(clusters)
            else f"{len(clusters)} rows of this name, one without the broker's evidence"
        )
    if files > 1:
        remarks.append(f"the newest of {files} files")
    return remarks


def _of_the_broker(one: Submission) -> Iterable[str]:
    """Yield where the marks and what the broker holds do not fit."""
    evidence = one.evidence
    if evidence.missing:
        yield "no evidence of the broker"
        return
    done = [mark for mark in one.exercises if mark.outcome is Outcome.CORRECT]
    # Both are UTC in the same form, so that they compare as text.
    before = [mark for mark in done if (mark.correct_at or "~") < evidence.cluster_since]
    if before:
        yield f"the cluster is younger than {many(len(before), 'mark')}"
    missing = _lessons_without_topics(one, [mark for mark in done if mark not in before])
    if missing:
        yield f"no topic of lesson {', '.join(missing)}"


def _lessons_without_topics(one: Submission, done: Sequence[Mark]) -> list[str]:
    """Return lessons most of whose exercises were solved, and that left no topic."""
    if len(one.evidence.topics) >= TOPICS:
        return []  # not all are listed
    found = {topic.name.partition("-")[0] for topic in one.evidence.topics}
    return [
        lesson
        for lesson, (_, of) in one.solved.items()
        if lesson not in WITHOUT_TOPICS
        and f"lesson{lesson}" not in found
        and 2 * sum(mark.lesson == lesson for mark in done) > of
    ]


def _name(one: Submission) -> str:
    return one.name.casefold()


def _times(one: Submission) -> set[tuple[str, str]]:
    return {(mark.task, mark.correct_at) for mark in one.marks if mark.correct_at}
