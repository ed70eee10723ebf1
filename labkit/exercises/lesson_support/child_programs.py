"""Programs that lessons run as child processes, because they end as in a crash.

`os._exit` ends a process without any cleanup, the same on Windows, macOS and Linux; to Kafka it
looks like ``kill -9``. It would also end a notebook's kernel, hence the child process.
"""

from __future__ import annotations

SENDER = """\
import os, sys
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=sys.argv[1], linger_ms=1000)
for plant in range(24):
    producer.send(sys.argv[2], key=b"PLANT-%03d" % plant, value=b"a reading")
"""
"""Sends 24 records (arguments: address, topic); how it ends is the line that follows."""

STORER = """\
import os, sys
from kafka import KafkaConsumer, TopicPartition

servers, topic, path, end_after = sys.argv[1:]
consumer = KafkaConsumer(bootstrap_servers=servers, group_id=topic,
                         enable_auto_commit=False, auto_offset_reset="earliest",
                         consumer_timeout_ms=1000)  # ends the loop at the log's end
consumer.assign([TopicPartition(topic, 0)])
with open(path, "a", buffering=1) as csv:
    for number, record in enumerate(consumer, 1):
        print(record.offset, record.value.decode(), sep=",", file=csv)
        if number % 100 == 0:
            consumer.commit()
        if number == int(end_after):
            os._exit(1)
"""
"""Stores lines, and commits after each hundredth (address, topic, CSV, after how many it dies)."""
