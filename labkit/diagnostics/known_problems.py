"""Fifteen pains of everybody who learns Kafka, and what to type: the one source of these answers.

The error card shows them below a traceback, ``labkit doctor`` where there is none, and
``docs/troubleshooting.md`` lists them; a test holds that page to this module.

See: kafka-python 3.0.12, ``kafka/errors.py``; Kafka 4.3 documentation, "Broker Configs",
"Consumer Configs". Each was reproduced on both;
``tests/integration/diagnostics/test_known_problems.py`` does it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CLIENT = "kafka-python>=3.0.12,<3.1"
INSTALL_CLIENT = f'pip install --force-reinstall "{CLIENT}"'
"""What brings the client that the lab is made for; in a notebook with a % before it."""


@dataclass(frozen=True)
class Pain:
    """What hurts, why, and what to type.

    `symptom` is what a learner sees, `sentence` what is behind it, and `next_line` one line for a
    notebook's cell, with example names; whoever knows more says it with the learner's own names.
    """

    number: int
    name: str
    symptom: str
    sentence: str
    next_line: str

    def answer(self, sentence: str = "", next_line: str = "") -> Answer:
        """Return what to say of this pain here and now; by default what is always true of it."""
        return Answer(self, sentence or self.sentence, next_line or self.next_line)


@dataclass(frozen=True)
class Answer:
    """One sentence and one line to type.

    `error` is the name of the error that it answers, and `pain` is None where an error of the lab
    brought its own line.
    """

    pain: Pain | None
    sentence: str
    next_line: str
    error: str = ""

    @property
    def heading(self) -> str:
        """What it is about: the error, and the pain's name."""
        parts = (self.error, self.pain.name if self.pain else "")
        return " · ".join(part for part in parts if part)

    def to(self, error: BaseException) -> Answer:
        """Return the answer with the name of the error that it answers."""
        return replace(self, error=type(error).__name__)


UNREACHABLE = Pain(
    1,
    "broker unreachable",
    "`KafkaTimeoutError: Unable to bootstrap from …`",
    "Nothing listens at the bootstrap address: no broker runs there, or it has another port.",
    "KafkaProducer(bootstrap_servers=lab.start_broker().bootstrap_servers)",
)
ADVERTISED = Pain(
    2,
    "wrong advertised.listeners",
    "The client connects; then `KafkaConnectionError: … ECONNREFUSED`, `Failed to update "
    "metadata`, or silence",
    "The broker answers at the bootstrap address and sends its clients on to another one, its "
    "`advertised.listeners`, where nothing answers.",
    "advertised.listeners=PLAINTEXT://127.0.0.1:9092   (in server.properties; then restart it)",
)
WRONG_CLIENT = Pain(
    3,
    "wrong client or environment",
    "`ModuleNotFoundError: No module named 'kafka'` or `'kafka.vendor.six.moves'`; `cannot import "
    "name 'NoBrokersAvailable'`",
    "`import kafka` finds another package or an older version, or pip installed into a Python that "
    "is not this kernel's.",
    f"%{INSTALL_CLIENT}   (then restart the kernel)",
)
SEES_NOTHING = Pain(
    4,
    "consumer sees nothing",
    "`poll()` returns `{}` for ever, or `NoOffsetForPartitionError`",
    "A group goes on where it last committed; one that never did starts at the end of the log, "
    "because `auto_offset_reset` is `latest` unless you say otherwise.",
    'lab.doctor(topic="co2-emissions", group_id="my-group")',
)
NO_FLUSH = Pain(
    5,
    "records vanish without flush",
    "`send()` raised no error, and the topic holds fewer records than were sent",
    "`send()` only puts a record into the client's memory; a process that is killed takes with it "
    "what was not sent yet.",
    "producer.flush()",
)
POISON_PILL = Pain(
    6,
    "poison pill",
    "`poll()` raises `JSONDecodeError`, and the next `poll()` never returns",
    "Kafka stores bytes, any bytes. Once a `value_deserializer` has raised, kafka-python's next "
    "`poll()` spins on that record, so decode in your own loop.",
    "consumer = KafkaConsumer(topic)   (no value_deserializer; decode record.value in a try)",
)
TOPIC = Pain(
    7,
    "topic exists, or does not",
    "`TopicAlreadyExistsError`; `send()` raises `Failed to update metadata`",
    "Creating a topic twice is an error, and changes nothing; this broker creates none because a "
    "client mentions it.",
    'lab.ensure_topic("co2-emissions", num_partitions=3)',
)
GROUP = Pain(
    8,
    "group confusion",
    "One consumer of a group gets nothing; or all get every record; or `You must choose only one "
    "way to configure your consumer`",
    "Each partition goes to one member of a group, so a member too many is idle; `assign()` takes "
    "part in no group's sharing, and two consumers that assign both read everything.",
    'lab.alter_topic("co2-emissions", num_partitions=3)',
)
COMMIT_FAILED = Pain(
    9,
    "commit failed",
    "`CommitFailedError`, and the same records again and again",
    "Between two polls passed more than `max_poll_interval_ms`, so the consumer left its group and "
    "its partitions went to others.",
    'consumer = KafkaConsumer("co2-emissions", group_id="my-group", max_poll_records=10)',
)
DUPLICATES = Pain(
    10,
    "duplicates after a restart",
    "After a crash the consumer gets records that it has handled already",
    "A restart begins at the last commit, and kafka-python commits by itself only every 5 s; what "
    "was handled since comes again.",
    "consumer.commit()",
)
TOO_FEW_BROKERS = Pain(
    11,
    "more replicas than brokers",
    "`InvalidReplicationFactorError`, `NotEnoughReplicasError`",
    "Each replica of a partition lives on a broker of its own, so there can be no more replicas "
    "than brokers.",
    'lab.ensure_topic("co2-emissions", replication_factor=1)',
)
STALE_STORAGE = Pain(
    12,
    "stale storage",
    "The broker ends at once: `Stored node id … doesn't match`, or a node never joins its cluster",
    "A data folder belongs to one node of one cluster, as its meta.properties says, and this one "
    "is of another.",
    "labkit reset",
)
DOCKER = Pain(
    13,
    "Docker",
    "`DockerException: Error while fetching server API version`; an image that is gone, or not "
    "made for this processor",
    "No Docker engine answers, and the lab needs none: its broker is Java alone, on this machine.",
    "broker = lab.start_broker()",
)
PORT_TAKEN = Pain(
    14,
    "port in use",
    "`OSError: [Errno 98] Address already in use` (macOS: 48; Windows: 10048), `SystemExit: 1`",
    "Another program listens on that port; port 0 means any free one.",
    "api = lab.start_api(port=0)",
)
HANGS = Pain(
    15,
    "notebook hangs",
    "The cell shows `[*]` and never ends",
    "`for record in consumer` waits for records without end, unless `consumer_timeout_ms` is set.",
    'consumer = KafkaConsumer("co2-emissions", consumer_timeout_ms=5_000)',
)

PAINS = (
    *(UNREACHABLE, ADVERTISED, WRONG_CLIENT, SEES_NOTHING, NO_FLUSH, POISON_PILL, TOPIC, GROUP),
    *(COMMIT_FAILED, DUPLICATES, TOO_FEW_BROKERS, STALE_STORAGE, DOCKER, PORT_TAKEN, HANGS),
)
