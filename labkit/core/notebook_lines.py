"""The next line to type, in a notebook's words: ``lab.start_consumer()``, not ``labkit consume``.

An error of the lab may name a command. In a notebook, the same is one call of ``labkit``.
"""

from __future__ import annotations

import re

from labkit.core.errors import LabError

_CALLS = (
    (r"labkit consume", "consumer = lab.start_consumer()"),
    (r"labkit produce", "producer = lab.start_producer()"),
    (r"labkit api", "api = lab.start_api()"),
    (r"labkit broker start --brokers (\d+)", r"lab.start_broker(brokers=\1)"),
    (r"labkit broker (?:re)?start(?: \d+)?", "lab.start_broker()"),
    (r"labkit broker status", "print(lab.start_broker())"),
    (r"labkit doctor", "lab.doctor()"),
    (r"labkit check", "lab.check_pipeline()"),
    (r"labkit ledger", "print(lab.carbon_ledger())"),
    (r"labkit mend", "lab.mend()"),
    (r"labkit topics list", "lab.list_topics()"),
    (r"labkit topics create ([\w.-]+)", r'lab.ensure_topic("\1")'),
)
_REMARK = r"(?=$|,|\s{2,}| \()"
"""A command ends here; what follows is a remark. With further options it is another command."""
_IN_A_TERMINAL = re.compile("   (?:or, in a terminal|# in a terminal|# or wait for it): ")
"""What follows is the same as a command."""


def in_notebook(line: str) -> str:
    """Return a line to type as it is typed in a cell; a command with no call gets a ``!``."""
    line = _IN_A_TERMINAL.split(line)[0]
    for command, call in _CALLS:
        line = re.sub(command + _REMARK, call, line)
    line = re.sub(
        r"^read -rs (\w+) && export \1",
        r'import os, getpass; os.environ["\1"] = getpass.getpass()',
        line,
    )
    if (setting := re.match(r"export (\w+=\S+)(?=$|\s{2,})", line)) is not None:
        line = f"%env {setting[1]}{line[setting.end() :]}"
    return re.sub(r"^(?=(?:labkit|mv|openssl|date) )", "!", line)


def sentence_in_notebook(sentence: str) -> str:
    """Return a sentence whose last part is a line to type, with that line as for a cell."""
    said, marker, line = sentence.partition("Next: ")
    return said + marker + in_notebook(line)


def error_in_notebook(error: LabError) -> str:
    """Return an error of the lab as text, with its line to type as for a cell."""
    return str(LabError(error.what, in_notebook(error.next_line)))
