"""Each way in which a connection to a secured cluster fails: one sentence, and the next line."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from tls_broker import KEY_PASSWORD, PASSWORD, TlsBroker, tls_broker

import labkit as lab
from labkit.broker import kafka_clients
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.core.notebook_lines import in_notebook
from labkit.diagnostics import check_broker
from labkit.diagnostics.error_card.error_card import answer_to

__all__ = ["tls_broker"]


@pytest.fixture
def point(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, tls_broker: TlsBroker
) -> Callable[..., None]:
    """Point the lab at a listener, with other settings."""
    # Some ports give no reason; then the client tries again until this timeout.
    monkeypatch.setattr(kafka_clients, "BOOTSTRAP_TIMEOUT_MS", 2_000)

    def to(listener: str, **settings: object) -> None:
        for name, value in tls_broker.variables(listener, **settings).items():
            monkeypatch.setenv(name, value)

    return to


WAYS = {
    "wrong password": (
        *("LOGIN", {"sasl_plain_password": "canary-wrong"}),
        *("refuses the login of 'ada' by SCRAM-SHA-512", "LABKIT_SASL_PLAIN_PASSWORD"),
    ),
    "unknown user": (
        *("LOGIN", {"sasl_plain_username": "eve"}),
        *("refuses the login of 'eve'.*no such user", "LABKIT_SASL_PLAIN_USERNAME"),
    ),
    "wrong password, PLAIN": (
        *("LOGIN", {"sasl_mechanism": "PLAIN", "sasl_plain_password": "canary-wrong"}),
        *("refuses the login of 'ada' by PLAIN", "LABKIT_SASL_PLAIN_PASSWORD"),
    ),
    "a mechanism that the broker does not have": (
        *("LOGIN", {"sasl_mechanism": "SCRAM-SHA-1"}),
        *("has no login by SCRAM-SHA-1", "export LABKIT_SASL_MECHANISM="),
    ),
    "no mechanism": (
        *("LOGIN", {"sasl_mechanism": None}),
        *("LABKIT_SASL_MECHANISM is not set", "export LABKIT_SASL_MECHANISM="),
    ),
    "no password": (
        *("LOGIN", {"sasl_plain_password": None}),
        *("LABKIT_SASL_PLAIN_PASSWORD is not set", "LABKIT_SASL_PLAIN_PASSWORD"),
    ),
    "another authority": (
        *("LOGIN", {"ssl_cafile": "{pem}/other-ca.pem"}),
        *("signed by an authority that is not in LABKIT_SSL_CAFILE", "export LABKIT_SSL_CAFILE="),
    ),
    "no authority": (
        *("LOGIN", {"ssl_cafile": None}),
        *("this machine does not know", "export LABKIT_SSL_CAFILE="),
    ),
    "expired": ("EXPIRED", {}, "broker .* has expired", "openssl s_client .* -dates"),
    "another host": (
        *("ELSEWHERE", {}),
        *(r"is for another host, not for 127\.0\.0\.1", "openssl s_client .* subjectAltName"),
    ),
    "no certificate of the client's": (
        *("MTLS", {"ssl_certfile": None, "ssl_keyfile": None}),
        *("wants to see a certificate of this client", "export LABKIT_SSL_CERTFILE="),
    ),
    "a client's certificate of another authority": (
        *("MTLS", {"ssl_certfile": "{pem}/stranger.pem", "ssl_keyfile": "{pem}/stranger.key"}),
        *("refuses this client's certificate", "openssl x509 -noout -issuer -dates"),
    ),
    "a client's certificate that has expired": (
        *("MTLS", {"ssl_certfile": "{pem}/late.pem", "ssl_keyfile": "{pem}/late.key"}),
        *("refuses this client's certificate", "openssl x509 -noout -issuer -dates"),
    ),
    "another key": (
        *("MTLS", {"ssl_keyfile": "{pem}/stranger.key"}),
        *("does not belong to the certificate", "export LABKIT_SSL_KEYFILE="),
    ),
    "a key's wrong password": (
        *("MTLS", {"ssl_password": "canary-wrong"}),
        *("LABKIT_SSL_PASSWORD is wrong", "LABKIT_SSL_PASSWORD"),
    ),
    "a key's missing password": (
        *("MTLS", {"ssl_password": None}),
        *("LABKIT_SSL_PASSWORD is not set", "LABKIT_SSL_PASSWORD"),
    ),
    "a missing file": (
        *("MTLS", {"ssl_certfile": "{pem}/nothing.pem"}),
        *("LABKIT_SSL_CERTFILE names .*there is no such file", "export LABKIT_SSL_CERTFILE="),
    ),
    "an unreadable file": (
        *("MTLS", {"ssl_cafile": "{pem}"}),
        *("LABKIT_SSL_CAFILE names .*cannot be read", "export LABKIT_SSL_CAFILE="),
    ),
    "a file without a certificate": (
        *("MTLS", {"ssl_cafile": "{pem}/client.key"}),
        *("LABKIT_SSL_CAFILE names .*no certificate in it", "openssl x509 -inform der"),
    ),
    "a key without its certificate": (
        *("MTLS", {"ssl_certfile": None}),
        *("the certificate that the key belongs to is not", "export LABKIT_SSL_CERTFILE="),
    ),
    "no encryption, to a port for TLS": (
        *("MTLS", {"security_protocol": "PLAINTEXT"}),
        *("wants encryption", "export LABKIT_SECURITY_PROTOCOL=SSL"),
    ),
    "a login without encryption, to a port for TLS": (
        *("LOGIN", {"security_protocol": "SASL_PLAINTEXT"}),
        *("wants encryption", "export LABKIT_SECURITY_PROTOCOL=SASL_SSL"),
    ),
    "TLS, to a port without": (
        *("INTERNAL", {"security_protocol": "SSL"}),
        *("does not answer in TLS", "export LABKIT_SECURITY_PROTOCOL=PLAINTEXT"),
    ),
    "no login, to a port for logins": (
        *("LOGIN", {"security_protocol": "SSL"}),
        *("may want a login", "export LABKIT_SECURITY_PROTOCOL=SASL_SSL"),
    ),
    "a login, to a port without": (
        *("MTLS", {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"}),
        *("takes no login", "export LABKIT_SECURITY_PROTOCOL=SSL"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_sentence_and_the_next_line(
    point: Callable[..., None], way: str, tls_broker: TlsBroker, lab_dir: Path
) -> None:
    listener, settings, said, next_line = WAYS[way]
    if way == "a login, to a port without":
        settings = settings | {"sasl_plain_username": "ada", "sasl_plain_password": PASSWORD}
    point(
        listener,
        **{
            key: value.format(pem=tls_broker.pem) if isinstance(value, str) else value
            for key, value in settings.items()
        },
    )
    with pytest.raises(LabError, match=said) as caught:
        lab.list_topics()
    assert "\n" not in caught.value.what
    assert "_ssl.c" not in caught.value.what
    assert re.search(next_line, caught.value.next_line)
    assert not in_notebook(caught.value.next_line).startswith(("export", "openssl", "read"))
    told = "".join(traceback.format_exception(caught.value))
    for secret in ("canary-wrong", PASSWORD, KEY_PASSWORD):
        assert secret not in told

    found = check_broker.broker(load_config())
    assert (found.verdict, found.next_line) == ("broken", caught.value.next_line)


@pytest.mark.parametrize(
    ("listener", "settings", "line"),
    [
        ("LOGIN", {"sasl_plain_password": "canary-wrong"}, "sasl_plain_password=getpass.getpass()"),
        ("MTLS", {"ssl_certfile": None, "ssl_keyfile": None}, 'ssl_certfile="/path/to/client.pem"'),
    ],
)
def test_a_client_of_the_learners_own_gets_the_same_in_its_own_words(
    listener: str, settings: dict[str, str], line: str, tls_broker: TlsBroker, lab_dir: Path
) -> None:
    variables = tls_broker.variables(listener, **settings)
    own = {name.removeprefix("LABKIT_").lower(): value for name, value in variables.items()}
    with pytest.raises(KafkaError, match="Unable to bootstrap") as caught:
        KafkaConsumer("co2-emissions", bootstrap_timeout_ms=1_000, **own)
    answer = answer_to(caught.value)
    assert answer is not None
    assert answer.next_line.startswith(line)
    assert "LABKIT_" not in answer.sentence + answer.next_line
    assert "canary-wrong" not in answer.sentence + answer.next_line
