"""The carbon ledger: the same tonnes of CO2, weighed at every stage of the journey.

emitted (by the simulated chimneys) = acked (by the broker) = topic = csv = served (by the API).
A record that is lost shows as *unreported* tonnes, one that is doubled as *phantom* tonnes. All
sums are whole grams, so equal means equal.

Each stage is weighed by itself: the topic is read from its beginning with a consumer of the
ledger's own, the CSV row by row from the files, the API by asking it. No stage is believed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable, TopicNotFound
from labkit.core.run_files import read_run_files
from labkit.ledger.ledger_model import Ledger, Stage, acked_stage
from labkit.ledger.ledger_verdict import Circumstances, judge
from labkit.ledger.weigh_stages import CsvScale, TopicScale, weigh_served
from labkit.producer.sent_counts import SentCounts, read_sent_counts, wait_for_sent_counts
from labkit.sink.checkpoint import csv_topic_id
from labkit.sink.partition_status import read_progress

TALLY_PATIENCE_S = 2.0
"""A producer writes its tally once a second."""


def carbon_ledger(topic: str | None = None, data_dir: str | Path | None = None) -> Ledger:
    """Weigh the CO2 at every stage, once.

    The topic is read from its beginning, as any new consumer with ``auto_offset_reset=earliest``
    would. That takes about 30 microseconds a record; for a ledger that is looked at again and
    again, keep a `LedgerReader`.

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
        stage that cannot be weighed now (no broker, no API) has ``records=None`` and a note.
    """
    with LedgerReader(topic, data_dir) as reader:
        return reader.read()


class LedgerReader:
    """A ledger that is read again and again; each time it costs only what is new.

    Parameters
    ----------
    topic, data_dir
        As for `carbon_ledger`.
    """

    def __init__(self, topic: str | None = None, data_dir: str | Path | None = None) -> None:
        config = load_config()
        self.topic = topic or config.topic
        self.data_dir = config.data_path(data_dir)
        self._csv = CsvScale(self.data_dir, self.topic)
        self._topic: TopicScale | None = None

    def read(self) -> Ledger:
        """Weigh every stage, the last one first.

        Against the stream, so that a reading on its way is missing downstream and can never look
        doubled. A producer that runs is given a second to write down what it has sent.
        """
        served = weigh_served(self.data_dir, self.topic)
        csv = self._csv.read()
        in_topic = self._weigh_topic()
        scale = self._topic
        topic_id = scale.topic_id if scale else csv_topic_id(self.data_dir, self.topic)
        producers = _running("producer", self.topic)
        if topic_id and producers:
            wait_for_sent_counts(topic_id, producers, time.time(), TALLY_PATIENCE_S)
        tally = read_sent_counts(topic_id) if topic_id else SentCounts()
        places = self._csv.places(scale.start_offsets, scale.end_offsets) if scale else ()
        around = Circumstances(
            lag=sum(place.lag for place in places) if scale else None,
            expired=scale.expired if scale else 0,
            gap=sum(one.gap_records for one in read_progress(self.data_dir, self.topic)),
            producer_runs=bool(producers),
            consumer_runs=bool(_running("consumer", self.topic)),
            unknown=tally.unknown,
            csv_problem=self._csv.problem,
        )
        stages = {
            **_sent(tally),
            "topic": in_topic,
            "csv": csv,
            "served": served,
        }
        state, sentence = judge(stages, around)
        return Ledger(
            topic_name=self.topic,
            topic_id=topic_id,
            data_dir=str(self.data_dir),
            **stages,
            dead_letters=self._csv.dead_letters,
            bad_in_topic=scale.bad if scale else None,
            partitions=places,
            state=state,
            sentence=sentence,
        )

    def _weigh_topic(self) -> Stage:
        try:
            if self._topic is None:
                self._topic = TopicScale(self.topic)
            return self._topic.read()
        except BrokerUnavailable:
            self.close()
            return Stage(note="no broker answers")
        except TopicNotFound:
            self.close()
            return Stage(note="the broker has no such topic")

    def close(self) -> None:
        """Leave the broker; the next `read` would begin at the topic's start."""
        if self._topic is not None:
            self._topic.close()
            self._topic = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _sent(tally: SentCounts) -> dict[str, Stage]:
    if not tally.records:
        nobody = Stage(note="no producer of this lab has sent to it")
        return {"emitted": nobody, "acked": nobody}
    return {
        "emitted": Stage(records=tally.emitted, grams=tally.emitted_g),
        "acked": acked_stage(tally.acked, tally.acked_g, tally.unasked),
    }


def _running(kind: str, topic: str) -> list[int]:
    """Return the processes that do this for a topic now."""
    return [run["pid"] for run in read_run_files(kind) if run.get("topic") == topic]
