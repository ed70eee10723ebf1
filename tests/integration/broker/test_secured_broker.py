"""A broker with TLS and a password: it refuses without, and the password shows nowhere."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import labkit as lab
from labkit.broker.cluster_state import read_cluster
from labkit.broker.lesson_brokers.secured_broker import SecuredBroker
from labkit.core.errors import BrokerUnavailable


@pytest.fixture
def secured(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecuredBroker]:
    for name in ("BOOTSTRAP_SERVERS", "SECURITY_PROTOCOL", "SASL_MECHANISM", "SSL_CAFILE"):
        monkeypatch.delenv(f"LABKIT_{name}", raising=False)  # and put back what it was, at the end
    with lab.start_secured_broker("ada") as one:
        yield one


def test_it_refuses_without_a_login_and_lets_in_with_one(
    secured: SecuredBroker, lab_dir: Path
) -> None:
    password = secured.password.get_secret_value()
    os.environ["LABKIT_BOOTSTRAP_SERVERS"] = secured.bootstrap_servers
    with pytest.raises(BrokerUnavailable, match=r"wants encryption \(TLS\)") as caught:
        lab.list_topics()
    assert "LABKIT_SECURITY_PROTOCOL=SSL " in caught.value.next_line
    os.environ["LABKIT_SECURITY_PROTOCOL"] = "SSL"
    with pytest.raises(BrokerUnavailable, match="LABKIT_SSL_CAFILE is not set") as caught:
        lab.list_topics()
    assert "LABKIT_SSL_CAFILE" in caught.value.next_line
    os.environ["LABKIT_SSL_CAFILE"] = str(secured.ca_file)
    with pytest.raises(BrokerUnavailable, match="may want a login") as caught:
        lab.list_topics()
    assert "LABKIT_SECURITY_PROTOCOL=SASL_SSL" in caught.value.next_line

    os.environ.update(secured.variables)
    os.environ["LABKIT_SASL_PLAIN_PASSWORD"] = "canary-wrong"
    with pytest.raises(BrokerUnavailable, match="refuses the login of 'ada'") as caught:
        lab.list_topics()
    assert "LABKIT_SASL_PLAIN_PASSWORD" in caught.value.next_line
    assert "canary-wrong" not in "".join(traceback.format_exception(caught.value))

    os.environ.update(secured.variables)
    topic = lab.ensure_topic("behind-a-lock", num_partitions=1)
    assert topic.cluster_id == secured.cluster_id
    producer = lab.start_producer(topic.name, readings_per_s=0, count=20)
    assert producer.wait(60)
    assert lab.describe_topic(topic.name).records == 20

    # Connect logs in as well, as a group and in its tasks.
    with lab.start_connect(workers=1, group_id="locked-connect") as connect:
        settings = {"connector.class": "FileStreamSinkConnector", "topics": topic.name}
        assert connect.create("sink", settings | {"file": str(lab_dir / "x")}).is_running
        shown = repr(connect)
    lab.stop_all()

    assert "LABKIT_SASL_PLAIN_PASSWORD" not in os.environ
    assert "LABKIT_SSL_CAFILE" not in os.environ
    told = (repr(secured), str(secured), repr(secured.variables), shown, repr(secured.password))
    assert not any(password in text for text in told)
    for path in lab_dir.rglob("*"):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path


def test_nothing_of_it_is_open(secured: SecuredBroker, lab_dir: Path) -> None:
    cluster = read_cluster(lab_dir / ".labkit" / "secured")
    assert cluster is not None
    (one,) = cluster.nodes
    assert one.process is not None
    places = psutil.Process(one.process.pid).net_connections(kind="inet")
    listening = [place.laddr for place in places if place.status == psutil.CONN_LISTEN]
    assert {place.ip.removeprefix("::ffff:") for place in listening} == {"127.0.0.1"}
    assert {place.port for place in listening} == {one.port, one.controller_port}
    words = psutil.Process(one.process.pid).cmdline()
    assert not any(secured.password.get_secret_value() in word for word in words)
    keys = [path for path in lab_dir.rglob("*") if path.is_file() and holds_a_key(path)]
    assert {path.name for path in keys} == {"broker.key", "broker.both.pem"}
    assert os.name == "nt" or all(path.stat().st_mode & 0o077 == 0 for path in keys)
    # The controller's door asks for a login, too.
    os.environ["LABKIT_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{one.controller_port}"
    with pytest.raises(BrokerUnavailable):
        lab.list_topics()
    del os.environ["LABKIT_BOOTSTRAP_SERVERS"]


def holds_a_key(path: Path) -> bool:
    return b"PRIVATE KEY-----" in path.read_bytes()


def test_records_outlive_it_and_the_password_does_not(lab_dir: Path) -> None:
    with lab.start_secured_broker() as first:
        os.environ.update(first.variables)
        lab.ensure_topic("kept")
        authority = first.ca_file.read_bytes()
    with lab.start_secured_broker() as second:
        assert second.cluster_id == first.cluster_id
        assert second.password != first.password
        assert second.ca_file.read_bytes() != authority
        os.environ.update(second.variables)
        assert "kept" in {one.name for one in lab.list_topics()}
