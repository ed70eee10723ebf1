"""Kafka to CSV with Quix Streams, as its documentation has it: one file, at least once.

    quix_csv.py BROKERS TOPIC FILE [--count 100000] [--commit-interval 5.0]

With a count it ends after so many records, and prints the seconds from the first record that it
handled to the last row written and committed.
"""

import argparse
import time
import uuid

from quixstreams import Application
from quixstreams.sinks.core.csv import CSVSink

parser = argparse.ArgumentParser()
parser.add_argument("brokers")
parser.add_argument("topic")
parser.add_argument("file")
parser.add_argument("--count", type=int, default=0)
parser.add_argument("--commit-interval", type=float, default=5.0)
arguments = parser.parse_args()

first_at = 0.0


def note_first(*_where: object) -> None:
    """Remember when the first record had been handled."""
    global first_at
    first_at = first_at or time.perf_counter()


app = Application(
    broker_address=arguments.brokers,
    consumer_group=f"quix-{uuid.uuid4().hex[:8]}",
    auto_offset_reset="earliest",
    commit_interval=arguments.commit_interval,
    on_message_processed=note_first,
    loglevel="WARNING",
)
topic = app.topic(arguments.topic, value_deserializer="json")
app.dataframe(topic).sink(CSVSink(path=arguments.file))
app.run(count=arguments.count, collect=False)
print(time.perf_counter() - first_at)
