"""The vocabulary of faults: each teaches, each is drawn from its seed, each can be undone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.core.errors import LabError
from labkit.core.run_files import read_run_files
from labkit.faults import network_proxy as proxies
from labkit.faults.active_faults import ActiveFault, active_faults, new_fault
from labkit.faults.fault_kinds import MOMENTS_S, FaultContext, plan
from labkit.faults.faults import FAULTS, inject, mend

SEEDS = st.integers(0, 2**31)


@pytest.fixture(autouse=True)
def empty_lab(lab_dir: Path) -> Path:
    """Give each test a lab in which nothing runs."""
    return lab_dir


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_says_what_it_does_what_to_see_and_what_is_promised(name: str) -> None:
    kind = FAULTS[name]
    assert kind.name == name == name.lower()
    assert kind.apply.__name__ == name.replace("-", "_")
    assert kind.summary.endswith(".")
    assert len(kind.watch) > 20
    assert len(kind.promise) > 20


def test_what_destroys_says_so_and_asks_first() -> None:
    destroyers = [name for name, kind in FAULTS.items() if kind.destroys]
    assert destroyers == ["dlq-gone", "topic-recreated", "retention-passes"]
    for name in destroyers:
        with pytest.raises(LabError, match=f"{name} destroys") as refused:
            inject(name, seed=1)
        assert "destroy=True" in refused.value.next_line
        assert "--yes" in refused.value.next_line


@given(st.sampled_from(sorted(FAULTS)), SEEDS, st.floats(0.1, 600))
def test_a_seed_draws_the_same_plan_again(name: str, seed: int, for_s: float) -> None:
    drawn = plan(name, seed, for_s)
    assert drawn == plan(name, seed, for_s)
    assert MOMENTS_S[0] <= drawn.moment_s <= MOMENTS_S[1]
    assert 0 <= drawn.choice < 1


def test_seeds_draw_every_victim() -> None:
    chosen = {int(plan("broker-kill", seed, 1.0).choice * 3) for seed in range(100)}
    assert chosen == {0, 1, 2}
    assert len({plan(name, 7, 1.0).choice for name in FAULTS}) == len(FAULTS)


@given(SEEDS, st.integers(1, 9))
def test_a_scene_chooses_the_same_victim_and_course(seed: int, victims: int) -> None:
    contexts = [
        FaultContext(
            plan("slow-consumer", seed, 5.0),
            new_fault("slow-consumer", seed, 5.0, n),
            "",
            "",
            Path(),
        )
        for n in (1, 2)
    ]
    assert len({context.choose(range(victims)) for context in contexts}) == 1
    assert len({context.rng.random() for context in contexts}) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broker-kill", "no broker runs"),
        ("consumer-freeze", "no consumer of co2-emissions in the group csv-writer runs"),
        ("cut-connections", "no proxy of this lab runs"),
        ("broker-kil", "there is no fault 'broker-kil'; near it: broker-kill"),
    ],
)
def test_where_there_is_nothing_to_break_it_says_what_to_start(name: str, reason: str) -> None:
    with pytest.raises(LabError, match=reason) as refused:
        inject(name, seed=1)
    assert refused.value.next_line
    assert active_faults() == []


def test_a_cluster_of_ones_own_is_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", "kafka.example.org:9092")
    with pytest.raises(LabError, match="the cluster is your own"):
        inject("broker-freeze", seed=1)


def frozen_by_a_process_that_is_gone() -> tuple[psutil.Popen, ActiveFault]:
    """Leave a frozen process behind, as a killed `labkit break consumer-freeze` does."""
    sleeper = psutil.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    sleeper.suspend()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = new_fault("consumer-freeze", 7, 300.0, 1)
    left.victim = "a sleeper"
    left.undo = {"pid": sleeper.pid, "process_started": sleeper.create_time()}
    left.pid, left.process_started = gone.pid, time.time()
    left.write()
    return sleeper, left


def test_mend_undoes_what_a_process_that_is_gone_had_written_down() -> None:
    sleeper, left = frozen_by_a_process_that_is_gone()
    try:
        assert active_faults() == [left]
        assert "who broke it is gone" in left.description
        assert mend() == ["consumer-freeze: a sleeper"]
        assert sleeper.status() != psutil.STATUS_STOPPED
        assert active_faults() == []
        assert mend() == []
    finally:
        sleeper.kill()
        sleeper.wait()


def connect(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5.0) as client:
        client.sendall(request)
        return client.recv(1000)


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT example.org:443 HTTP/1.1",
        "CONNECT 127.0.0.1:22 HTTP/1.1",
        "CONNECT 127.0.0.2:20123 HTTP/1.1",
        "GET http://127.0.0.1:20123/ HTTP/1.1",
        "CONNECT 127.0.0.1:999999 HTTP/1.1",
    ],
)
def test_the_proxy_leads_to_the_labs_own_brokers_alone(request_line: str) -> None:
    with proxies.start_proxy() as proxy:
        assert os.environ[proxies.VARIABLE] == proxy.url
        (run,) = read_run_files("proxy")
        assert run["url"] == proxy.url
        host, _, port = proxy.url.removeprefix("http://").partition(":")
        assert host == "127.0.0.1"
        answer = connect(int(port), f"{request_line}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403 ")
    assert proxies.VARIABLE not in os.environ
    assert read_run_files("proxy") == []


def test_a_proxy_that_nobody_uses_is_no_victim() -> None:
    with proxies.start_proxy() as proxy, pytest.raises(LabError, match="no client goes") as refused:
        inject("latency", seed=1)
    assert f"LABKIT_PROXY_URL={proxy.url}" in refused.value.next_line
