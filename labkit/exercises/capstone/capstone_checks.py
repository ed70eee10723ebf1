"""The capstone's specification as checks: each asks the broker or the CSV.

The plants' gateway has left a file, one record a line. The learner's pipeline carries it through
Kafka into a CSV. The checks here know that file, but not the learner's code. The docstring of a
check is the sentence of the specification that it verifies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labkit.core.text_tables import many
from labkit.core.wording import sentence
from labkit.exercises.capstone.capstone_feed import (
    DLQ,
    GROUP,
    PARTITIONS,
    RETENTION_MS,
    SOURCE,
    TOPIC,
    feed,
    good_rows,
    place,
    sector_grams,
    sent,
    stored,
)
from labkit.exercises.engine.outcome import NotAttempted, NotYet, Outcome, Result
from labkit.exercises.queries.broker_queries import attempts_in, committed_of, existing_topic
from labkit.readings.reading import grams

ALL_AGAIN = "To begin again, run `ex.clear()` and the cells from q1 on."
ROWS_AGAIN = "To begin again, delete it with `path.unlink()`, then run `consume()`."
LETTERS_AGAIN = (
    f'To begin again, run `lab.fresh_topic("{DLQ}", num_partitions=1)` and `path.unlink()`, then '
    "`consume()`."
)


def partitions() -> str:
    """The topic has 4 partitions."""
    count = existing_topic(TOPIC).num_partitions
    if count != PARTITIONS:
        raise NotYet(f"`{TOPIC}` has {many(count, 'partition')}, not {PARTITIONS}. {ALL_AGAIN}")
    return f"They are numbered 0 to {count - 1}"


def retention() -> str:
    """It keeps records for 30 days."""
    kept = existing_topic(TOPIC).config.get("retention.ms")
    if kept is None:
        raise NotYet("No `retention.ms` is set on it, so the broker's 7 days apply.")
    if int(kept) != RETENTION_MS:
        kept_s = int(kept) / 1000
        raise NotYet(f"`retention.ms` is {int(kept):,}, in milliseconds: that is {kept_s:,g} s.")
    return f"`retention.ms` is {int(kept):,}"


def dead_letter_queue() -> str:
    """Its dead-letter queue has 1 partition."""
    count = existing_topic(DLQ).num_partitions
    if count != 1:
        raise NotYet(f"`{DLQ}` has {count} partitions, not 1. {ALL_AGAIN}")
    return f"It is `{DLQ}`"


def all_sent() -> str:
    """Each line of the file is in the topic once."""
    wanted = Counter(line.value for line in feed())
    found = Counter(record.value for record in sent())
    if missing := wanted - found:
        raise NotYet(
            f"The topic lacks {many(missing.total(), 'line')} of the file. A missing flush?"
        )
    if more := found - wanted:
        raise NotYet(
            f"The topic has {many(more.total(), 'record')} more than the file, or changed ones. "
            f"Was the cell run twice? {ALL_AGAIN}"
        )
    return f"{wanted.total()} lines, {found.total()} records"


def keys() -> str:
    """The key is the plant's id."""
    plants = {line.value: line.facility_id.encode() for line in feed()}
    records = sent()
    found = {one.key for one in records}
    if None in found:
        raise NotYet(f"There are records without a key. {ALL_AGAIN}")
    for one in records:
        if one.key != plants.get(one.value, one.key):
            raise NotYet(
                f"Offset {one.offset} of partition {one.partition} has the key {one.key!r}, "
                f"which is not its plant's. {ALL_AGAIN}"
            )
    return f"{len(found)} plants"


def order() -> str:
    """One plant's records are in the order of the file."""
    numbers = {line.value: number for number, line in enumerate(feed())}
    last: dict[tuple[int, bytes], int] = {}
    for one in sent():
        number = numbers.get(one.value, -1)
        if number < last.get((one.partition, one.key), -1):
            raise NotYet(
                f"Line {number + 1} of the file comes after a later line of its plant. {ALL_AGAIN}"
            )
        last[one.partition, one.key] = number
    if len(last) > len({key for _, key in last}):
        raise NotYet(f"The records of one plant are in several partitions. {ALL_AGAIN}")
    return f"This holds for {many(len(last), 'plant')}"


def timestamps() -> str:
    """A record's timestamp is that of its line."""
    times = {line.value: line.timestamp_ms for line in feed()}
    for one in sent():
        if one.timestamp != times.get(one.value, one.timestamp):
            ahead_s = (one.timestamp - times[one.value]) / 1000
            raise NotYet(
                f"A record is stamped {ahead_s:+,.0f} s from its line: `timestamp_ms=`. {ALL_AGAIN}"
            )
    return "Each is the time at which the reading was made"


def headers() -> str:
    """Each record says where it comes from, in the header `source`."""
    for one in sent():
        if SOURCE not in list(one.headers):
            raise NotYet(
                f"A record has the headers {list(one.headers)!r}, without {SOURCE!r}. {ALL_AGAIN}"
            )
    return f"Each says `{SOURCE[1].decode()}`"


def committed() -> str:
    """The group has committed what it has read: no lag."""
    offsets = committed_of(GROUP, TOPIC)
    if not offsets:
        raise NotAttempted(f"The group `{GROUP}` has committed nothing for `{TOPIC}`.")
    ends = existing_topic(TOPIC).end_offsets
    lag = sum((end or 0) - offsets.get(number, 0) for number, end in ends.items())
    if lag:
        raise NotYet(f"The group `{GROUP}` is {many(lag, 'record')} behind the end.")
    return "The lag is 0"


def all_stored() -> str:
    """Each good reading is in the CSV."""
    good = good_rows()
    missing = set(good) - {place(row) for row in stored()}
    if missing:
        raise NotYet(f"It lacks {many(len(missing), 'reading')}, such as {min(missing)}.")
    return f"{len(good)} readings"


def stored_once() -> str:
    """No reading is in the CSV twice."""
    rows = Counter(map(place, stored()))
    twice = [where for where, count in rows.items() if count > 1]
    if twice:
        raise NotYet(
            f"It has {many(len(twice), 'reading')} twice, such as {min(twice)}. {ROWS_AGAIN}"
        )
    return f"{len(rows)} rows, all different"


def no_bad_stored() -> str:
    """No bad record is in the CSV."""
    wrong = {place(row) for row in stored()} - set(good_rows())
    if wrong:
        raise NotYet(
            f"It has {many(len(wrong), 'row')} without a good reading, such as {min(wrong)}. "
            f"{ROWS_AGAIN}"
        )
    return "There is none"


def to_the_gram() -> str:
    """The CSV's tonnes are the topic's, to the gram."""
    there = sum(grams(float(row["co2_kg"])) for row in stored())
    wanted = sector_grams().total()
    if there != wanted:
        raise NotYet(f"The CSV holds {there:,} g, and the topic {wanted:,} g. {ROWS_AGAIN}")
    return f"Both hold {there:,} g"


def letters() -> str:
    """Each bad record is in the dead-letter queue, bytes unchanged."""
    good = good_rows()
    bad = {one.value for one in sent() if (one.partition, one.offset) not in good}
    found = {one.value for one in attempts_in(DLQ)}
    if bad - found:
        raise NotYet(f"It lacks {len(bad - found)} of the {len(bad)} bad records.")
    if found - bad:
        raise NotYet(
            f"It has {many(len(found - bad), 'letter')} without a bad record in the topic. "
            f"{LETTERS_AGAIN}"
        )
    return f"{len(found)} dead letters"


def dead_letter_headers() -> str:
    """Each dead letter names the topic, partition and offset it comes from, and why."""
    found = attempts_in(DLQ)
    values = {(one.partition, one.offset): one.value for one in sent()}
    for one in found:
        said = {name.removeprefix("__connect.errors."): text for name, text in one.headers}
        if missing := {"topic", "partition", "offset", "exception.message"} - set(said):
            raise NotYet(f"A dead letter lacks `__connect.errors.{min(missing)}`. {LETTERS_AGAIN}")
        origin = _number(said["partition"]), _number(said["offset"])
        if said["topic"] != TOPIC.encode() or values.get(origin) != one.value:
            raise NotYet(
                f"A dead letter says that it was at {origin}, but another record is there. "
                f"{LETTERS_AGAIN}"
            )
    return "They lead back"


def _number(text: bytes) -> int:
    """Return what a header says as a number; it may be anything that a learner has sent."""
    try:
        return int(text)
    except ValueError:
        raise NotYet(
            f"A dead letter says {text!r} where a number belongs. {LETTERS_AGAIN}"
        ) from None


Criterion = Callable[[], str]
STAGES: dict[str, tuple[Criterion, ...]] = {
    "topics": (partitions, retention, dead_letter_queue),
    "producer": (all_sent, keys, order, timestamps, headers),
    "consumer": (committed, all_stored, stored_once, no_bad_stored, to_the_gram),
    "dead letters": (letters, dead_letter_headers),
}


def check_all(criteria: Iterable[Criterion]) -> str:
    """Check all criteria; return the evidence, or raise with every one that is not met."""
    met, unmet, untried = [], [], []
    for criterion in criteria:
        try:
            met.append(f"{criterion.__doc__} {sentence(criterion())}")
        except NotAttempted as reason:
            untried.append(str(reason))
        except NotYet as reason:
            unmet.append(f"{criterion.__doc__} Not yet: {reason}")
    if unmet:
        raise NotYet("\n".join(unmet))
    if untried:
        raise NotAttempted(untried[0])
    return "\n".join(met)


@dataclass(frozen=True)
class Marks:
    """The capstone's marks: one line for each check, as text and as a table."""

    results: Sequence[tuple[str, Result]]

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(result.is_correct for _, result in self.results)

    def __repr__(self) -> str:
        lines = [f"{stage:<13} {result!r}" for stage, result in self.results]
        return "\n".join([f"{self.passed} of {len(self.results)} checks passed.", *lines])

    def _repr_html_(self) -> str:
        boxes = "".join(result._repr_html_() for _, result in self.results)
        return f"<p><strong>{self.passed} of {len(self.results)} checks passed.</strong></p>{boxes}"


def marks() -> Marks:
    """Ask every check that the cluster and the CSV can answer by themselves."""
    return Marks([(stage, _result(one)) for stage, criteria in STAGES.items() for one in criteria])


def _result(criterion: Criterion) -> Result:
    heading = (criterion.__doc__ or "").rstrip(".")
    try:
        return Result("11", Outcome.CORRECT, sentence(criterion()), heading=heading)
    except NotAttempted as reason:
        return Result("11", Outcome.NOT_ATTEMPTED, str(reason), heading=heading)
    except NotYet as reason:
        return Result("11", Outcome.NOT_YET, str(reason), heading=heading)
