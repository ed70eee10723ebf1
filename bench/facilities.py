"""How long each address of the API takes with a large fleet.

    python -m bench.facilities 8000 36000

It prints milliseconds and kilobytes for each number of facilities, with four readings of each. The
test suite counts calls instead (`tests/unit/api/test_work_per_request.py`), because times
depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from labkit.api.app import create_app
from labkit.readings.fleet import Fleet
from labkit.sink.csv_log import CsvLog

TOPIC = "co2-emissions"
PARTITIONS = 3
ROUNDS = 4
TRIES = 5
PATHS = [
    "/api/readings",
    "/api/readings?facility_id=X-000001",
    "/api/series",
    "/api/series?by=facility",
    "/api/summary",
    "/api/summary?window_s=900",
    "/api/facilities",
    "/api/facilities?sector=power",
    "/api/dashboard?heat_window_s=21600&top=100",
    "/api/dashboard?by=facility",
    "/metrics",
]


def write(data_dir: Path, facilities: int) -> None:
    """Write the fleet's readings to the CSV, each minute one of every facility."""
    base = Fleet(seed=7, size=24)
    start = datetime.now(UTC) - timedelta(minutes=ROUNDS)
    logs = [
        CsvLog(data_dir, TOPIC, partition, topic_id="bench", cluster_id="bench")
        for partition in range(PARTITIONS)
    ]
    for minute in range(ROUNDS):
        for number in range(facilities):
            reading = base.reading(start + timedelta(minutes=minute), 60.0)
            log = logs[number % PARTITIONS]
            place = (minute * facilities + number) // PARTITIONS + minute
            log.append(place, reading.model_copy(update={"facility_id": f"X-{number:06}"}))
    for log in logs:
        log.flush()
        log.close()


def measure(data_dir: Path) -> dict[str, tuple[float, float]]:
    """Return the best of some answers, in milliseconds, and its kilobytes, for each address."""
    client = create_app(data_dir, TOPIC).test_client()
    while client.get("/api/summary").status_code != 200:
        time.sleep(0.1)
    found = {}
    for path in PATHS:
        took = []
        for _ in range(TRIES):
            began = time.perf_counter()
            answer = client.get(path)
            took.append(time.perf_counter() - began)
        found[path] = min(took) * 1000, len(answer.data) / 1000
    return found


def main() -> None:
    """Print a table: a line for each address, a pair of columns for each number of facilities."""
    sizes = [int(argument) for argument in sys.argv[1:]] or [8_000, 36_000]
    columns = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), size)
            columns[size] = measure(Path(folder))
    print(f"{'':45}", *(f"{size:>9,} facilities" for size in sizes))
    for path in PATHS:
        cells = (
            f"{ms:10.1f} ms {kb:6.0f} kB" for ms, kb in (columns[size][path] for size in sizes)
        )
        print(f"{path:45}", *cells)


if __name__ == "__main__":
    main()
