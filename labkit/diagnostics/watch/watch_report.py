"""What a watch found: figures, and what is wrong, each with the next line to type."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from labkit.core.text_tables import many
from labkit.diagnostics.watch.lag_trend import Lag, Trend
from labkit.ledger.ledger_model import LedgerState
from labkit.sink.partition_status import PartitionStatus
from labkit.topics.health_watch import ClusterHealth

Kind = Literal[
    "kafka", "offline", "under-replicated", "silent", "behind", "paused", "dead-letters", "disk",
    "api", "ledger",
]  # fmt: skip
"""What can be wrong. Each is a section of docs/monitoring.md."""
KINDS: tuple[Kind, ...] = get_args(Kind)
BEHIND_S = 30.0
KEEPS_UP_S = 2.0
LOW_DISK = 0.1
DAY_S = 86_400.0


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in a sentence, with the next line to type."""

    kind: Kind
    what: str
    next_line: str


@dataclass(frozen=True)
class GroupLag:
    """A group's lag in one topic; a figure is None where it is not known now."""

    topic: str
    group_id: str
    state: str
    end_offsets: int | None
    committed: int
    lag: Lag
    trend: Trend

    @property
    def is_active(self) -> bool:
        """Whether the group has members."""
        return self.state not in ("", "Empty", "Dead")

    @property
    def caught_up_in_s(self) -> float | None:
        """In how many seconds the lag will be 0, if it goes on as in the last seconds."""
        if self.lag.records == 0:
            return 0.0
        rate = self.trend.records_per_s
        if not self.lag.records or rate is None or rate >= 0:
            return None
        return self.lag.records / -rate

    @property
    def trend_in_words(self) -> str:
        """The trend, as a person says it."""
        if self.lag.records is None:
            return "unknown"
        if self.lag.records == 0:
            return "caught up"
        if not self.is_active:
            return "nobody reads on"
        if self.lag.seconds is not None and self.lag.seconds < KEEPS_UP_S:
            return "keeps up"
        soon_s, grows = self.caught_up_in_s, self.trend.seconds_per_s
        if soon_s is not None and soon_s < DAY_S:
            return f"caught up in {duration(soon_s)}"
        if self.trend.records_per_s is None:
            return "not known yet"
        if grows is not None and grows * 60 >= 1:
            return f"falls behind by {duration(grows * 60)} a minute"
        return "stays behind"


@dataclass(frozen=True)
class Disk:
    """The file system of a folder, and how much of it the folder's files take, in bytes."""

    path: str
    free_bytes: int
    size_bytes: int
    data_bytes: int

    @property
    def is_low(self) -> bool:
        """Whether less than a tenth is free."""
        return self.free_bytes < LOW_DISK * self.size_bytes


@dataclass(frozen=True)
class WatchReport:
    """Everything that a watch knows at one moment.

    Attributes
    ----------
    read_at, took_s : float
        When it was read, in seconds since 1970, and how long that took.
    cluster : ClusterHealth, optional
        None while no broker answers; `kafka_problem` says why.
    statuses : tuple of PartitionStatus
        What the consumer of this lab's CSV reported last, by partition.
    dead_letters, new_dead_letters : int, optional
        Records in the topic's dead-letter queue; those of them that came in the last minutes.
    ledger_state, ledger : str
        The carbon ledger's verdict, by the API; empty, and why, where no API answers.
    """

    topic: str
    read_at: float
    took_s: float
    cluster: ClusterHealth | None
    kafka_problem: str
    kafka_next: str
    groups: tuple[GroupLag, ...]
    statuses: tuple[PartitionStatus, ...]
    dead_letters: int | None
    new_dead_letters: int
    disks: tuple[Disk, ...]
    api: str
    api_problem: str
    ledger_state: LedgerState | Literal[""]
    ledger: str
    seen_active: frozenset[tuple[str, str]] = frozenset()

    @property
    def problems(self) -> list[Problem]:
        """What is wrong, the cause before its effects."""
        return [
            *self._of_kafka(),
            *self._of_consumers(),
            *self._of_groups(),
            *self._of_dead_letters(),
            *self._of_disks(),
            *self._of_ledger(),
        ]

    def _of_kafka(self) -> list[Problem]:
        if self.cluster is None:
            return [Problem("kafka", f"{self.kafka_problem}.", self.kafka_next)]
        found = []
        missing = self.cluster.missing
        names = ", ".join(map(str, missing))
        them = f"broker {names} does" if len(missing) == 1 else f"brokers {names} do"
        why = f": {them} not answer" if missing else ""
        next_line = f"labkit broker restart {missing[0]}" if missing else "labkit broker status"
        if offline := self.cluster.offline:
            what = f"{many(len(offline), 'partition')} cannot be read or written{why}."
            found.append(Problem("offline", what, next_line))
        if behind := self.cluster.under_replicated:
            lack = "has" if len(behind) == 1 else "have"
            what = f"{many(len(behind), 'partition')} {lack} fewer copies than wanted{why}."
            found.append(Problem("under-replicated", what, next_line))
        return found

    def _of_consumers(self) -> list[Problem]:
        """Say which consumers have stopped talking: their last figures are not of now."""
        found = []
        silent = [one for one in self.statuses if one.state in ("running", "paused")]
        silent = [one for one in silent if not one.is_fresh]
        if silent:
            numbers = ", ".join(str(one.partition) for one in silent)
            age = duration(max(one.silent_s for one in silent))
            what = f"The consumer of {self.topic} has said nothing for {age} (partition {numbers})."
            found.append(Problem("silent", what, "labkit consume"))
        troubles = [trouble for one in self.statuses for trouble in one.troubles]
        if troubles:
            more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
            found.append(Problem("paused", f"{troubles[0]}{more}", "labkit status"))
        return found

    def _of_groups(self) -> list[Problem]:
        found = []
        for one in self.groups:
            # A group of an earlier lesson has no members either, and nobody misses it.
            is_missed = one.topic == self.topic or (one.topic, one.group_id) in self.seen_active
            if not one.is_active and one.lag.records and is_missed:
                waiting = many(one.lag.records, "record")
                what = f"Group {one.group_id} has no member, and {waiting} of {one.topic} wait."
                found.append(Problem("silent", what, "labkit consume"))
            elif one.is_active and one.lag.seconds is not None and one.lag.seconds > BEHIND_S:
                age = duration(one.lag.seconds)
                what = f"Group {one.group_id} is {age} behind {one.topic}: {one.trend_in_words}."
                found.append(Problem("behind", what, "labkit status"))
        return found

    def _of_dead_letters(self) -> list[Problem]:
        if not self.new_dead_letters:
            return []
        what = f"{many(self.new_dead_letters, 'record')} of {self.topic} became dead letters just "
        what += "now: they are not valid readings."
        read = "labkit kafka kafka-console-consumer --from-beginning --topic"
        return [Problem("dead-letters", what, f"{read} {self.topic}.dlq")]

    def _of_disks(self) -> list[Problem]:
        return [
            Problem(
                "disk",
                f"Only {size(one.free_bytes)} of {size(one.size_bytes)} are free for {one.path}.",
                f"du -sh {one.path}",
            )
            for one in self.disks
            if one.is_low
        ]

    def _of_ledger(self) -> list[Problem]:
        found = []
        if self.api_problem:
            found.append(Problem("api", f"{self.api_problem}.", "labkit api"))
        if self.ledger_state in ("unreported", "phantom", "altered"):
            sentence = self.ledger.partition(" Next: ")[0]
            found.append(Problem("ledger", sentence, "labkit check"))
        return found

    def as_json(self) -> dict[str, Any]:
        """Return all of it for ``--json``."""
        cluster = self.cluster
        return {
            "topic": self.topic,
            "read_at": self.read_at,
            "took_s": round(self.took_s, 3),
            "problems": [asdict(one) for one in self.problems],
            "kafka": None
            if cluster is None
            else {
                "brokers": cluster.brokers,
                "missing": cluster.missing,
                "partitions": len(cluster.partitions),
                "under_replicated": [_name(one) for one in cluster.under_replicated],
                "offline": [_name(one) for one in cluster.offline],
                "note": cluster.note,
            },
            "groups": [
                {
                    "topic": one.topic,
                    "group_id": one.group_id,
                    "state": one.state,
                    "end_offsets": one.end_offsets,
                    "committed": one.committed,
                    "lag": one.lag.records,
                    "lag_s": one.lag.seconds,
                    "lag_growth_s_per_s": one.trend.seconds_per_s,
                    "caught_up_in_s": one.caught_up_in_s,
                    "trend": one.trend_in_words,
                }
                for one in self.groups
            ],
            "dead_letters": self.dead_letters,
            "disks": [asdict(one) for one in self.disks],
            "api": self.api or None,
            "ledger": {"state": self.ledger_state or None, "sentence": self.ledger},
        }


def _name(partition: Any) -> str:
    return f"{partition.topic}-{partition.partition}"


def duration(seconds: float) -> str:
    """Write a duration: ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.0f} days"


def size(number: int) -> str:
    """Write a number of bytes: ``12.3 GB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:,.1f} {unit}"
    return f"{number} B"
