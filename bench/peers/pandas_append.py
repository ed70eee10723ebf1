"""Kafka to CSV as a first tutorial has it: each record a DataFrame, appended to the file.

    pandas_append.py BROKERS TOPIC FILE COUNT

It ends after so many records, and prints the seconds from the first to the last of them.
"""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from kafka import KafkaConsumer

brokers, topic, name, count = sys.argv[1:]
path = Path(name)
consumer = KafkaConsumer(
    topic,
    bootstrap_servers=brokers,
    group_id=f"tutorial-{path.parent.name}",
    auto_offset_reset="earliest",
)
first_at = 0.0
for number, message in enumerate(consumer, start=1):
    first_at = first_at or time.perf_counter()
    reading = json.loads(message.value)
    pd.DataFrame([reading]).to_csv(path, mode="a", header=not path.exists(), index=False)
    if number == int(count):
        break
print(time.perf_counter() - first_at)
consumer.close()
