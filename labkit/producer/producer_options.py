"""The options of a producer, under the names of kafka-python's own settings.

The key decides which partition a record is appended to; ``acks`` decides when it counts as
written; ``linger_ms``, ``batch_size`` and ``compression_type`` decide how much one request carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from labkit.broker.record_codecs import (
    COMPRESSION_TYPES,
    PACKAGES,
    CompressionType,
    missing_codecs,
)
from labkit.core.errors import LabError
from labkit.readings.malformed_values import BadRecord
from labkit.readings.reading import Reading

KeyField = Literal["facility_id", "sector", "country"]
Acks = Literal[0, 1, "all"]

KEY_FIELDS: tuple[KeyField, ...] = get_args(KeyField)
LONGEST_LINGER_MS = 30_000
LARGEST_BATCH = 1_048_576
"""The most that kafka-python sends in one request (``max_request_size``), in bytes."""


@dataclass(frozen=True)
class ProducerOptions:
    """The options of `labkit.start_producer`; None for a number means the lab's default.

    Raises
    ------
    LabError
        An option is not possible; the message says what is.
    """

    key: KeyField | None = "facility_id"
    acks: Acks = "all"
    linger_ms: int | None = None
    batch_size: int | None = None
    compression_type: CompressionType | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.key not in KEY_FIELDS:
            msg = f"key must be one of {', '.join(map(repr, KEY_FIELDS))} or None, not {self.key!r}"
            raise LabError(msg, 'lab.start_producer(key="sector")')
        # True == 1 in Python, but it is not a number of acknowledgements.
        if isinstance(self.acks, bool) or self.acks not in get_args(Acks):
            msg = (
                f"acks must be 0 (ask nobody), 1 (the leader) or 'all' (every replica in sync), "
                f"not {self.acks!r}"
            )
            raise LabError(msg, 'lab.start_producer(acks="all")')
        _check_range("linger_ms", self.linger_ms, LONGEST_LINGER_MS, "milliseconds")
        _check_range("batch_size", self.batch_size, LARGEST_BATCH, "bytes")
        _check_compression(self.compression_type)

    @property
    def asks_for_acks(self) -> bool:
        """Whether any broker is asked to acknowledge records."""
        return self.acks != 0

    @property
    def client_settings(self) -> dict[str, Any]:
        """The settings for kafka-python, on top of the lab's own."""
        chosen = {
            "acks": self.acks,
            # Only with acks="all" does a broker recognise a record that is sent again.
            "enable_idempotence": self.acks == "all",
            "linger_ms": self.linger_ms,
            "batch_size": self.batch_size,
            "compression_type": self.compression_type,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def key_of(self, item: Reading | BadRecord) -> str | None:
        """Return the key of a reading's record; None: no key.

        A tombstone is only a key, and kafka-python does not send a record that has neither key nor
        value. So a tombstone always has its plant's key.
        """
        if self.key is None:
            is_tombstone = isinstance(item, BadRecord) and item.value is None
            return item.facility_id if is_tombstone else None
        key: str = getattr(item, self.key)
        return key

    @property
    def in_words(self) -> str:
        """The options that differ from the lab's defaults, for a repr; empty if none does."""
        parts = [] if self.key == "facility_id" else [f"key={self.key}"]
        parts += [] if self.acks == "all" else [f"acks={self.acks}"]
        for name in ("linger_ms", "batch_size", "compression_type"):
            value = getattr(self, name)
            parts += [] if value is None else [f"{name}={value}"]
        return ", ".join(parts)


def _check_range(name: str, value: int | None, most: int, unit: str) -> None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_whole and 0 <= value <= most):
        msg = f"{name} must be a whole number of {unit} from 0 to {most:,}, not {value!r}"
        raise LabError(msg, f"lab.start_producer({name}={min(most, 1000)})")


def _check_compression(name: str | None) -> None:
    if name is None:
        return
    if name not in COMPRESSION_TYPES:
        known = ", ".join(map(repr, COMPRESSION_TYPES))
        msg = f"compression_type must be one of {known} or None, not {name!r}"
        raise LabError(msg, 'lab.start_producer(compression_type="gzip")')
    if name in missing_codecs():
        msg = f"compression_type {name!r} needs the Python package {PACKAGES[name]}, not installed"
        raise LabError(msg, f'python -m pip install {PACKAGES[name]}   (or take "gzip")')
