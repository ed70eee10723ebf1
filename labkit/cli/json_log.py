"""A log of JSON lines on standard error, for programs that collect logs: ``--log-format json``.

Each line has ``time`` (UTC), ``level``, ``logger`` and ``message``, and for an error ``next``, the
line to type. Results stay on standard output, as they are.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum

from labkit.core.terminal_text import visible_json

log = logging.getLogger("labkit")


class LogFormat(StrEnum):
    """How messages are written: for people, or a JSON document in each line."""

    TEXT = "text"
    JSON = "json"


class JsonFormatter(logging.Formatter):
    """Writes a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if next_line := getattr(record, "next_line", ""):
            entry["next"] = next_line
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return visible_json(json.dumps(entry, ensure_ascii=False))


_handler = logging.StreamHandler()
_handler.setFormatter(JsonFormatter())


def is_on() -> bool:
    """Tell whether messages are written as JSON."""
    return _handler in logging.root.handlers


def use(log_format: LogFormat) -> LogFormat:
    """Write messages in this format from now on; also those of libraries, from warnings on."""
    if log_format is LogFormat.JSON and not is_on():
        logging.root.addHandler(_handler)
        log.setLevel(logging.INFO)
    return log_format
