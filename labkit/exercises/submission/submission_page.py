"""A submission as a web page: for the teacher to read, and for ``labkit class collect``."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from labkit.core.terminal_text import visible
from labkit.core.text_tables import html_table, many
from labkit.exercises.engine.outcome import SIGNS

if TYPE_CHECKING:
    from labkit.exercises.submission.pictures_in_notebooks import Picture
    from labkit.exercises.submission.submission import Mark, Submission

BEGIN = (
    '<script type="application/json" id="labkit-submission" data-sha256="{checksum}" '
    'data-page-sha256="{page}">'
)
END = "</script>"
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; border-bottom: 1px solid #8886; }
caption { text-align: left; font-weight: 600; }
pre { white-space: pre-wrap; }
img { max-width: 100%; }
"""


def as_page(submission: Submission, pictures: Sequence[Picture]) -> str:
    """Return the page; it has no script that runs, and fetches nothing."""
    name = html.escape(submission.name)
    evidence = submission.evidence
    parts = [
        f"<h1>{name}</h1>",
        f"<p>{submission.in_words} Made at "
        f"{submission.made_at:%Y-%m-%d %H:%M} UTC, labkit {html.escape(submission.labkit)}.</p>",
        html_table(
            [("Lesson", "Solved", "Each", "Hints", "Solutions seen"), *_lessons(submission)]
        ),
        "<h2>What the broker said</h2>",
    ]
    if evidence.missing:
        parts.append(f"<p>{html.escape(evidence.missing)}</p>")
    else:
        topics = [
            (
                visible(one.name),
                str(one.partitions),
                "?" if one.records is None else f"{one.records:,}",
                one.topic_id,
            )
            for one in evidence.topics
        ]
        committed = [(visible(name), f"{count:,}") for name, count in evidence.committed.items()]
        parts += [
            f"<p>Cluster {html.escape(evidence.cluster_id)}. {html.escape(evidence.ledger)}</p>",
            html_table([("Topic", "Partitions", "Records", "Id"), *topics]),
            html_table([("Group", "Offsets committed"), *committed]) if committed else "",
        ]
    parts += ["<h2>Answers</h2>", *_answers(submission)]
    parts += ["<h2>Pictures</h2>", *_pictures(pictures)]
    before = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{chr(10).join(parts)}\n"
    )
    after = "</body></html>\n"
    begin = BEGIN.format(checksum=submission.checksum, page=page_checksum(before, after))
    # In a script element only "</" and "<!--" end or open something.
    content = submission.as_json.replace("<", "\\u003c")
    return f"{before}{begin}{content}{END}{after}"


def page_checksum(before: str, after: str) -> str:
    """Return the SHA-256 of what a page has around its data, whatever its line ends became."""
    return hashlib.sha256(" ".join(f"{before}\n{after}".split()).encode()).hexdigest()


def _lessons(submission: Submission) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for number, group in groupby(submission.marks, lambda one: one.task.partition(".")[0]):
        marks: list[Mark] = list(group)
        done, of = submission.solved.get(number, (0, 0))
        each = "  ".join(f"{one.task.partition('.')[2]} {SIGNS[one.outcome]}" for one in marks)
        hints = sum(one.hints for one in marks)
        seen = sum(one.solution_seen for one in marks)
        rows.append((number, f"{done} of {of}", each, str(hints), str(seen)))
    return rows


def _answers(submission: Submission) -> list[str]:
    if not submission.answers:
        return ["<p>No saved notebook holds an answer.</p>"]
    signs = {one.task: SIGNS[one.outcome] for one in submission.marks}
    parts = []
    for lesson, group in groupby(submission.answers, lambda task: task.partition(".")[0]):
        parts.append(f"<h3>{html.escape(lesson)}</h3>")
        for task in group:
            heading = html.escape(f"{task} {signs.get(task, '')}")
            answer = html.escape(visible(submission.answers[task]))
            parts.append(f"<figure>{heading}<pre>{answer}</pre></figure>")
    return parts


def _pictures(pictures: Sequence[Picture]) -> list[str]:
    if not pictures:
        return ["<p>No saved notebook holds a picture.</p>"]
    parts = [f"<p>{many(len(pictures), 'picture')}, from the saved notebooks.</p>"]
    for notebook, group in groupby(pictures, lambda one: one.notebook):
        parts.append(f"<h3>{html.escape(notebook)}</h3>")
        for one in group:
            image = f'<img src="{html.escape(one.address)}" alt="">' if one.address else ""
            parts.append(f"<figure>{image}<pre>{html.escape(visible(one.text))}</pre></figure>")
    return parts
