"""The ledger's arithmetic and its sentence; the totals of the CSV and of the API; no broker."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.core.run_files import RunFile
from labkit.ledger.ledger import LedgerReader, carbon_ledger
from labkit.ledger.ledger_model import MEANING, Ledger, PartitionPlace, Stage, sent_stages, tonnes
from labkit.ledger.ledger_verdict import Circumstances, judge
from labkit.ledger.stage_totals import CsvTotals, get_json, served_totals
from labkit.producer.sent_counts import SentCounts, SentCountsFile
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading, grams
from labkit.sink.csv_log import CsvLog

START = datetime(2026, 1, 1, tzinfo=UTC)
TOPIC_ID = "a-topic-id"


def readings(count: int) -> list[Reading]:
    stream = Fleet(seed=7).readings(START, readings_per_s=20.0)
    return [reading for reading in islice(stream, count) if isinstance(reading, Reading)]


def open_csv(data_dir: Path, partition: int = 0) -> CsvLog:
    return CsvLog(data_dir, "co2-emissions", partition, topic_id=TOPIC_ID, cluster_id="a-cluster")


def stages(*numbers: tuple[int, int] | None) -> dict[str, Stage]:
    return {
        name: Stage() if pair is None else Stage(records=pair[0], grams=pair[1])
        for name, pair in zip(MEANING, numbers, strict=True)
    }


FULL = (100, 5_000_000)


def test_five_equal_stages_agree() -> None:
    assert judge(stages(*[FULL] * 5), Circumstances()) == (
        "agrees",
        "All five stages agree to the gram.",
    )


def test_a_single_gram_is_seen() -> None:
    state, sentence = judge(stages(FULL, FULL, FULL, (100, 4_999_999), FULL), Circumstances())
    assert state == "altered"
    assert "weigh 1 g less" in sentence


@pytest.mark.parametrize(
    ("numbers", "around", "state", "words"),
    [
        (
            [FULL, FULL, FULL, (90, 4_500_000), (90, 4_500_000)],
            Circumstances(lag=0),
            "unreported",
            "lost",
        ),
        (
            [FULL, FULL, None, (90, 4_500_000), None],
            Circumstances(),
            "on the way",
            "no broker answers",
        ),
        (
            [FULL, FULL, FULL, (90, 4_500_000), (90, 4_500_000)],
            Circumstances(lag=10, consumer_runs=True),
            "on the way",
            "lag is 10",
        ),
        (
            [FULL, FULL, FULL, (90, 4_500_000), (90, 4_500_000)],
            Circumstances(lag=10),
            "on the way",
            "Next: labkit consume",
        ),
        (
            [FULL, FULL, FULL, (90, 4_500_000), (90, 4_500_000)],
            Circumstances(lag=9, consumer_runs=True),
            "unreported",
            "lost",
        ),
        (
            [FULL, FULL, FULL, (90, 4_500_000), None],
            Circumstances(csv_problem="0.csv: a row is not true"),
            "unreported",
            "0.csv: a row is not true",
        ),
        ([FULL, FULL, FULL, (101, 5_100_000), None], Circumstances(), "phantom", "stored twice"),
        ([FULL, FULL, (101, 5_100_000), None, None], Circumstances(), "phantom", "sent some again"),
        (
            [FULL, FULL, None, (101, 5_100_000), None],
            Circumstances(),
            "unknown",
            "Next: labkit check",
        ),
        (
            [FULL, FULL, (101, 5_100_000), None, None],
            Circumstances(producer_runs=True),
            "on the way",
            "a moment after",
        ),
        (
            [FULL, (98, 4_900_000), (98, 4_900_000), None, None],
            Circumstances(unknown=Stage(records=1, grams=50_000)),
            "unreported",
            "1 reading (0.050000 t) unreported between emitted and acked",
        ),
        ([FULL, FULL, (98, 4_900_000), None, None], Circumstances(), "unreported", "does not hold"),
        ([FULL, FULL, FULL, FULL, (98, 4_900_000)], Circumstances(), "unreported", "API"),
        ([FULL, FULL, FULL, FULL, (102, 5_200_000)], Circumstances(), "phantom", "another folder"),
    ],
)
def test_a_difference_is_explained(
    numbers: list[tuple[int, int] | None], around: Circumstances, state: str, words: str
) -> None:
    found, sentence = judge(stages(*numbers), around)
    assert (found, words in sentence) == (state, True), sentence


def test_a_real_loss_outweighs_what_is_on_its_way() -> None:
    numbers = [FULL, (99, 4_950_000), (99, 4_950_000), (102, 5_100_000), None]
    state, sentence = judge(stages(*numbers), Circumstances(producer_runs=True))
    assert state == "phantom"
    assert "csv holds more than topic" in sentence


def test_several_on_their_way_are_added_up() -> None:
    numbers = [FULL, (98, 4_900_000), (98, 4_900_000), (95, 4_700_000), (94, 4_600_000)]
    around = Circumstances(lag=3, producer_runs=True, consumer_runs=True)
    state, sentence = judge(stages(*numbers), around)
    assert state == "on the way"
    assert sentence == "6 readings (0.400000 t) on the way from emitted to served."


def test_stages_that_cannot_be_weighed_are_left_out_and_named() -> None:
    state, sentence = judge(stages(None, None, FULL, FULL, None), Circumstances())
    assert state == "agrees"
    assert sentence == "Both stages agree to the gram. Not compared: emitted, acked, served."


def test_the_topic_is_not_compared_after_retention() -> None:
    numbers = [FULL, FULL, (60, 3_000_000), FULL, FULL]
    state, sentence = judge(stages(*numbers), Circumstances(expired=40))
    assert state == "agrees"
    assert "retention has deleted 40 records" in sentence


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**15)), min_size=5, max_size=5))
def test_it_agrees_exactly_when_all_stages_are_equal(numbers: list[tuple[int, int]]) -> None:
    state, sentence = judge(stages(*numbers), Circumstances())
    assert (state == "agrees") == (len(set(numbers)) == 1)
    assert sentence


def ledger(**changes: object) -> Ledger:
    facts = {
        "topic_name": "<co2>",
        "topic_id": None,
        "data_dir": "data",
        **stages(*[FULL] * 5),
        "dead_letters": 2,
        "bad_in_topic": 2,
        "partitions": (PartitionPlace(partition=0, end_offset=12, position=9),),
        "state": "agrees",
        "sentence": "All five stages agree to the gram.",
        **changes,
    }
    return Ledger.model_validate(facts)


def test_a_ledger_as_text_html_and_json() -> None:
    one = ledger()
    assert re.search(r"\n  csv +100 +5\.000000  stored in the CSV\n", str(one))
    assert str(one).endswith("✓ All five stages agree to the gram.")
    assert "&lt;co2&gt;" in one._repr_html_()
    waits = ledger(sentence="No consumer is running. Next: labkit consume")
    assert str(waits).endswith("Next: labkit consume")
    assert "Next: consumer = lab.start_consumer()</p>" in waits._repr_html_()
    dumped = one.model_dump(mode="json")
    assert (dumped["agrees"], dumped["lag"], dumped["csv"]["co2_kg"]) == (True, 3, 5000.0)
    assert not ledger(state="phantom").agrees


def test_tonnes_show_every_gram() -> None:
    assert [tonnes(1), tonnes(1_234_567_890_123), tonnes(None)] == [
        "0.000001",
        "1,234,567.890123",
        "–",
    ]


def test_the_totals_of_the_csv_grow_with_it(tmp_path: Path) -> None:
    some = readings(30)
    totals = CsvTotals(tmp_path, "co2-emissions")
    assert totals.read().records is None
    with open_csv(tmp_path) as log:
        for offset, reading in enumerate(some[:10]):
            log.append(offset, reading)
        log.mark(10)
        log.flush()
        first = totals.read()
        for offset, reading in enumerate(some[10:], start=11):
            log.append(offset, reading)
        log.flush()
    second = totals.read()
    assert (first.records, first.grams) == (10, sum(grams(one.co2_kg) for one in some[:10]))
    assert (second.records, second.grams) == (30, sum(grams(one.co2_kg) for one in some))
    assert totals.dead_letters == 1
    assert totals.positions() == {0: 31}


def test_without_broker_and_api_the_rest_is_still_weighed(lab_dir: Path) -> None:
    some = readings(5)
    with open_csv(lab_dir / "data") as log:
        for offset, reading in enumerate(some):
            log.append(offset, reading)
        log.flush()
    mass_g = sum(grams(one.co2_kg) for one in some)
    counts = SentCounts(emitted=5, emitted_g=mass_g, acked=5, acked_g=mass_g)
    SentCountsFile("co2-emissions", TOPIC_ID, "producer").write(counts, "ended")
    found = carbon_ledger()
    assert found.agrees
    assert (found.emitted.records, found.csv.records, found.csv.grams) == (5, 5, mass_g)
    assert found.topic.note == "no broker answers"
    assert found.sentence == (
        "All three stages agree to the gram. Not compared: topic (no broker answers), "
        "served (no API of this folder is running)."
    )


def test_an_empty_lab_has_nothing_to_compare(lab_dir: Path) -> None:
    with LedgerReader() as reader:
        assert reader.read().sentence.startswith("There is nothing to compare yet.")


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/summary" else 404)
        self.end_headers()
        self.wfile.write(b'{"records": 3, "co2_g": 1234}')

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def api_url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_served_is_asked_for_past_any_proxy(
    lab_dir: Path, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert get_json(api_url, "api/summary") == {"records": 3, "co2_g": 1234}
    run_file = RunFile("api", "api", url=api_url, topic="t", data_dir=str(lab_dir))
    served = served_totals(lab_dir, "t")
    assert (served.records, served.grams) == (3, 1234)
    assert served_totals(lab_dir / "other", "t").records is None
    run_file.update(url="http://127.0.0.1:9/")
    assert "does not answer" in served_totals(lab_dir, "t").note
    run_file.remove()


def test_with_acks_0_emitted_is_compared_with_what_has_arrived() -> None:
    unasked = stages(FULL, None, FULL, FULL, FULL)
    assert judge(unasked, Circumstances())[0] == "agrees"
    short = stages(FULL, None, (90, 4_500_000), (90, 4_500_000), (90, 4_500_000))
    state, sentence = judge(short, Circumstances())
    assert state == "unreported"
    assert "between emitted and topic: with acks=0 nobody was asked" in sentence
    assert judge(short, Circumstances(producer_runs=True))[0] == "on the way"
    counts = SentCounts(emitted=1, emitted_g=5, acked=1, acked_g=5)
    assert sent_stages(counts).acked == Stage(records=1, grams=5)
    assert sent_stages(replace(counts, unasked=1)).acked.records is None


@pytest.mark.parametrize(("arrived", "left"), [(0, 2), (7, 2), (9, 1), (10, 0), (12, 0)])
def test_of_what_was_sent_with_acks_0_the_topic_tells(arrived: int, left: int) -> None:
    """Unknown are only readings whose answer was waited for, here 2 of 10."""
    counts = SentCounts(emitted=10, emitted_g=100, unknown=10, unknown_g=100, unasked=8)
    found = sent_stages(replace(counts, unasked_g=80), Stage(records=arrived, grams=arrived * 10))
    assert found.unknown == Stage(records=left, grams=left * 10)


SENT = SentCounts(emitted=100, emitted_g=1_000, acked=90, acked_g=900, failed=4, failed_g=40)


@pytest.mark.parametrize(
    ("unknown", "arrived", "acked", "left", "in_flight"),
    [
        # 6 readings have no answer; those that a later stage holds have arrived.
        (0, 90, 90, 0, 6),
        (0, 93, 93, 0, 3),
        (6, 90, 90, 6, 0),
        (6, 92, 92, 4, 0),
        (6, 96, 96, 0, 0),
        (6, 97, 90, 6, 0),  # more than they can explain: another program's, or doubled
        (2, 93, 93, 0, 3),
    ],
)
def test_what_is_stored_was_acknowledged(
    unknown: int, arrived: int, acked: int, left: int, in_flight: int
) -> None:
    counts = replace(SENT, unknown=unknown, unknown_g=unknown * 10)
    found = sent_stages(counts, Stage(records=arrived, grams=arrived * 10))
    assert (found.acked.records, found.acked.grams) == (acked, acked * 10)
    assert (found.unknown.records, found.in_flight) == (left, in_flight)
    if not in_flight:
        assert found.unknown.grams == left * 10
    assert found.emitted == Stage(records=100, grams=1_000)
    assert found.failed == Stage(records=4, grams=40)


@pytest.mark.parametrize(
    ("in_flight", "stored", "acked_g"),
    [
        # 90 readings of 900 g are acknowledged, and 6 of 60 g have no answer.
        (6, (90, 930), 930),  # others than those that are acknowledged, and heavier
        (6, (89, 910), 910),
        (6, (90, 890), 900),
        (6, (90, 2_000), 960),  # more than all that was sent: that is doubled
        (0, (90, 930), 900),
    ],
)
def test_what_is_stored_does_not_weigh_more_than_what_is_acknowledged(
    in_flight: int, stored: tuple[int, int], acked_g: int
) -> None:
    counts = replace(SENT, emitted=94 + in_flight, emitted_g=940 + 10 * in_flight)
    found = sent_stages(counts, Stage(records=stored[0], grams=stored[1]))
    assert (found.acked.records, found.acked.grams) == (90, acked_g)


@given(*[st.integers(0, 30)] * 5, st.integers(0, 30), st.booleans())
def test_stages_never_run_uphill(
    acked: int, failed: int, unknown: int, in_flight: int, arrived: int, lag: int, runs: bool
) -> None:
    """Whatever of the unanswered readings has arrived: later stages hold no more than earlier."""
    arrived = min(arrived, unknown + in_flight)
    emitted = acked + failed + unknown + in_flight
    names = {"emitted": emitted, "acked": acked, "failed": failed, "unknown": unknown}
    counts = SentCounts(**names, **{f"{name}_g": 7 * number for name, number in names.items()})
    stored = max(0, acked + arrived - lag)
    csv = Stage(records=stored, grams=stored * 7)
    sent = sent_stages(counts, csv)
    figures = {**sent.stages, "topic": Stage(), "csv": csv, "served": csv}
    records = [stage.records for stage in figures.values() if stage.records is not None]
    assert records == sorted(records, reverse=True)
    around = Circumstances(
        lag=lag,
        producer_runs=in_flight > 0,
        consumer_runs=runs,
        failed=sent.failed,
        unknown=sent.unknown,
        unchanged_s=100,
    )
    state, sentence = judge(figures, around)
    assert state in ("agrees", "on the way"), sentence
