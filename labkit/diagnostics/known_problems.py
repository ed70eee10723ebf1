"""Fifteen known problems of Kafka beginners, with what to type: the only source of these answers.

The error card shows them below a traceback, ``labkit doctor`` where there is none, and
``docs/troubleshooting.md`` lists them; a test keeps that page equal to this module.

See: kafka-python 3.0.12, ``kafka/errors.py``; Kafka 4.3 documentation, "Broker Configs",
"Consumer Configs". ``tests/integration/diagnostics/test_known_problems.py`` reproduces each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata

CLIENT = "kafka-python>=3.0.12,<3.1"
INSTALL_CLIENT = f'pip install --force-reinstall "{CLIENT}"'
"""Installs the client that the lab is made for; in a notebook with a % before it."""
OTHER_CLIENTS = ("kafka-python-ng", "kafka")
"""Packages that also install a module ``kafka``: an archived fork, and one from 2017."""


def version_of(distribution: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def other_clients() -> list[str]:
    """Return which packages here install another module ``kafka``."""
    return [name for name in OTHER_CLIENTS if version_of(name)]


@dataclass(frozen=True)
class KnownProblem:
    """A problem: its symptom, its cause, and what to type.

    `symptom` is what a learner sees, `sentence` the cause, and `next_line` one line for a notebook
    cell, with example names; `answer` may replace it by one with the learner's own names.
    """

    number: int
    name: str
    symptom: str
    sentence: str
    next_line: str

    def answer(self, sentence: str = "", next_line: str = "") -> Answer:
        """Return an answer, by default with the general sentence and line."""
        return Answer(self, sentence or self.sentence, next_line or self.next_line)


@dataclass(frozen=True)
class Answer:
    """One sentence and one line to type.

    `error` is the name of the error that it answers. `problem` is None if an error of the lab has
    its own line.
    """

    problem: KnownProblem | None
    sentence: str
    next_line: str
    error: str = ""

    @property
    def heading(self) -> str:
        """The error, and the name of the problem."""
        parts = (self.error, self.problem.name if self.problem else "")
        return " · ".join(part for part in parts if part)

    def to(self, error: BaseException) -> Answer:
        """Return the answer with the name of the error that it answers."""
        return replace(self, error=type(error).__name__)


UNREACHABLE = KnownProblem(
    1,
    "broker unreachable",
    "`KafkaTimeoutError: Unable to bootstrap from …`",
    "Nothing listens at the bootstrap address: no broker runs there, or it has another port.",
    "KafkaProducer(bootstrap_servers=lab.start_broker().bootstrap_servers)",
)
ADVERTISED = KnownProblem(
    2,
    "wrong advertised.listeners",
    "The client connects; then `KafkaConnectionError: … ECONNREFUSED`, `Failed to update "
    "metadata`, or silence",
    "The broker answers at the bootstrap address and sends its clients on to another one, its "
    "`advertised.listeners`, where nothing answers.",
    "advertised.listeners=PLAINTEXT://127.0.0.1:9092   (in server.properties; then restart it)",
)
WRONG_CLIENT = KnownProblem(
    3,
    "wrong client or environment",
    "`ModuleNotFoundError: No module named 'kafka'` or `'kafka.vendor.six.moves'`; `cannot import "
    "name 'NoBrokersAvailable'`",
    "`import kafka` finds another package or an older version, or pip installed into a Python that "
    "is not this kernel's.",
    f"%{INSTALL_CLIENT}   (then restart the kernel)",
)
SEES_NOTHING = KnownProblem(
    4,
    "consumer sees nothing",
    "`poll()` returns `{}` forever, or `NoOffsetForPartitionError`",
    "A group goes on where it last committed; one that never did starts at the end of the log, "
    "because `auto_offset_reset` is `latest` unless you say otherwise.",
    'lab.doctor(topic="co2-emissions", group_id="my-group")',
)
NO_FLUSH = KnownProblem(
    5,
    "records vanish without flush",
    "`send()` raised no error, and the topic holds fewer records than were sent",
    "`send()` only puts a record into the client's memory; a process that is killed takes with it "
    "what was not sent yet.",
    "producer.flush()",
)
POISON_PILL = KnownProblem(
    6,
    "poison pill",
    "`poll()` raises `JSONDecodeError`, and the next `poll()` never returns",
    "Kafka stores bytes, any bytes. Once a `value_deserializer` has raised, kafka-python's next "
    "`poll()` spins on that record, so decode in your own loop.",
    "consumer = KafkaConsumer(topic)   (no value_deserializer; decode record.value in a try)",
)
TOPIC = KnownProblem(
    7,
    "topic exists, or does not",
    "`TopicAlreadyExistsError`; `send()` raises `Failed to update metadata`",
    "Creating a topic twice is an error, and changes nothing; this broker creates none because a "
    "client mentions it.",
    'lab.ensure_topic("co2-emissions", num_partitions=3)',
)
GROUP = KnownProblem(
    8,
    "group confusion",
    "One consumer of a group gets nothing; or all get every record; or `You must choose only one "
    "way to configure your consumer`",
    "Each partition goes to one member of a group, so a member too many is idle; `assign()` takes "
    "part in no group's sharing, and two consumers that assign both read everything.",
    'lab.alter_topic("co2-emissions", num_partitions=3)',
)
COMMIT_FAILED = KnownProblem(
    9,
    "commit failed",
    "`CommitFailedError`, and the same records again and again",
    "Between two polls passed more than `max_poll_interval_ms`, so the consumer left its group and "
    "its partitions went to others.",
    'consumer = KafkaConsumer("co2-emissions", group_id="my-group", max_poll_records=10)',
)
DUPLICATES = KnownProblem(
    10,
    "duplicates after a restart",
    "After a crash the consumer gets records that it has handled already",
    "A restart begins at the last commit, and kafka-python commits by itself only every 5 s; what "
    "was handled since comes again.",
    "consumer.commit()",
)
TOO_FEW_BROKERS = KnownProblem(
    11,
    "more replicas than brokers",
    "`InvalidReplicationFactorError`, `NotEnoughReplicasError`",
    "Each replica of a partition lives on a broker of its own, so there can be no more replicas "
    "than brokers.",
    'lab.ensure_topic("co2-emissions", replication_factor=1)',
)
STALE_STORAGE = KnownProblem(
    12,
    "stale storage",
    "The broker ends at once: `Stored node id … doesn't match`, or a node never joins its cluster",
    "A data folder belongs to one node of one cluster, as its meta.properties says, and this one "
    "is of another.",
    "labkit reset",
)
DOCKER = KnownProblem(
    13,
    "Docker",
    "`DockerException: Error while fetching server API version`; an image that is gone, or not "
    "made for this processor",
    "No Docker engine answers, and the lab needs none: its broker is Java alone, on this machine.",
    "broker = lab.start_broker()",
)
PORT_TAKEN = KnownProblem(
    14,
    "port in use",
    "`OSError: [Errno 98] Address already in use` (macOS: 48; Windows: 10048), `SystemExit: 1`",
    "Another program listens on that port; port 0 means any free one.",
    "api = lab.start_api(port=0)",
)
HANGS = KnownProblem(
    15,
    "notebook hangs",
    "The cell shows `[*]` and never ends",
    "`for record in consumer` waits for records without end, unless `consumer_timeout_ms` is set.",
    'consumer = KafkaConsumer("co2-emissions", consumer_timeout_ms=5_000)',
)

KNOWN_PROBLEMS = (
    *(UNREACHABLE, ADVERTISED, WRONG_CLIENT, SEES_NOTHING, NO_FLUSH, POISON_PILL, TOPIC, GROUP),
    *(COMMIT_FAILED, DUPLICATES, TOO_FEW_BROKERS, STALE_STORAGE, DOCKER, PORT_TAKEN, HANGS),
)
