"""The checker on a real broker: it catches planted bugs, and passes the lab's own pipeline.

Each fault is done once to a sink with a bug and once to the lab's own, with the same seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from planted_sink import COMMITS_FIRST, NEWLINES_ONLY, NO_LOCK
from planted_sink import __file__ as planted_sink
from waiting import PATIENCE_S, wait_until

import labkit as lab
from labkit.checker.check_result import Verdict
from labkit.consumer.poll_loop import consume
from labkit.core.config import load_config
from labkit.core.run_files import read_run_files
from labkit.ledger.ledger import carbon_ledger
from labkit.ledger.verdict_sentences import NO_LOG
from labkit.producer.producer_options import ProducerOptions
from labkit.producer.send_loop import fleet_source, produce
from labkit.readings.pacing import Pace
from labkit.sink.csv_row import HEADER, decode_row, encode_row

SEED = int(os.environ["LABKIT_TEST_SEED"])  # conftest.py chooses one
RECORDS = 3_000
MORE = 300  # sent after the fault

pytestmark = pytest.mark.usefixtures("lab_dir")
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def dice() -> random.Random:
    print(f"seed {SEED}: LABKIT_TEST_SEED={SEED} does it again")
    return random.Random(SEED)


@pytest.fixture
def folder(lab_dir: Path, topic: str) -> Path:
    """Fill the topic, and return the folder of its CSV."""
    send(topic, RECORDS)
    folder = lab_dir / "data" / topic
    folder.mkdir(parents=True)
    return folder


def send(topic: str, count: int, faults: float = 0.0) -> None:
    source = fleet_source(Pace(0, 0.0), seed=SEED, faults=faults)
    assert produce(topic, source, threading.Event(), count=count).records == count


def planted(bug: str, servers: str, topic: str, folder: Path) -> Start:
    arguments = [sys.executable, planted_sink, bug, servers, topic, str(folder)]
    return lambda: subprocess.Popen(arguments)


def ours(topic: str, folder: Path) -> Start:
    options = ["--topic", topic, "--group", topic, "--data", str(folder.parent), "--until-end"]
    return lambda: subprocess.Popen([sys.executable, "-m", "labkit", "consume", *options])


def check(topic: str) -> Verdict:
    found = lab.check_pipeline(topic, seed=SEED)
    print(found)
    return found


def rows_on_disk(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") - 1 for path in folder.glob("*.csv"))


def kill_while_it_writes(start: Start, folder: Path, dice: random.Random) -> None:
    before = rows_on_disk(folder)
    with start() as process:
        while rows_on_disk(folder) <= before and process.poll() is None:
            time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0, 0.1))
        process.kill()


def kill_often(start: Start, folder: Path, dice: random.Random) -> None:
    for _ in range(4):
        kill_while_it_writes(start, folder, dice)


def two_at_once(start: Start, folder: Path, dice: random.Random) -> None:
    with start() as first, start() as second:
        assert (first.wait(PATIENCE_S), second.wait(PATIENCE_S)) == (0, 0)


def cut_the_file(start: Start, folder: Path, dice: random.Random) -> None:
    """Kill it, and take the end of each file's last row away, as a crash in a write does."""
    kill_while_it_writes(start, folder, dice)
    for path in folder.glob("*.csv"):
        content = path.read_bytes()
        if len(content) > len(HEADER) + 100:
            path.write_bytes(content[: -dice.randint(2, 60)])


FAULTS = {
    COMMITS_FIRST: (kill_often, {"lost"}),
    NO_LOCK: (two_at_once, {"doubled"}),
    NEWLINES_ONLY: (cut_the_file, {"damaged", "lost"}),
}


@pytest.mark.parametrize("bug", FAULTS)
def test_a_planted_bug_is_caught(
    bug: str, bootstrap_servers: str, topic: str, folder: Path, dice: random.Random
) -> None:
    fault, kinds = FAULTS[bug]
    start = planted(bug, bootstrap_servers, topic, folder)
    fault(start, folder, dice)
    send(topic, MORE)
    assert start().wait(PATIENCE_S) == 0
    found = check(topic)
    assert set(found.violations) == kinds
    for example in found.examples:
        story = str(example)
        if example.kind == "damaged":
            assert f"of {folder}" in story
        else:
            assert f"acknowledged at offset {example.offset}" in story
            assert f"reading {example.reading_id}" in story
            assert f"--partition {example.partition} --offset {example.offset}" in example.next
    assert f"Seed {SEED}." in found.sentence


@pytest.mark.parametrize("bug", FAULTS)
def test_the_labs_own_sink_passes_the_same_fault(
    bug: str, topic: str, folder: Path, dice: random.Random
) -> None:
    fault, _ = FAULTS[bug]
    start = ours(topic, folder)
    fault(start, folder, dice)
    send(topic, MORE, faults=0.05)
    assert start().wait(PATIENCE_S) == 0
    found = check(topic)
    assert found.holds
    assert sum(one.records for one in found.partitions) == found.acked == RECORDS + MORE
    assert (found.runs, found.unjournalled, found.dead_letters > 0) == (2, 0, True)


def stored(topic: str, data_dir: Path) -> list[bytes]:
    """Store a topic, and return the lines of partition 0."""
    consume(topic, topic, data_dir, threading.Event(), until_end=True)
    return (data_dir / topic / "0.csv").read_bytes().splitlines(keepends=True)


def test_rows_that_are_true_and_wrong(topic: str, folder: Path, dice: random.Random) -> None:
    """Each row has the right checksum; only a look at the topic shows what is wrong."""
    lines = stored(topic, folder.parent)
    swapped, changed = sorted(dice.sample(range(2, len(lines) - 2), 2))
    changed += 2
    partition, offset, reading = decode_row(lines[changed])
    assert reading is not None
    heavier = reading.model_copy(update={"co2_kg": round(reading.co2_kg + 0.001, 3)})
    lines[changed] = encode_row(partition, offset, heavier)
    lines[swapped : swapped + 2] = reversed(lines[swapped : swapped + 2])
    (folder / "0.csv").write_bytes(b"".join(lines))
    found = check(topic)
    assert found.violations == {"reordered": 1, "divergent": 1}
    examples = {one.kind: one for one in found.examples}
    assert f"co2_kg is '{heavier.co2_kg!r}' in the row" in examples["divergent"].what
    assert f"{reading.co2_kg!r} in the record" in examples["divergent"].what
    assert (examples["divergent"].offset, examples["divergent"].reading_id) == (
        offset,
        reading.reading_id,
    )
    assert f"row {swapped + 2} of " in examples["reordered"].row
    assert "the row before it has offset" in examples["reordered"].row


def test_what_is_from_an_earlier_topic(topic: str, folder: Path, dice: random.Random) -> None:
    data_dir = folder.parent
    old = stored(topic, data_dir)
    folder.rename(data_dir / "old")
    lab.delete_topic(topic)
    lab.ensure_topic(topic, num_partitions=3)
    send(topic, RECORDS)
    new = stored(topic, data_dir)
    place = dice.randrange(1, min(len(old), len(new)))
    mixed = [*new[:place], old[place], *new[place + 1 :]]
    (folder / "0.csv").write_bytes(b"".join(mixed))
    found = check(topic)
    assert found.violations == {"divergent": 1}
    assert "reading_id is " in found.examples[0].what

    folder.rename(data_dir / "mixed")
    (data_dir / "old").rename(folder)
    whole = check(topic)
    ledger = carbon_ledger(topic, data_dir)
    assert (whole.violations, whole.state, ledger.state) == ({}, "on the way", "on the way")
    assert (ledger.csv.records, ledger.lag) == (0, RECORDS)
    for sentence in (whole.sentence, ledger.sentence):
        assert "of an earlier topic of this name, or of another lab" in sentence
        assert sentence.endswith(f" Next: mv {folder} {folder}.old")


def test_a_killed_producer_leaves_a_journal_that_knows_every_record(
    topic: str, lab_dir: Path, dice: random.Random
) -> None:
    options = ["--topic", topic, "--rate", "0", "--faults", "0.01"]
    with subprocess.Popen([sys.executable, "-m", "labkit", "produce", *options]) as process:
        try:
            wait_until(
                lambda: any(run.get("acked", 0) for run in read_run_files("producer")),
                "the first acknowledgements",
                every_s=0.01,
            )
            time.sleep(dice.uniform(0, 0.5))
        finally:
            process.kill()
    consume(topic, topic, lab_dir / "data", threading.Event(), until_end=True)
    found = check(topic)
    assert found.holds
    records = sum(one.records for one in found.partitions)
    assert found.acked + found.unknown_in_topic == records
    assert (found.unjournalled, found.failed) == (0, 0)
    assert found.unknown >= found.unknown_in_topic


def test_what_retention_deleted_unstored_is_lost_here_and_in_the_ledger(
    topic: str, folder: Path, bootstrap_servers: str
) -> None:
    ends = lab.describe_topic(topic).end_offsets
    stored(topic, folder.parent)
    send(topic, MORE, faults=0.05)
    new_ends = lab.describe_topic(topic).end_offsets
    start = (ends[0] or 0) + 5
    assert start < (new_ends[0] or 0)
    client = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    client.delete_records({TopicPartition(topic, 0): start})
    client.close()
    for is_stored in (False, True):  # the next consumer meets the gap; until then none has
        if is_stored:
            stored(topic, folder.parent)
        found, ledger = check(topic), carbon_ledger(topic)
        assert (found.state, ledger.state) == ("broken", "unreported"), ledger
        assert [one.gap for one in found.partitions] == [5, 0, 0]
        assert found.partitions[0].expired == start
        for sentence in (found.sentence, ledger.sentence):
            assert "Retention deleted 5 records before they were stored." in sentence
    assert ledger.emitted.records is not None
    assert ledger.csv.records == ledger.emitted.records - found.violations["lost"]


def test_what_acks_0_lost_is_lost_here_and_in_the_ledger(topic: str, folder: Path) -> None:
    lab.alter_topic(topic, config={"max.message.bytes": "100"})  # the broker drops what is longer
    options = ProducerOptions(acks=0)
    source = fleet_source(Pace(0, 0.0), seed=SEED)
    produce(topic, source, threading.Event(), count=20, options=options)
    lab.alter_topic(topic, config={"max.message.bytes": None})
    stored(topic, folder.parent)
    found, ledger = check(topic), carbon_ledger(topic)
    print(ledger)
    assert (found.violations, ledger.state) == ({"lost": 20}, "unreported")
    assert "20 are lost: with acks=0 nobody was asked" in found.sentence
    assert ledger.sentence.startswith("20 readings (")
    assert "with acks=0 nobody was asked whether they arrived" in ledger.sentence


def test_without_logs_and_counts_nobody_knows_who_sent(topic: str, folder: Path) -> None:
    stored(topic, folder.parent)
    topic_id = lab.describe_topic(topic).topic_id
    for name in ("journal", "tally"):
        shutil.rmtree(load_config().state_dir / name / topic_id)
    found, ledger = check(topic), carbon_ledger(topic)
    assert (found.holds, ledger.agrees, ledger.foreign.records) == (True, True, 0)
    assert NO_LOG in found.sentence
    assert NO_LOG in ledger.sentence


def test_on_the_command_line(topic: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*more: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "labkit", "check", "--topic", topic, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    status, text = run()
    assert (status, f"{RECORDS:,} records are not in the CSV yet" in text) == (1, True)
    stored(topic, folder.parent)
    status, text = run("--json")
    assert (status, json.loads(text)["state"], json.loads(text)["holds"]) == (0, "holds", True)
    lines = (folder / "0.csv").read_bytes().splitlines(keepends=True)
    (folder / "0.csv").write_bytes(b"".join(lines[:5] + lines[6:]))
    status, text = run("--seed", "42")
    assert status == 1
    assert "The promise is broken: 1 lost. Seed 42." in text
