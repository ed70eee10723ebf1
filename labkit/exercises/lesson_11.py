"""11 · Capstone: the whole pipeline, from a specification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

from labkit.broker import kafka_clients
from labkit.exercises.capstone import capstone_checks, capstone_feed
from labkit.exercises.capstone.capstone_checks import marks
from labkit.exercises.capstone.capstone_feed import clear, write_feed
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.api_queries import ask, serving
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.readings.reading import grams

__all__ = ["clear", "marks", "p1", "q1", "q2", "q3", "q4", "q5", "write_feed"]


@exercise(
    hints=[
        "Two topics: `capstone-co2` and `capstone-co2.dlq`. Lesson 02 made some.",
        "30 days in milliseconds are `30 * 24 * 3_600_000`, and the setting is `retention.ms`.",
        '`lab.ensure_topic("capstone-co2", num_partitions=4, config={"retention.ms": ...})`',
    ],
    solution="""
    lab.ensure_topic(
        "capstone-co2", num_partitions=4, config={"retention.ms": 30 * 24 * 3_600_000}
    )
    lab.ensure_topic("capstone-co2.dlq", num_partitions=1)
    """,
)
def q1() -> str:
    """Make `capstone-co2`, with 4 partitions and records kept for 30 days, and its queue.

    The dead-letter queue is called `capstone-co2.dlq`, and has 1 partition.
    """
    return capstone_checks.check_all(capstone_checks.STAGES["topics"])


@exercise(
    hints=[
        "`json.loads` reads a line; `.encode()` turns text into bytes.",
        "`send` takes `key=`, `value=`, `timestamp_ms=` and `headers=[(name, bytes)]`.",
        "A `with` block around the producer flushes and closes it at its end (lesson 03).",
    ],
    solution="""
    with KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        for text in feed.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            producer.send(
                "capstone-co2",
                key=line["facility_id"].encode(),
                value=line["value"].encode(),
                timestamp_ms=line["timestamp_ms"],
                headers=[("source", b"gateway-11")],
            )
    """,
)
def q2() -> str:
    """Send each line of the file once, in its order.

    The key is `facility_id`, the value is the text of `value` unchanged, the timestamp is
    `timestamp_ms`, and a header `source` says `gateway-11`.
    """
    return capstone_checks.check_all(capstone_checks.STAGES["producer"])


@exercise(
    hints=[
        "The position comes from the CSV's own rows: the last offset of each partition, and one "
        "more. `assign`, then `seek` (lesson 04).",
        "`lab.Reading.from_json(record.value, record.timestamp)` raises a `lab.LabError` for a bad "
        "record; that one goes to the queue, and its `.get()` is waited for.",
        "Write and flush the rows first, and only then `consumer.commit()`.",
    ],
    solution="""
    COLUMNS = ["partition", "offset", "facility_id", "sector", "recorded_at", "co2_kg"]


    def positions():
        last = {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    last[int(row["partition"])] = int(row["offset"]) + 1
        return last


    def bury(queue, record, reason):
        origin = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        said = {**origin, "exception.message": reason}
        headers = [(f"__connect.errors.{name}", str(text).encode()) for name, text in said.items()]
        queue.send("capstone-co2.dlq", key=record.key, value=record.value, headers=headers).get(10)


    def consume():
        servers = {"bootstrap_servers": broker.bootstrap_servers}
        known = positions()
        with (
            KafkaConsumer(group_id="capstone", enable_auto_commit=False, **servers) as consumer,
            KafkaProducer(**servers) as queue,
            path.open("a", newline="", encoding="utf-8") as file,
        ):
            places = [TopicPartition("capstone-co2", number) for number in range(4)]
            consumer.assign(places)
            ends = consumer.end_offsets(places)
            for place in places:
                consumer.seek(place, known.get(place.partition, 0))
            rows = csv.writer(file)
            if not known:
                rows.writerow(COLUMNS)
            while any(consumer.position(place) < ends[place] for place in places):
                for record in [one for part in consumer.poll(500).values() for one in part]:
                    try:
                        one = lab.Reading.from_json(record.value, record.timestamp)
                    except lab.LabError as error:
                        bury(queue, record, error.what)
                        continue
                    about = [one.facility_id, one.sector, one.recorded_at.isoformat(), one.co2_kg]
                    rows.writerow([record.partition, record.offset, *about])
            file.flush()
            consumer.commit()


    consume()
    """,
)
def q3(consume: Callable[[], Any]) -> str:
    """Write `consume()`, and run it. It reads `capstone-co2` to its end as group `capstone`.

    Each good reading becomes a row of `readings.csv`, each bad record a dead letter, with its bytes
    as they are and headers that lead back. Then it commits.
    """
    if not callable(consume):
        raise NotYet(f"`consume` is {consume!r}, and must be a function.")
    letters = capstone_checks.STAGES["dead letters"]
    return capstone_checks.check_all([*capstone_checks.STAGES["consumer"], *letters])


@exercise(
    hints=[
        "The check sets the group's offsets back to 0, as if a commit had been lost. What else "
        "knows how far you got?",
        "The CSV does: each row has its partition and offset. Seek past the last one.",
    ],
    solution="again = consume",
)
def q4(again: Callable[[], Any]) -> str:
    """Survive a lost commit: after `again()` the CSV is as it was, row by row.

    The check runs it, with the group's offsets set back to the beginning. Your `consume` may
    be enough.
    """
    before = capstone_feed.stored()
    _forget_commits()
    again()
    after = capstone_feed.stored()
    if len(after) > len(before):
        raise NotYet(
            f"{len(after) - len(before)} rows were stored again. The group's offsets were lost, "
            "but the CSV still has the position."
        )
    if after != before:
        raise NotYet("the CSV is not what it was: rows are missing or changed.")
    return f"{len(after)} rows before and after.\n" + capstone_checks.check_all(
        [capstone_checks.committed]
    )


@exercise(
    hints=[
        "A route of Flask may return a dictionary, and it becomes JSON (lesson 05).",
        '`pandas.read_csv(path).groupby("sector").co2_kg.sum()`; `.to_dict()` makes plain numbers.',
        "Floats that are added in any order differ in the last digits: round to 3 decimals.",
        "For an unknown sector, `flask.abort(404)`.",
    ],
    solution="""
    app = Flask("capstone")


    def totals():
        return pandas.read_csv(path).groupby("sector").co2_kg.sum().round(3).to_dict()


    @app.get("/totals")
    def all_totals():
        return totals()


    @app.get("/totals/<sector>")
    def one_total(sector):
        return {"sector": sector, "co2_kg": totals()[sector]} if sector in totals() else abort(404)
    """,
)
def q5(app: Any) -> str:
    """Write a Flask `app`: `/totals` answers the kilograms of each sector, as one JSON object.

    `/totals/steel` answers those of one, `{"sector": "steel", "co2_kg": ...}`, and for a sector
    that is not there the status is 404.
    """
    wanted = capstone_feed.sector_grams()
    if not callable(app):
        raise NotAttempted("`app` is not a Flask app yet.")
    with serving(app) as url:
        answer = _json(url, "/totals")
        if not isinstance(answer, dict):
            raise NotYet(f"`/totals` answers {str(answer)[:80]!r}, not a JSON object.")
        seen = Counter({str(sector): grams(float(kg)) for sector, kg in answer.items()})
        if seen != wanted:
            sector = max(set(seen) | set(wanted), key=lambda one: abs(seen[one] - wanted[one]))
            raise NotYet(
                f"`/totals` says {seen[sector]:,} g for {sector}, and the topic "
                f"{wanted[sector]:,} g."
            )
        sector, mass_g = wanted.most_common(1)[0]
        answer = _json(url, f"/totals/{sector}")
        if answer != {"sector": sector, "co2_kg": mass_g / 1000}:
            raise NotYet(f"`/totals/{sector}` answers {str(answer)[:80]!r}.")
        status = ask(f"{url}/totals/unicorns").status
        if status != 404:
            raise NotYet(f"`/totals/unicorns` answers {status}, and there is no such sector.")
    return f"{len(wanted)} sectors, {wanted.total():,} g, as in the topic; and 404 for unicorns."


@prediction(solution="ex.p1.predict(4)")
def p1() -> Observed:
    """The gateway's file has 240 lines. How many of them are not valid readings?

    Look at the file first, as long as you like.
    """
    lines, good = capstone_feed.feed(), capstone_feed.good_rows()
    return Observed(
        len(lines) - len(good),
        f"Of {len(lines)} records in the topic, {len(good)} are readings. The others are well "
        "hidden: only a check of every record finds them all.",
    )


def _forget_commits() -> None:
    """Set the group's offsets to 0, as a lost commit or a careless operator would."""
    topic = existing_topic(capstone_feed.TOPIC)
    places = [TopicPartition(topic.name, one.partition) for one in topic.partitions]
    with kafka_clients.consumer(group_id=capstone_feed.GROUP, enable_auto_commit=False) as client:
        client.assign(places)
        client.commit({place: OffsetAndMetadata(0, "", -1) for place in places})


def _json(url: str, path: str) -> Any:
    """Return what an address answers, read as JSON; anything but success is not yet."""
    answer = ask(url + path)
    if answer.status != 200:
        raise NotYet(f"`{path}` answers {answer.status}.")
    return answer.json()
