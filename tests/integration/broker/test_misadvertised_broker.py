"""A second broker with whatever it says of itself: it never touches the lab's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import labkit as lab
from labkit.broker import kafka_clients
from labkit.broker.lesson_brokers.misadvertised_broker import find_second_broker
from labkit.core.errors import BrokerUnavailable


def test_its_two_addresses_stand_side_by_side(lab_dir: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="no second broker"):
        find_second_broker()
    with lab.start_second_broker("PLAINTEXT://127.0.0.1:9") as second:
        assert "advertised.listeners=PLAINTEXT://127.0.0.1:9\n" in second.settings_file.read_text()
        seen = lab.advertised(second.bootstrap_servers)
        assert seen.brokers == {1: "127.0.0.1:9"}
        assert not seen.leads_somewhere
        assert f"bootstrap   {second.bootstrap_servers}" in repr(seen)
        assert "broker 1 does not answer: " in repr(seen)
        assert find_second_broker().bootstrap_servers == second.bootstrap_servers
        assert lab.running() == [second]


def test_a_restart_mends_it_and_its_records_stay(lab_dir: Path) -> None:
    with lab.start_second_broker() as second:
        where = second.bootstrap_servers
        with kafka_clients.admin(bootstrap_servers=where) as client:
            client.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}})
        second.restart("PLAINTEXT://127.0.0.1:9")
        second.restart()  # changes no setting
        assert lab.advertised(where).brokers == {1: "127.0.0.1:9"}
        second.restart(f"PLAINTEXT://{where}")
        assert second.bootstrap_servers == where
        seen = lab.advertised(where)
        assert seen.leads_somewhere
        assert seen.brokers == {1: where}
        with kafka_clients.admin(bootstrap_servers=where) as client:
            assert client.list_topics() == ["kept"]
    assert not second.is_running
    assert "stopped" in repr(second)


def test_what_kafka_does_not_take_is_told_in_its_own_words(lab_dir: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="nonroutable meta-address"):
        lab.start_second_broker("PLAINTEXT://0.0.0.0:9")


def test_what_is_no_listener_is_refused_before_the_broker_stops(lab_dir: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="begins with the listener's name"):
        lab.start_second_broker("127.0.0.1:9")
    with lab.start_second_broker("PLAINTEXT://127.0.0.1:9") as second:
        for wrong in (second.bootstrap_servers, "PLAINTEXT://h"):
            with pytest.raises(BrokerUnavailable, match="listener's name"):
                second.restart(wrong)
        assert second.is_running


def test_the_labs_own_broker_is_the_default(bootstrap_servers: str, lab_dir: Path) -> None:
    assert lab.advertised().brokers == {1: bootstrap_servers}


def test_a_program_that_is_no_kafka_is_told_apart(lab_dir: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="No broker answers"):
        lab.advertised("127.0.0.1:9")
