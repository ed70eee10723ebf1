"""Lines to type, as a terminal and as a notebook has them."""

from __future__ import annotations

import pytest

from labkit.core.errors import BrokerUnavailable
from labkit.core.notebook_lines import error_in_notebook, in_notebook, sentence_in_notebook


@pytest.mark.parametrize(
    ("terminal", "notebook"),
    [
        ("labkit consume", "consumer = lab.start_consumer()"),
        (
            "labkit consume   (in another terminal)",
            "consumer = lab.start_consumer()   (in another terminal)",
        ),
        ("labkit broker start --brokers 3", "lab.start_broker(brokers=3)"),
        ("labkit mend, then labkit broker start", "lab.mend(), then lab.start_broker()"),
        ("labkit broker thaw 2", "!labkit broker thaw 2"),
        ("labkit consume --topic a", "!labkit consume --topic a"),
        ("lab.start_broker()   or, in a terminal: labkit broker start", "lab.start_broker()"),
        ("lab.alter_topic('a')   # in a terminal: labkit topics alter a", "lab.alter_topic('a')"),
        ("labkit topics list   # or wait for it: labkit consume", "lab.list_topics()"),
        ("producer.flush()", "producer.flush()"),
        ("export LABKIT_TOPIC=a   (or another)", "%env LABKIT_TOPIC=a   (or another)"),
        (
            "read -rs LABKIT_SSL_PASSWORD && export LABKIT_SSL_PASSWORD",
            'import os, getpass; os.environ["LABKIT_SSL_PASSWORD"] = getpass.getpass()',
        ),
        ("openssl x509 -noout -dates -in a.pem", "!openssl x509 -noout -dates -in a.pem"),
    ],
)
def test_in_notebook(terminal: str, notebook: str) -> None:
    assert in_notebook(terminal) == notebook


def test_a_sentence_with_a_line() -> None:
    assert sentence_in_notebook("None is running. Next: labkit doctor").endswith(
        "Next: lab.doctor()"
    )
    assert sentence_in_notebook("labkit consume is running.") == "labkit consume is running."


def test_an_error_with_a_line() -> None:
    error = BrokerUnavailable("No broker runs", "lab.start_broker()   or, in a terminal: x")
    assert error_in_notebook(error) == "No broker runs\n  Next: lab.start_broker()"
