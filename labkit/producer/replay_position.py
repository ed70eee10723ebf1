"""How far a replay has come in a topic, so that the next run goes on and no row is sent twice.

A small file in ``<state_dir>/replay/<topic_id>/`` holds the line of the last row up to which every
record was acknowledged; it is written once a second. A run that was killed, or whose broker was
gone, leaves a few records of which nobody knows: the next run looks for them in the topic, by
their ids. An id follows from a row's facility, time and amount, so a corrected version of a table
is compared with the earlier version in the same way.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from filelock import FileLock, Timeout
from kafka import TopicPartition

from labkit.broker.kafka_clients import consumer
from labkit.core.config import load_config
from labkit.core.errors import ReplayComplete, ReplayError
from labkit.core.json_files import read_json, write_json
from labkit.producer.delivery_reports import DeliveryTracker
from labkit.readings.reading import Reading, iso_milliseconds, reading_id_of
from labkit.readings.replay.replay import Replay
from labkit.readings.replay.row_to_reading import ONE_FACILITY
from labkit.topics.read_topic import assign_from, read_to_end
from labkit.topics.topics import describe_topic

FORMAT = 1


class ReplayPosition:
    """The position of one table in one topic; open while it is being sent.

    Parameters
    ----------
    replay : Replay
        The table, looked through.
    topic : str
        An existing topic.
    again : bool
        Send all of it once more, with new ids.

    Attributes
    ----------
    told : str
        What was sent before, in a sentence; empty if nothing was.
    given : int
        How many readings this run has given out so far.
    at : datetime or None
        The latest time of those.

    Raises
    ------
    ReplayComplete
        All of it is in the topic already.
    ReplayError
        Another process is replaying it, or retention deleted what it would have to look at.
    """

    def __init__(self, replay: Replay, topic: str, *, again: bool = False) -> None:
        self._replay, self._topic = replay, topic
        description = describe_topic(topic)
        folder = load_config().state_dir / "replay" / description.topic_id
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{replay.identity[:32]}.json"
        self._lock = FileLock(self._path.with_suffix(".lock"), thread_local=False)
        self.told = ""
        self.given = 0
        self.at: datetime | None = None
        self._lines = array("q")  # of the rows given out in this run
        self._sent_ids: set[str] = set()
        self._all_acked, self._all_given = True, False
        self._last_found_line = 0  # of the rows that are in the topic already
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            msg = f"{replay.name} is being replayed into {topic} by another process"
            raise ReplayError(msg, "labkit status") from error
        try:
            self._open([one.partition for one in description.partitions], again)
        except BaseException:
            self._lock.release()
            raise

    @property
    def left(self) -> int:
        """How many readings this run still has to give out, at most."""
        return self._to_send - self.given

    def readings(self) -> Iterator[Reading]:
        """Yield the readings that are not in the topic yet, in the table's order."""
        for line, reading in self._replay.numbered_readings(self._state["again"]):
            if line > self._acked_before and reading.reading_id not in self._sent_ids:
                self._lines.append(line)
                self.given += 1
                self.at = max(self.at or reading.recorded_at, reading.recorded_at)
                yield reading
        self._all_given = True

    def note(self, tracker: DeliveryTracker) -> None:
        """Write how far all records are acknowledged; `produce` calls it once a second."""
        counts, state = tracker.counts, self._state
        self._all_acked = counts.acked == counts.emitted
        # Once one has failed, or nobody knows, the later ones are found in the topic, by their ids.
        if counts.acked and not (counts.failed or counts.unknown):
            state["acked_line"] = self._lines[counts.acked - 1]
            if state["acked_line"] >= self._last_found_line:
                state["next_offsets"].update(tracker.next_offsets)
        self._write(settled=False)

    def close(self) -> None:
        """Write that the run has ended, and let another process replay the table."""
        state = self._state
        if self._all_given and self._all_acked:
            state["acked_line"] = self._replay.totals.last_line
        self._write(settled=self._all_acked and state["acked_line"] >= self._last_found_line)
        self._lock.release()

    def _open(self, partitions: list[int], again: bool) -> None:
        """Read the earlier state, and look in the topic for rows of which nobody knows."""
        replay = self._replay
        options = replay.options.command("-")
        before = read_json(self._path)
        goes_on = before is not None and not again
        # A line says how far it was sent only if it was sent in the same way; ids always do.
        same_way = goes_on and before["options"] == options
        look_from: list[Mapping[str, int]] = []
        if goes_on and not (same_way and before["settled"]):
            look_from.append(before["next_offsets" if same_way else "start_offsets"])
        if not again:
            earlier = self._earlier_versions()
            self._refuse_unnamed(earlier)
            look_from += [one["start_offsets"] for one in earlier]
        ends = self._look(partitions, look_from, is_own=goes_on)
        start_offsets = _by_number(before["start_offsets"]) if before else ends
        next_offsets = start_offsets if goes_on else ends
        if same_way:
            next_offsets = _by_number(before["next_offsets"])
        self._state: dict[str, Any] = {
            "format": FORMAT,
            "topic": self._topic,
            "name": replay.name,
            "identity": replay.identity,
            "names_facility": replay.names_facility,
            "options": options,
            "first_at": iso_milliseconds(replay.totals.first_at or datetime.now(UTC)),
            "last_at": iso_milliseconds(replay.totals.last_at or datetime.now(UTC)),
            "again": (before["again"] + again) if before else 0,
            "acked_line": before["acked_line"] if same_way else 0,
            "start_offsets": start_offsets,
            "next_offsets": dict(next_offsets),
        }
        self._acked_before: int = self._state["acked_line"]
        self._count_what_is_left()
        self._write(settled=False)

    def _count_what_is_left(self) -> None:
        replay = self._replay
        acked = found = 0
        if self._acked_before or self._sent_ids:
            for line, reading in replay.numbered_readings(self._state["again"]):
                if line <= self._acked_before:
                    acked += 1
                elif reading.reading_id in self._sent_ids:
                    found += 1
                    self._last_found_line = line
        total = replay.totals.readings
        self._to_send = total - acked - found
        if not self._to_send:
            self._write(settled=True, acked_line=replay.totals.last_line)
            msg = (
                f"all {total:,} readings of {replay.name} are in the topic {self._topic} already; "
                "nothing was sent"
            )
            raise ReplayComplete(msg, f"{replay.command('--again')}   (sends them once more)")
        if acked or found:
            up_to = f", up to line {self._acked_before:,}" if acked else ""
            self.told = (
                f"{acked + found:,} of {total:,} readings are in the topic already{up_to}; "
                f"{self._to_send:,} left to send."
            )

    def _earlier_versions(self) -> list[dict[str, Any]]:
        """Return the states of other tables into this topic whose times overlap."""
        totals = self._replay.totals
        if totals.first_at is None or totals.last_at is None:
            return []
        first, last = iso_milliseconds(totals.first_at), iso_milliseconds(totals.last_at)
        return [
            state
            for path in sorted(self._path.parent.glob("*.json"))
            if path != self._path
            and (state := read_json(path)) is not None
            and state["first_at"] <= last
            and state["last_at"] >= first
        ]

    def _refuse_unnamed(self, earlier: list[dict[str, Any]]) -> None:
        """Refuse two tables of one time that do not say which facility they are of."""
        names = [state["name"] for state in earlier if not state["names_facility"]]
        if names and not self._replay.names_facility:
            msg = (
                f"{self._replay.name} does not say which facility it is of, and neither did "
                f"{names[-1]}, which was sent for the same time: it may be a corrected version, or "
                "of another facility"
            )
            hint = (
                f"{self._replay.command('--set facility=NAME')}   (NAME is {ONE_FACILITY} for a "
                "corrected version, of which only the new rows are sent)"
            )
            raise ReplayError(msg, hint)

    def _look(
        self, partitions: list[int], look_from: list[Mapping[str, int]], *, is_own: bool
    ) -> dict[int, int]:
        """Read the ids of the topic's readings from given offsets on; return where it ends."""
        places = [TopicPartition(self._topic, partition) for partition in partitions]
        with consumer(auto_offset_reset="none", enable_auto_commit=False) as client:
            ends = client.end_offsets(places)
            if look_from:
                wanted = {  # a partition that was added since begins at 0
                    place: min(one.get(str(place.partition), 0) for one in look_from)
                    for place in places
                }
                starts = assign_from(client, wanted)
                if is_own and any(wanted[place] < starts[place] for place in places):
                    raise self._expired()
                for record in read_to_end(client, ends):
                    self._sent_ids.add(reading_id_of(record.value))
        return {place.partition: end for place, end in ends.items()}

    def _expired(self) -> ReplayError:
        msg = (
            f"{self._replay.name} was sent in part, and retention has deleted records of "
            f"{self._topic} since: nobody knows which of its last rows were there"
        )
        return ReplayError(msg, self._replay.command("--again --from-line N"))

    def _write(self, *, settled: bool, **more: Any) -> None:
        at = iso_milliseconds(datetime.now(UTC))
        write_json(self._path, {**self._state, **more, "settled": settled, "written_at": at})


def _by_number(offsets: Mapping[str, int]) -> dict[int, int]:
    """Return offsets by partition; JSON has made the numbers texts."""
    return {int(partition): offset for partition, offset in offsets.items()}
