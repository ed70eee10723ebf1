"""The checker: whether every record that the topic retains is in the CSV, once and in order.

Sums can agree by accident, so it compares record by record. Topic, CSV, dead letters and the
producers' delivery logs are read independently, and each kind of violation comes with a
counter-example. Run it after a fault, when the pipeline has had time to recover::

    lab.check_pipeline()        # or: labkit check
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from labkit.checker.check_result import PartitionVerdict, Verdict, Violation
from labkit.checker.delivery_history import DeliveryHistory, delivery_log_sizes, read_history
from labkit.checker.findings import Findings, OffsetRange
from labkit.checker.independent_csv_reader import CsvReader, Row
from labkit.checker.record_comparison import compare
from labkit.checker.topic_reader import TopicReader, read_dead_letters
from labkit.core.config import dead_letter_topic, load_config
from labkit.core.run_files import runs_on
from labkit.core.wait_until import wait_until
from labkit.ledger.verdict_sentences import UNARRIVED, earlier_topic
from labkit.producer.delivery_log_retention import acked_in_removed_logs
from labkit.producer.offset_set import OffsetSet
from labkit.sink.partition_status import read_progress
from labkit.sink.segment_files import topic_dir

POLL_S = 0.2


def check_pipeline(
    topic: str | None = None,
    data_dir: str | Path | None = None,
    *,
    seed: int | None = None,
    wait_s: float = 15.0,
) -> Verdict:
    """Compare topic, CSV, dead letters and delivery logs, record by record.

    It can run while the pipeline runs: only the records that the topic held at the start must be in
    the CSV. It takes about 60 microseconds a record.

    Parameters
    ----------
    topic : str, optional
        The topic; by default the lab's own.
    data_dir : str or Path, optional
        The folder of the CSV; by default the lab's own, ``data``.
    seed : int, optional
        The seed of the faults that were applied before, for the verdict to name.
    wait_s : float
        How long running consumers may take to store what the topic holds now.

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
        sizes = delivery_log_sizes(reader.topic_id)
        ranges = reader.ranges()
        _wait_for_consumers(folder, topic, ranges, wait_s)
        files = {number: CsvReader(topic_dir(folder, topic), number) for number in ranges}
        letters, complete = read_dead_letters(topic)
        # Read again: what is in the CSV by now cannot lie past this end.
        for number, span in reader.ranges().items():
            if number in ranges:
                ranges[number].end, ranges[number].letters_complete = span.end, complete
        history = read_history(sizes)
        acked = {
            number: sum(offset < span.due for offset in history.acked[number])
            for number, span in ranges.items()
        }
        found = {
            number: compare(
                number,
                reader.records(number, span),
                _rows(files[number], reader.topic_id, span),
                history.acked[number],
                letters[number],
                span,
            )
            for number, span in ranges.items()
        }
    log_removed = _leave_out_removed_logs(found.values(), reader.topic_id)
    resolved, unjournalled = _resolve(history, found.values())
    _judge_history(history, found)
    missing = _unasked_missing(history, found.values())
    is_producing = bool(runs_on(topic, "producer"))
    if not is_producing:
        _judge_unasked(history, found, missing)
    return Verdict(
        topic_name=topic,
        topic_id=reader.topic_id,
        data_dir=str(folder),
        seed=seed,
        runs=history.runs,
        **{event: history.counts[event] for event in ("acked", "failed", "unknown")},
        unknown_in_topic=resolved,
        unjournalled=unjournalled,
        log_removed=log_removed,
        unasked_lost=0 if is_producing else len(missing),
        unasked_missing=len(missing) if is_producing else 0,
        earlier_topic=earlier_topic(folder, topic, reader.topic_id),
        dead_letters=sum(len(one) for partition in letters.values() for one in partition.values()),
        letters_again=sum(one.letters_again for one in found.values()),
        torn_bytes=sum(one.torn_bytes for one in files.values()),
        partitions=tuple(_partition(one, acked[number]) for number, one in found.items()),
        examples=tuple(_examples(found.values(), history, topic)),
    )


def _wait_for_consumers(
    folder: Path, topic: str, ranges: Mapping[int, OffsetRange], wait_s: float
) -> None:
    """Give running consumers time to store what the topic held at the start."""

    def is_stored() -> bool:
        if not runs_on(topic, "consumer"):
            return True
        positions = {one.partition: one.position or 0 for one in read_progress(folder, topic)}
        return all(positions.get(number, 0) >= span.due for number, span in ranges.items())

    with suppress(TimeoutError):  # the verdict says what is not stored yet
        wait_until(is_stored, wait_s, TimeoutError, every_s=POLL_S)


def _rows(file: CsvReader, topic_id: str, span: OffsetRange) -> Iterator[Row]:
    """Yield the rows of a CSV, unless its checkpoint names another topic."""
    if file.topic_id not in (None, topic_id):
        return
    span.removed_below = file.removed_below
    for row in file.rows():
        span.removed_below = file.removed_below  # retention may remove files meanwhile
        yield row
    span.removed_below = file.removed_below


def _leave_out_removed_logs(found: Iterable[Findings], topic_id: str) -> int:
    """Leave out the records whose delivery log retention removed; return how many they are."""
    removed, count = acked_in_removed_logs(topic_id), 0
    for one in found:
        acked = removed.get(one.partition, OffsetSet())
        left = [record for record in one.unclaimed if record.offset not in acked]
        count += len(one.unclaimed) - len(left)
        one.unclaimed = left
    return count


def _resolve(history: DeliveryHistory, found: Iterable[Findings]) -> tuple[int, int]:
    """Attribute the records without an acknowledgement.

    Returns how many of them were sent without an answer, and how many are in no delivery log.
    """
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
            deliveries = sent.get(record.reading_id, [])
            events = Counter(delivery.event for delivery in deliveries if delivery.offset < 0)
            late = any(delivery.late for delivery in deliveries)
            places[record.reading_id] += 1
            about = {"reading_id": record.reading_id, "journal": "; ".join(map(str, deliveries))}
            if not deliveries:
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


def _judge_history(history: DeliveryHistory, found: Mapping[int, Findings]) -> None:
    """Judge the delivery logs alone, and whether each acknowledged record is in the topic."""
    for delivery in history.twice:
        what = "two different records were acknowledged there"
        found[delivery.partition].add("divergent", delivery.offset, what, journal=str(delivery))
    for delivery in history.disordered:
        what = "it was sent after a record of the same run, and lies before it"
        found[delivery.partition].add("reordered", delivery.offset, what, journal=str(delivery))
    there = {record.reading_id for one in found.values() for record in one.unclaimed}
    for reading_id, event in history.open_ids.items():
        if event == "acked" and reading_id not in there:
            (delivery, *_) = history.find_ids({reading_id})[reading_id]
            what = "the broker acknowledged it, without saying where, and the topic has it nowhere"
            about = {"journal": str(delivery), "reading_id": reading_id}
            found[delivery.partition].add("lost", -1, what, **about)


def _unasked_missing(history: DeliveryHistory, found: Iterable[Findings]) -> set[str]:
    """Return the readings sent with ``acks=0`` that neither the topic nor the CSV has.

    It stays open whether they were there if their rows may be among those that the CSV's own
    retention removed.
    """
    sent = {reading_id for reading_id, event in history.open_ids.items() if event == "unasked"}
    for one in found:
        if one.may_be_removed:
            return set()
        sent -= {record.reading_id for record in one.unclaimed}
        sent -= one.stored_before
    return sent


def _judge_unasked(
    history: DeliveryHistory, found: Mapping[int, Findings], missing: set[str]
) -> None:
    for reading_id, deliveries in history.find_ids(missing).items():
        delivery = deliveries[0]
        about = {"journal": str(delivery), "reading_id": reading_id}
        found[delivery.partition].add("lost", -1, f"{UNARRIVED}: the topic has it nowhere", **about)


def _partition(found: Findings, acked: int) -> PartitionVerdict:
    facts = {
        name: getattr(found, name) for name in PartitionVerdict.model_fields if name != "acked"
    }
    return PartitionVerdict.model_validate({**facts, "acked": acked})


def _examples(found: Iterable[Findings], history: DeliveryHistory, topic: str) -> list[Violation]:
    """Return the counter-examples, with their delivery log entry and the next command."""
    examples = []
    for one in found:
        for example in one.examples.values():
            if example.offset < 0:  # it concerns no single record
                examples.append(example)
                continue
            delivery = history.find(one.partition, example.offset)
            known = str(delivery) if delivery else "nobody of this lab had it acknowledged"
            about = {"journal": example.journal or known, "next": _show_command(topic, example)}
            if delivery is not None and not example.reading_id:
                about["reading_id"] = delivery.reading_id
            examples.append(example.model_copy(update=about))
    return examples


def _show_command(topic: str, example: Violation) -> str:
    """Return the command that shows the record, or the dead letters."""
    place = f"--partition {example.partition} --offset {example.offset} --max-messages 1"
    if example.kind == "dead letter":
        topic, place = dead_letter_topic(topic), "--from-beginning --timeout-ms 5000"
        place += " --formatter-property print.headers=true"
    return f"labkit kafka kafka-console-consumer --topic {topic} {place}"
