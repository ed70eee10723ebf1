"""The carbon ledger: the same tonnes of CO2 at every stage of the journey.

emitted (by the simulated chimneys) = acked (by the broker) = topic = csv = served (by the API).
A lost record shows as *unreported* tonnes, a doubled one as *phantom* tonnes. All sums are whole
grams, so they can be compared exactly.

Each stage is measured independently: the topic is read from its beginning with a separate consumer,
the CSV row by row from the files, and the API is asked for its totals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from kafka.errors import KafkaError

from labkit.broker.kafka_clients import bootstrap_servers
from labkit.core.config import load_config
from labkit.core.errors import BatchUnreadable, BrokerUnavailable, TopicNotFound
from labkit.core.run_files import runs_on
from labkit.ledger.ledger_model import (
    NOTHING,
    Ledger,
    Stage,
    known_topic_id,
    not_of_this_topic,
    sent_stages,
)
from labkit.ledger.ledger_verdict import Circumstances, judge
from labkit.ledger.stage_totals import CsvTotals, TopicTotals, served_totals
from labkit.ledger.verdict_sentences import earlier_topic
from labkit.producer.sent_counts import SentCounts, SentCountsReader
from labkit.sink.partition_status import read_progress

NO_SUCH_TOPIC = "the broker has no such topic"


def carbon_ledger(topic: str | None = None, data_dir: str | Path | None = None) -> Ledger:
    """Add up the CO2 at every stage, once.

    The topic is read from its beginning, as by any new consumer with
    ``auto_offset_reset=earliest``. That takes about 30 microseconds a record. To read the ledger
    repeatedly, keep a `LedgerReader`.

    Parameters
    ----------
    topic : str, optional
        The topic; by default the lab's own, ``co2-emissions``.
    data_dir : str or Path, optional
        The folder of the CSV; by default the lab's own, ``data``.

    Returns
    -------
    Ledger
        Records and whole grams of each stage, whether they agree, and a sentence that says so. A
        stage that cannot be read now (no broker, no API) has ``records=None`` and a note.
    """
    with LedgerReader(topic, data_dir) as reader:
        return reader.read()


class LedgerReader:
    """A ledger that is read repeatedly; each read costs only what is new.

    Parameters
    ----------
    topic, data_dir
        As for `carbon_ledger`.
    """

    def __init__(self, topic: str | None = None, data_dir: str | Path | None = None) -> None:
        config = load_config()
        self.topic = topic or config.topic
        self.data_dir = config.data_path(data_dir)
        self._csv = CsvTotals(self.data_dir, self.topic)
        self._sent = SentCountsReader()
        self._topic_totals: TopicTotals | None = None
        self._unreadable = ""

    def read(self) -> Ledger:
        """Add up every stage, the last one first.

        The order is against the stream: a reading on its way can then be missing downstream, but
        never look doubled.
        """
        served = served_totals(self.data_dir, self.topic)
        csv = self._csv.read()
        in_topic = self._read_topic()
        totals = None if self._unreadable else self._topic_totals
        topic_id = totals.topic_id if totals else known_topic_id(self.data_dir, self.topic)
        producers = _running("producer", self.topic)
        counts = self._sent.read(topic_id) if topic_id else SentCounts()
        nobody_sent = bool(totals and totals.records and not self._sent.runs)
        foreign = _foreign(totals, counts) if totals and not nobody_sent else NOTHING
        earlier = earlier_topic(self.data_dir, self.topic, topic_id)
        if earlier:
            csv, served = not_of_this_topic(csv, served)
        weighed = in_topic if totals and not totals.expired else csv
        sent = sent_stages(counts, _arrived(weighed, foreign))
        statuses = [] if earlier else read_progress(self.data_dir, self.topic)
        hindrances = [earlier] if earlier else []
        hindrances += [one for status in statuses if status.is_fresh for one in status.troubles]
        hindrances += [self._unreadable] if self._unreadable else []
        positions = {} if earlier else self._csv.positions()
        places = totals.places(positions) if totals else ()
        around = Circumstances(
            lag=sum(place.lag for place in places) if totals else None,
            bad_in_lag=totals.bad_in_lag(places) if totals else 0,
            expired=totals.expired if totals else 0,
            gap=sum(status.gap_records for status in statuses)
            + (totals.deleted_ahead(positions, statuses) if totals else 0),
            producer_runs=bool(producers),
            consumer_runs=bool(_running("consumer", self.topic)),
            failed=sent.failed,
            unknown=sent.unknown,
            foreign=foreign,
            nobody_sent=nobody_sent,
            csv_problem=None if earlier else self._csv.problem,
            hindrance=hindrances[0] if hindrances else "",
            earlier_topic=earlier,
        )
        stages = {**sent.stages, "topic": in_topic, "csv": csv, "served": served}
        state, sentence = judge(stages, around)
        return Ledger(
            topic_name=self.topic,
            topic_id=topic_id,
            data_dir=str(self.data_dir),
            **stages,
            failed=sent.failed,
            unknown=sent.unknown,
            foreign=foreign,
            dead_letters=0 if earlier else self._csv.dead_letters,
            bad_in_topic=totals.bad if totals else None,
            partitions=places,
            state=state,
            sentence=sentence,
        )

    def _read_topic(self) -> Stage:
        self._unreadable = ""
        try:
            bootstrap_servers()  # raises at once if the lab's broker is gone; a client would wait
            if self._topic_totals is None:
                self._topic_totals = TopicTotals(self.topic)
            return self._topic_totals.read()
        except (BrokerUnavailable, KafkaError) as error:
            if isinstance(error, KafkaError) and not error.retriable:
                raise  # else the broker ended while it was being asked
            self.close()
            return Stage(note="no broker answers")
        except BatchUnreadable as error:
            self._unreadable = f"{error.what}. Next: {error.next_line}"
            return Stage(note=error.what)
        except TopicNotFound as error:
            self.close()
            meant = f"; did you mean {error.similar!r}?" if error.similar else ""
            return Stage(note=f"{NO_SUCH_TOPIC}{meant}")

    def close(self) -> None:
        """Close the consumer; the next `read` begins at the topic's start again."""
        if self._topic_totals is not None:
            self._topic_totals.close()
            self._topic_totals = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _foreign(totals: TopicTotals, counts: SentCounts) -> Stage:
    """Return what other programs sent to the topic; looked for only if the sums ask for it.

    Where delivery logs are missing or cut short, their readings look like another program's. Then
    the counts of the runs say how many were this lab's.
    """
    more = totals.records - counts.acked
    if more <= counts.in_flight:
        return NOTHING
    totals.unclaimed.claim()
    foreign = totals.unclaimed.foreign()
    logs_are_short = totals.unclaimed.acknowledged < counts.acked + counts.bad_acked
    if logs_are_short and more < (foreign.records or 0):
        return Stage(records=more, grams=totals.grams - counts.acked_g)
    return foreign


def _arrived(stage: Stage, foreign: Stage) -> Stage:
    """Return what a stage holds of the readings that this lab's producers sent."""
    return Stage(
        records=(stage.records or 0) - (foreign.records or 0),
        grams=(stage.grams or 0) - (foreign.grams or 0),
    )


def _running(kind: str, topic: str) -> list[int]:
    """Return the processes of this kind that run for a topic."""
    return [run["pid"] for run in runs_on(topic, kind)]
