"""The checker: every record that the topic retains is in the CSV, once and in order, or it says so.

Sums can agree by accident; this compares record by record. Topic, CSV, dead letters and the
producers' journals are four witnesses, each read with a reader of its own, and a violation comes
with a counter-example to follow. Run it after a fault, when the pipeline has had time to heal::

    lab.check_pipeline()        # or: labkit check
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from labkit.checker.check_result import PartitionVerdict, Verdict, Violation
from labkit.checker.delivery_history import History, journal_sizes, read_history
from labkit.checker.findings import Extent, Findings
from labkit.checker.independent_csv_reader import CsvReader, Row
from labkit.checker.record_comparison import compare
from labkit.checker.topic_reader import TopicReader, read_letters
from labkit.core.config import dead_letter_topic, load_config
from labkit.core.run_files import read_run_files
from labkit.sink.partition_status import read_progress
from labkit.sink.segment_files import topic_dir

LOOK_S = 0.2


def check_pipeline(
    topic: str | None = None,
    data_dir: str | Path | None = None,
    *,
    seed: int | None = None,
    wait_s: float = 15.0,
) -> Verdict:
    """Compare topic, CSV, dead letters and journals, record by record.

    It can run beside a pipeline at work: only what the topic held at the start has to be in the
    CSV. It takes some 60 microseconds a record.

    Parameters
    ----------
    topic : str, optional
        The topic; by default the lab's own.
    data_dir : str or Path, optional
        The folder of the CSV; by default the lab's own, ``data``.
    seed : int, optional
        Of the faults that went before, so that the verdict names it.
    wait_s : float
        How long consumers that run may take to store what the topic holds now.

    Returns
    -------
    Verdict
        With ``holds``, ``violations``, ``partitions`` and ``examples``.

    Raises
    ------
    TopicNotFound, BrokerUnavailable
        There is nothing to compare with.

    See: Jepsen's analyses of queues, for the method.
    """
    config = load_config()
    topic, folder = topic or config.topic, config.data_path(data_dir)
    with TopicReader(topic) as reader:
        sizes = journal_sizes(reader.topic_id)
        extents = reader.extents()
        _wait_for_consumers(folder, topic, extents, wait_s)
        files = {number: CsvReader(topic_dir(folder, topic), number) for number in extents}
        letters, complete = read_letters(topic)
        # Asked again: what stands in the CSV by now cannot lie behind this end.
        for number, extent in reader.extents().items():
            if number in extents:
                extents[number].end, extents[number].letters_complete = extent.end, complete
        history = read_history(sizes)
        acked = {number: len(history.acked[number]) for number in extents}
        found = {
            number: compare(
                number,
                reader.records(number, extent),
                _rows(files[number], reader.topic_id),
                history.acked[number],
                letters[number],
                extent,
            )
            for number, extent in extents.items()
        }
    for number, one in found.items():
        _judge_source(one, files[number], reader.topic_id)
    resolved, unjournalled = _resolve(history, found.values())
    _judge_journal(history, found)
    return Verdict(
        topic_name=topic,
        topic_id=reader.topic_id,
        data_dir=str(folder),
        seed=seed,
        runs=history.runs,
        **{event: history.counts[event] for event in ("acked", "failed", "unknown")},
        unknown_in_topic=resolved,
        unjournalled=unjournalled,
        dead_letters=sum(len(one) for partition in letters.values() for one in partition.values()),
        letters_again=sum(one.letters_again for one in found.values()),
        torn_bytes=sum(one.torn_bytes for one in files.values()),
        partitions=tuple(_partition(one, acked[number]) for number, one in found.items()),
        examples=tuple(_examples(found.values(), history, topic)),
    )


def _wait_for_consumers(
    folder: Path, topic: str, extents: Mapping[int, Extent], wait_s: float
) -> None:
    """Give consumers that run the time to store what the topic held at the start."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline and any(
        run.get("topic") == topic for run in read_run_files("consumer")
    ):
        positions = {one.partition: one.position or 0 for one in read_progress(folder, topic)}
        if all(positions.get(number, 0) >= extent.due for number, extent in extents.items()):
            return
        time.sleep(LOOK_S)


def _rows(file: CsvReader, topic_id: str) -> Iterable[Row]:
    """Return the rows of a CSV, unless it says itself that it is of another topic."""
    return file.rows() if file.topic_id in (None, topic_id) else ()


def _judge_source(found: Findings, file: CsvReader, topic_id: str) -> None:
    if file.topic_id not in (None, topic_id):
        what = f"the CSV is of an earlier topic of this name, {file.topic_id}; it was not compared"
        found.add("phantom", -1, what, topic=f"its topic_id is {topic_id} now")


def _resolve(history: History, found: Iterable[Findings]) -> tuple[int, int]:
    """Say of each record without an acknowledgement whose it is: (of the unknown, of nobody)."""
    resolved = unjournalled = 0
    if not history.runs:
        return 0, sum(len(one.unclaimed) for one in found)
    bad = history.unknown_bad.copy()
    wanted = {record.reading_id for one in found for record in one.unclaimed if record.reading_id}
    sent = history.find_ids(wanted)
    places: Counter[str] = Counter()
    for one in found:
        for record in one.unclaimed:
            if bad[record.crc32] > 0:
                bad[record.crc32] -= 1
                resolved += 1
                continue
            lines = sent.get(record.reading_id, [])
            events = Counter(line.event for line in lines if line.offset < 0)
            late = any(line.late for line in lines)
            places[record.reading_id] += 1
            about = {"reading_id": record.reading_id, "journal": "; ".join(map(str, lines))}
            if not lines:
                unjournalled += 1
            elif places[record.reading_id] <= events["acked"] or late:
                continue
            elif places[record.reading_id] <= events["acked"] + events["unknown"]:
                resolved += 1
            elif events["failed"]:
                what = "it was refused for certain, and the topic holds it"
                one.add("phantom", record.offset, what, **about)
            else:
                what = "the topic holds it more often than it was sent"
                one.add("doubled", record.offset, what, **about)
    return resolved, unjournalled


def _judge_journal(history: History, found: Mapping[int, Findings]) -> None:
    """Judge what the journals alone show, and that each acknowledged record is somewhere."""
    for line in history.twice:
        what = "two different records were acknowledged there"
        found[line.partition].add("divergent", line.offset, what, journal=str(line))
    for line in history.disordered:
        what = "it was sent after a record of the same run, and lies before it"
        found[line.partition].add("reordered", line.offset, what, journal=str(line))
    there = {record.reading_id for one in found.values() for record in one.unclaimed}
    for reading_id, event in history.open_ids.items():
        if event == "acked" and reading_id not in there:
            (line, *_) = history.find_ids({reading_id})[reading_id]
            what = "the broker acknowledged it, without saying where, and the topic has it nowhere"
            found[line.partition].add("lost", -1, what, journal=str(line), reading_id=reading_id)


def _partition(found: Findings, acked: int) -> PartitionVerdict:
    facts = {
        name: getattr(found, name) for name in PartitionVerdict.model_fields if name != "acked"
    }
    return PartitionVerdict.model_validate({**facts, "acked": acked})


def _examples(found: Iterable[Findings], history: History, topic: str) -> list[Violation]:
    """Return the counter-examples, with what the journal knows and where to look next."""
    examples = []
    for one in found:
        for example in one.examples.values():
            if example.offset < 0:  # it is about no record in particular
                examples.append(example)
                continue
            line = history.find(one.partition, example.offset)
            known = str(line) if line else "nobody of this lab had it acknowledged"
            about = {"journal": example.journal or known, "next": _look(topic, example)}
            if line is not None and not example.reading_id:
                about["reading_id"] = line.reading_id
            examples.append(example.model_copy(update=about))
    return examples


def _look(topic: str, example: Violation) -> str:
    """Return the line to type that shows the record, or the letters."""
    place = f"--partition {example.partition} --offset {example.offset} --max-messages 1"
    if example.kind == "dead letter":
        topic, place = dead_letter_topic(topic), "--from-beginning --timeout-ms 5000"
        place += " --formatter-property print.headers=true"
    return f"labkit kafka kafka-console-consumer --topic {topic} {place}"
