"""11 · Capstone: the whole pipeline, from a specification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

from labkit.broker import kafka_clients
from labkit.core.text_tables import many
from labkit.exercises.capstone import capstone_checks, capstone_feed
from labkit.exercises.capstone.capstone_checks import marks
from labkit.exercises.capstone.capstone_feed import clear, write_feed
from labkit.exercises.engine.answer_kinds import described
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.api_queries import ask, serving
from labkit.exercises.queries.broker_queries import existing_topic
from labkit.readings.reading import grams

__all__ = ["clear", "marks", "p1", "q1", "q2", "q3", "q4", "q5", "write_feed"]


@exercise
def q1() -> str:
    """Make `capstone-co2`, with 4 partitions and records kept 30 days, and its dead-letter queue.

    The queue is called `capstone-co2.dlq`, and has 1 partition.
    """
    return capstone_checks.check_all(capstone_checks.STAGES["topics"])


@exercise
def q2() -> str:
    """Send each line of the file once, in its order.

    The key is `facility_id`, the value is the text of `value` unchanged, the timestamp is
    `timestamp_ms`, and a header `source` says `gateway-11`. Run it once; to repeat, run
    `ex.clear()` and q1 first.
    """
    return capstone_checks.check_all(capstone_checks.STAGES["producer"])


@exercise
def q3(consume: Callable[[], Any]) -> str:
    """Write `consume()`, and run it. It reads `capstone-co2` to its end as group `capstone`.

    Each good reading becomes a row of `readings.csv`, each bad record a dead letter, with its bytes
    as they are and headers that lead back. Then it commits.
    """
    if not callable(consume):
        raise NotYet(f"You gave {described(consume)}. `consume` has to be a function.")
    letters = capstone_checks.STAGES["dead letters"]
    return capstone_checks.check_all([*capstone_checks.STAGES["consumer"], *letters])


@exercise
def q4(again: Callable[[], Any]) -> str:
    """Survive a lost commit: after `again()` the CSV is as it was, row by row.

    The check runs it, with the group's offsets set back to the beginning. Your `consume` may
    be enough.
    """
    if not callable(again):
        raise NotYet(f"You gave {described(again)}. `again` has to be a function.")
    before = capstone_feed.stored()
    _forget_commits()
    again()
    if not capstone_feed.csv_path().exists():
        raise NotYet("`again()` left no `readings.csv`. To begin again, run `consume()`.")
    after = capstone_feed.stored()
    if len(after) > len(before):
        raise NotYet(
            f"{many(len(after) - len(before), 'row')} were stored again. The group's offsets were "
            f"lost, but the CSV still has the position. {capstone_checks.ROWS_AGAIN}"
        )
    if after != before:
        raise NotYet(
            f"The CSV is not what it was: rows are missing or changed. {capstone_checks.ROWS_AGAIN}"
        )
    return f"{len(after)} rows before and after.\n" + capstone_checks.check_all(
        [capstone_checks.committed]
    )


@exercise
def q5(app: Any) -> str:
    """Write a Flask `app`: `/totals` answers the kilograms of each sector, as one JSON object.

    Round them to 3 decimals. `/totals/steel` answers those of one,
    `{"sector": "steel", "co2_kg": ...}`, and for a sector that is not there the status is 404.
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
        if not _is_sum(answer, sector, mass_g):
            raise NotYet(f"`/totals/{sector}` answers {str(answer)[:80]!r}.")
        status = ask(f"{url}/totals/unicorns").status
        if status != 404:
            raise NotYet(f"`/totals/unicorns` answers {status}, and there is no such sector.")
    return f"{len(wanted)} sectors, {wanted.total():,} g, as in the topic; and 404 for unicorns."


@prediction(possible=range(capstone_feed.READINGS + 1), solution="ex.p1.predict(4)")
def p1() -> Observed:
    """The gateway's file has 240 lines. How many of them are not valid readings?

    Look at the file first, as long as you like.
    """
    lines = capstone_feed.feed()
    sent = {record.value for record in capstone_feed.sent()}
    if missing := [one for one in lines if one.value not in sent]:
        lacks = many(len(missing), "line")
        raise NotAttempted(f"The topic lacks {lacks} of the file: first solve q2.")
    bad = [one for one in lines if not one.is_reading]
    return Observed(
        len(bad),
        f"Of the {len(lines)} lines, {len(lines) - len(bad)} are readings. The others are well "
        "hidden: only a check of every record finds them all.",
    )


def _forget_commits() -> None:
    """Set the group's offsets to 0, as a lost commit or a careless operator would."""
    topic = existing_topic(capstone_feed.TOPIC)
    places = [TopicPartition(topic.name, one.partition) for one in topic.partitions]
    with kafka_clients.consumer(group_id=capstone_feed.GROUP, enable_auto_commit=False) as client:
        client.assign(places)
        client.commit({place: OffsetAndMetadata(0, "", -1) for place in places})


def _is_sum(answer: Any, sector: str, mass_g: int) -> bool:
    """Tell whether an answer is a sector's sum, to the gram: floats differ in their last digits."""
    if not isinstance(answer, dict) or set(answer) != {"sector", "co2_kg"}:
        return False
    said = answer["co2_kg"]
    return answer["sector"] == sector and isinstance(said, int | float) and grams(said) == mass_g


def _json(url: str, path: str) -> Any:
    """Return what an address answers, read as JSON; anything but success is not yet."""
    answer = ask(url + path)
    if answer.status != 200:
        raise NotYet(f"`{path}` answers {answer.status}.")
    return answer.json()
