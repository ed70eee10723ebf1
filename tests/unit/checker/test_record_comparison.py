"""The checker's comparison: it finds each planted difference, and nothing in what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_readings import AT

from labkit.checker.delivery_history import BAD
from labkit.checker.findings import DeadLetter, Findings, OffsetRange, Record
from labkit.checker.independent_csv_reader import CsvReader, differences, parse
from labkit.checker.record_comparison import compare
from labkit.readings.fleet import Fleet
from labkit.readings.malformed_values import BAD_RECORDS, spoil
from labkit.readings.reading import Reading
from labkit.sink.csv_row import HEADER, encode_marker, encode_row

NAMES = HEADER[:-1].decode().split(",")
PARTITION = 2
READINGS = [
    one
    for one in islice(Fleet(seed=7).readings(AT, readings_per_s=20.0), 80)
    if isinstance(one, Reading)
]
SMALL_BAD = sorted(set(BAD_RECORDS) - {"a_megabyte"})


@dataclass
class Lab:
    """What the four witnesses hold of one partition; a test changes one of them."""

    records: dict[int, bytes | None] = field(default_factory=dict)
    good: dict[int, Reading] = field(default_factory=dict)
    lines: list[bytes] = field(default_factory=list)
    acked: dict[int, int] = field(default_factory=dict)
    letters: dict[int, list[DeadLetter]] = field(default_factory=dict)
    start: int = 0
    newer: int = 0  # records that came after the check had begun
    behind: int = 0
    removed_below: int = 0  # the CSV's own retention removed the rows below this offset

    @property
    def end(self) -> int:
        return max(self.records, default=-1) + 1

    def check(self) -> Findings:
        kept = {offset: value for offset, value in self.records.items() if offset >= self.start}
        records = [Record(offset, 2**52, value) for offset, value in sorted(kept.items())]
        last = sorted(self.records)[-self.newer - 1] + 1 if self.records else 0
        extent = OffsetRange(self.start, self.end, last, removed_below=self.removed_below)
        rows = [parse(Path("2.csv"), n, line, NAMES) for n, line in enumerate(self.lines, start=2)]
        return compare(PARTITION, records, rows, dict(self.acked), self.letters, extent)


@st.composite
def labs(draw: st.DrawFn, least: int = 0) -> Lab:
    """Return a partition in which everything is right, whatever happened to it."""
    lab, offset = Lab(), draw(st.integers(0, 3))
    size = draw(st.integers(least, 25))
    for reading in READINGS[:size]:
        kind = draw(st.sampled_from(["good"] * 5 + ["bad", "unknown", "foreign"]))
        if kind == "bad":
            lab.records[offset] = spoil(draw(st.sampled_from(SMALL_BAD)), reading).value
            lab.lines.append(encode_marker(PARTITION, offset))
            crc = crc32(lab.records[offset] or b"")
            lab.letters[offset] = [DeadLetter(crc)] * draw(st.integers(1, 2))  # at least once
            lab.acked[offset] = crc | BAD
        else:
            lab.records[offset] = reading.to_json()
            lab.good[offset] = reading
            lab.lines.append(encode_row(PARTITION, offset, reading))
            if kind == "good":
                lab.acked[offset] = crc32(reading.to_json())
        offset += draw(st.sampled_from([1] * 6 + [2, 40]))  # transaction markers, compaction
    if size:
        lab.newer = draw(st.integers(0, min(3, size - 1)))
        del lab.lines[len(lab.lines) - lab.newer :]
        # A letter of an earlier topic of the same name, which this queue still holds.
        lab.letters.setdefault(min(lab.records), []).append(DeadLetter(12345))
    return lab


@given(labs())
@settings(max_examples=300)
def test_no_false_alarm(lab: Lab) -> None:
    found = lab.check()
    assert found.violations == {}, list(found.examples.values())
    assert found.behind == 0
    assert found.records == len(lab.records) - lab.newer == found.rows + found.markers
    assert {one.offset for one in found.unclaimed} == set(lab.records) - set(lab.acked)


@given(labs(least=4), st.data())
def test_what_retention_deleted_unstored_is_lost(lab: Lab, data: st.DataObject) -> None:
    lab.newer = 0
    lab.start = data.draw(st.integers(0, lab.end))
    below = [offset for offset in lab.records if offset < lab.start]
    never_read = data.draw(st.integers(0, len(below)))
    stored = sorted(lab.records)[: len(lab.lines)]
    lost = set(below[len(below) - never_read :]) & set(stored)
    lab.lines = [line for line, at in zip(lab.lines, stored, strict=True) if at not in lost]
    found = lab.check()
    unstored = [at for at in below if at in lost or at not in stored]
    assert found.gap == len([at for at in unstored if at in lab.acked])
    readings = len([at for at in unstored if at in lab.acked and at in lab.good])
    assert found.violations == ({"lost": readings} if readings else {})


@given(labs(least=4), st.data())
def test_rows_that_the_labs_own_retention_removed_are_no_error(
    lab: Lab, data: st.DataObject
) -> None:
    lab.start = data.draw(st.integers(0, offset_of(lab.lines[-1]) + 1))
    lab.removed_below = data.draw(st.integers(0, offset_of(lab.lines[-1]) + 1), label="removed")
    lab.lines = [line for line in lab.lines if offset_of(line) >= lab.removed_below]
    found = lab.check()
    assert found.violations == {}
    assert found.behind == 0
    retained = [offset for offset in lab.records if offset >= lab.start]
    assert found.removed == len([at for at in retained if at < lab.removed_below])


def offset_of(line: bytes) -> int:
    return int(line.split(b",", 2)[1])


def take_row_out(lab: Lab, dice: Random) -> int:
    return offset_of(lab.lines.pop(dice.randrange(len(lab.lines) - 1)))


def double_row(lab: Lab, dice: Random) -> int:
    line = dice.choice(lab.lines)
    lab.lines.insert(dice.randint(lab.lines.index(line) + 1, len(lab.lines)), line)
    return offset_of(line)


def swap_rows(lab: Lab, dice: Random) -> int:
    first = dice.randrange(len(lab.lines) - 1)
    lab.lines[first : first + 2] = reversed(lab.lines[first : first + 2])
    return offset_of(lab.lines[first + 1])


def change_value_with_right_crc(lab: Lab, dice: Random) -> int:
    place, offset = dice.choice(places_of_readings(lab))
    changed = lab.good[offset].model_copy(update={"co2_kg": lab.good[offset].co2_kg + 0.001})
    lab.lines[place] = encode_row(PARTITION, offset, changed)
    return offset


def row_of_an_earlier_topic(lab: Lab, dice: Random) -> int:
    place, offset = dice.choice(places_of_readings(lab))
    lab.lines[place] = encode_row(PARTITION, offset, READINGS[-1])
    return offset


def row_behind_the_end(lab: Lab, dice: Random) -> int:
    offset = lab.end + dice.randrange(5)
    lab.lines.insert(dice.randint(0, len(lab.lines)), encode_row(PARTITION, offset, READINGS[-1]))
    return offset


def row_in_a_gap(lab: Lab, dice: Random) -> int:
    offset = sorted(lab.records)[len(lab.lines) - 1]
    lab.records = {at + (at >= offset): value for at, value in lab.records.items()}
    lab.acked, lab.letters, lab.newer = {}, {}, 0
    lab.lines = [encode_row(PARTITION, offset, READINGS[-1])]
    return offset


def tear_row(lab: Lab, dice: Random) -> int:
    place = dice.randrange(len(lab.lines))
    lab.lines[place] = lab.lines[place][: dice.randrange(1, len(lab.lines[place]) - 1)]
    return -1


def flip_byte(lab: Lab, dice: Random) -> int:
    place = dice.randrange(len(lab.lines))
    line = bytearray(lab.lines[place])
    line[dice.randrange(len(line) - 10)] ^= 1
    lab.lines[place] = bytes(line)
    return -1


def lose_record(lab: Lab, dice: Random) -> int:
    """The broker loses a record that it acknowledged, and the CSV never saw it."""
    offset = dice.choice(sorted(lab.acked))
    del lab.records[offset]
    lab.lines = [line for line in lab.lines if offset_of(line) != offset]
    lab.newer = 0
    return offset


def other_value_acknowledged(lab: Lab, dice: Random) -> int:
    offset = dice.choice(sorted(lab.acked))
    lab.acked[offset] ^= 1
    return offset


def good_reading_marked(lab: Lab, dice: Random) -> int:
    place, offset = dice.choice(places_of_readings(lab))
    lab.lines[place] = encode_marker(PARTITION, offset)
    lab.letters[offset] = [DeadLetter(crc32(lab.records[offset] or b""))]
    return offset


def good_reading_in_the_queue_too(lab: Lab, dice: Random) -> int:
    _, offset = dice.choice(places_of_readings(lab))
    lab.letters[offset] = [DeadLetter(crc32(lab.records[offset] or b""))]
    return offset


def letter_missing(lab: Lab, dice: Random) -> int:
    place, offset = dice.choice(places_of_readings(lab))
    lab.records[offset] = b"{"
    lab.acked.pop(offset, None)
    lab.lines[place] = encode_marker(PARTITION, offset)
    return offset


def places_of_readings(lab: Lab) -> list[tuple[int, int]]:
    offsets = map(offset_of, lab.lines)
    return [(place, offset) for place, offset in enumerate(offsets) if offset in lab.good]


MUTATIONS: dict[Callable[[Lab, Random], int], str] = {
    take_row_out: "lost",
    double_row: "doubled",
    swap_rows: "reordered",
    change_value_with_right_crc: "divergent",
    row_of_an_earlier_topic: "divergent",
    row_behind_the_end: "phantom",
    row_in_a_gap: "phantom",
    tear_row: "damaged",
    flip_byte: "damaged",
    lose_record: "lost",
    other_value_acknowledged: "divergent",
    good_reading_marked: "dead letter",
    good_reading_in_the_queue_too: "dead letter",
    letter_missing: "dead letter",
}


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
@given(lab=labs(least=8), dice=st.randoms(use_true_random=False))
def test_each_planted_difference_is_found(
    mutate: Callable[[Lab, Random], int], lab: Lab, dice: Random
) -> None:
    if len(places_of_readings(lab)) < 2 or not lab.acked:
        return
    offset = mutate(lab, dice)
    found = lab.check()
    kind = MUTATIONS[mutate]
    assert found.violations[kind] == 1, found
    assert found.examples[kind].offset == offset, found
    others = set(found.violations) - {kind}
    # An invalid row is also a missing one, if a later one came.
    assert others <= ({"lost"} if kind == "damaged" or mutate is row_in_a_gap else set()), found


def test_what_is_not_stored_yet_is_behind_and_not_lost() -> None:
    lab = Lab(records={n: READINGS[n].to_json() for n in range(5)})
    lab.lines = [encode_row(PARTITION, n, READINGS[n]) for n in range(3)]
    assert (lab.check().violations, lab.check().behind) == ({}, 2)


def test_a_row_of_another_partition_is_damage() -> None:
    lab = Lab(records={0: READINGS[0].to_json()}, lines=[encode_row(1, 0, READINGS[0])])
    assert lab.check().violations == {"damaged": 1}


@given(st.sampled_from(READINGS), st.text("=+-@'\",;é ", max_size=8))
def test_a_neutralised_text_is_no_difference(reading: Reading, text: str) -> None:
    odd = reading.model_copy(update={"facility": f"{text}x"})
    row = parse(Path("0.csv"), 2, encode_row(0, 0, odd), NAMES)
    assert differences(odd.to_json(), row.cells) == []
    (unlike,) = differences(reading.model_copy(update={"facility": "y"}).to_json(), row.cells)
    assert unlike.startswith("facility is ")


def test_the_reader_tells_a_torn_tail_from_damage(tmp_path: Path) -> None:
    rows = [encode_row(0, offset, READINGS[offset]) for offset in range(6)]
    first, second = tmp_path / "0.csv", tmp_path / "0.00000000000000000003.csv"
    first.write_bytes(HEADER + rows[0] + b"noise\n" + rows[1] + rows[2][:40])
    second.write_bytes(HEADER + rows[3] + rows[4] + b"\0" * 30 + b"\n" + rows[5][:50])
    (tmp_path / "1.csv").write_bytes(HEADER + rows[5])
    reader = CsvReader(tmp_path, 0)
    found = [(row.path.name, row.number, row.offset) for row in reader.rows()]
    assert found == [
        ("0.csv", 2, 0),
        ("0.csv", 3, -1),
        ("0.csv", 4, 1),
        ("0.csv", 5, -1),
        (second.name, 2, 3),
        (second.name, 3, 4),
    ]
    assert reader.torn_bytes == 81
