"""How long a reading takes, compared with Quix Streams' CSV and a tutorial's API over it.

One producer sends 200 readings a second. The lab's consumer and Quix Streams' CSVSink store them
both, each committing every 0.2 s; the lab's API and a Flask app that reads the whole file for each
request serve them. All run all the time, and each is looked at in turn, from outside and in the
same way: its files every 2 ms, its API 10 ms after its last answer. A reading's id (UUIDv7) says
when it was made.
"""

from __future__ import annotations

import http.client
import re
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import labkit as lab
from bench import peers
from bench.figures import Bar, Figure, Scale, from_pairs, in_turn
from labkit.broker.kafka_clients import bootstrap_servers
from labkit.broker.node_setup import free_ports
from labkit.core.background_workers import ChildProcess
from labkit.core.config import load_config
from labkit.core.run_files import read_run_files
from labkit.readings.rejection_reasons import UUID7

PER_S = 200
FILE_PAUSE_S, API_PAUSE_S = 0.002, 0.01
AFTER_S = 2.0  # how long is waited for the last readings of a window
PATIENCE_S = 30.0
ID = re.compile(UUID7.strip("^$").encode())
CURSOR = re.compile(rb'"next":"([^"]+)"')

Look = Callable[[], bytes]
"""Return what is new since the last look, or more than that."""


class Side(NamedTuple):
    """The lab or its peer: how to read what it has stored and what it serves."""

    stored: Look
    served: Look


class Latency(NamedTuple):
    """Milliseconds from making a reading to seeing it: the median, and the 99th percentile."""

    p50: float
    p99: float


def measure(scale: Scale) -> list[Figure]:
    """Return both percentiles of both ways, until stored and until served."""
    window_s = scale.of(4, 2)
    interval_s = load_config().commit_interval_s
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        ours, theirs = start_all(running, Path(folder), interval_s)
        rounds = in_turn(
            scale.rounds,
            lambda: watch(ours, window_s),
            lambda: watch(theirs, window_s),
            warm_up=False,
        )
    how = f"{PER_S}/s, commits each {interval_s:g} s, {window_s} s a round"
    peer = {
        "stored": "Quix Streams' CSVSink",
        "served": "Quix Streams' CSVSink, and pd.read_csv + to_json in Flask",
    }
    return [
        from_pairs(
            f"reading sent to {stage}, {percentile}",
            "ms",
            peer[stage],
            [(getattr(a[stage], percentile), getattr(b[stage], percentile)) for a, b in rounds],
            bar=Bar("<", 1),
            note=how,
        )
        for stage in ("stored", "served")
        for percentile in ("p50", "p99")
    ]


def start_all(running: ExitStack, folder: Path, interval_s: float) -> tuple[Side, Side]:
    """Start the producer, both consumers and both APIs; return how to look at the two sides."""
    topic = f"bench-latency-{uuid.uuid4().hex[:8]}"
    lab.ensure_topic(topic, num_partitions=3)
    file, (port,) = folder / "quix.csv", free_ports(1)
    quix = [bootstrap_servers(), topic, file, "--commit-interval", interval_s]
    running.enter_context(ended(peers.start("quix_csv", *quix)))
    running.enter_context(ended(peers.start("flask_csv", file, port)))
    consumer = lab.start_consumer(topic, group_id=topic, data_dir=folder, name="bench-consumer")
    running.callback(consumer.stop)
    api = ChildProcess("bench-api", ["api", "--topic", topic, "--data", str(folder)])
    running.callback(api.stop)
    rate = ["--topic", topic, "--rate", str(PER_S)]
    running.callback(ChildProcess("bench-producer", ["produce", *rate]).stop)
    wait_for(lambda: bool(read_run_files("api")), "the lab's API has not started")
    ours = Side(new_bytes(folder / topic), new_pages(read_run_files("api")[0]["port"]))
    theirs = Side(new_bytes(folder, "quix.csv"), whole_answers(port))
    wait_for(lambda: bool(ID.search(ours.served())), "the lab's API serves nothing")
    wait_for(lambda: bool(ID.search(theirs.served())), "the peer's API serves nothing")
    time.sleep(1)  # until what came in at the start is stored
    return ours, theirs


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a peer after the block."""
    with process:
        try:
            yield
        finally:
            process.terminate()


def wait_for(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def new_bytes(folder: Path, pattern: str = "*.csv") -> Look:
    """Read what was appended to the files of a folder, in whole lines."""
    places: dict[Path, int] = {}

    def look() -> bytes:
        found = b""
        for path in folder.glob(pattern):
            with path.open("rb") as file:
                file.seek(places.get(path, 0))
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            places[path] = places.get(path, 0) + len(whole)
            found += whole
        return found

    return look


def new_pages(port: int) -> Look:
    """Ask the lab's API for what is new, as its page does."""
    cursor = ""

    def look() -> bytes:
        nonlocal cursor
        answer = ask(port, f"/api/readings?limit=5000{cursor}")
        if found := CURSOR.search(answer):
            cursor = f"&after={found[1].decode()}"
        return answer

    return look


def whole_answers(port: int) -> Look:
    """Ask the tutorial's API, which always returns everything."""
    known = 0

    def look() -> bytes:
        nonlocal known
        answer = ask(port, "/readings")
        new = answer[max(0, known - 1_000) :]  # it only grows, so this is new, and a little more
        known = len(answer) or known
        return new

    return look


def ask(port: int, path: str) -> bytes:
    """Return an answer; nothing while the server starts, or after it read half a row."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        link.request("GET", path)
        answer = link.getresponse()
        body = answer.read()
    except ConnectionError:
        return b""
    finally:
        link.close()
    return body if answer.status == 200 else b""


def watch(side: Side, window_s: float) -> dict[str, Latency]:
    """Observe a side for a while, and return how late its readings appear there."""
    seen: dict[str, dict[bytes, float]] = {"stored": {}, "served": {}}
    for look in side:
        look()  # what came in while the other side was looked at
    began = time.time()
    until = began + window_s + AFTER_S
    threads = [
        threading.Thread(target=follow, args=(side.stored, seen["stored"], FILE_PAUSE_S, until)),
        threading.Thread(target=follow, args=(side.served, seen["served"], API_PAUSE_S, until)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = {
        stage: {
            one: at - made_at(one)
            for one, at in found.items()
            if began <= made_at(one) < began + window_s
        }
        for stage, found in seen.items()
    }
    assert late["stored"].keys() == late["served"].keys(), "a reading was stored and not served"
    assert len(late["stored"]) >= 0.9 * PER_S * window_s, len(late["stored"])
    return {stage: percentiles(list(found.values())) for stage, found in late.items()}


def follow(look: Look, seen: dict[bytes, float], pause_s: float, until: float) -> None:
    """Record when each reading is first seen."""
    while time.time() < until:
        answer = look()
        now = time.time()
        for one in ID.findall(answer):
            seen.setdefault(one, now)
        time.sleep(pause_s)


def made_at(reading_id: bytes) -> float:
    """Return when a reading was made, in Unix seconds: the first 48 bits of its UUIDv7."""
    return int(reading_id[:8] + reading_id[9:13], 16) / 1000


def percentiles(late_s: list[float]) -> Latency:
    cuts = statistics.quantiles(late_s, n=100)
    return Latency(cuts[49] * 1000, cuts[98] * 1000)
