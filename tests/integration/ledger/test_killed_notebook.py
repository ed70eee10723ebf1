"""A notebook's kernel is killed while its producer runs, and its cells are run again from the top.

That is what a learner does who restarts the kernel. The ledger may name what was in flight; it
is never red, and it agrees in the end.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty import dice, times
from waiting import wait_until

import labkit as lab
from labkit.ledger.ledger_model import Ledger

KILLS = times("NOTEBOOK_KILLS", 3)
CELLS = """
import sys, time
import labkit as lab
lab.start_broker()
lab.ensure_topic("co2-emissions")
producer = lab.start_producer("co2-emissions", readings_per_s=int(sys.argv[1]))
lab.start_consumer("co2-emissions")
while not producer.counts.acked:
    time.sleep(0.01)
print("runs", flush=True)
time.sleep(600)
"""


def kill_a_notebook(readings_per_s: int, after_s: float) -> None:
    command = [sys.executable, "-c", CELLS, str(readings_per_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
        try:
            assert kernel.stdout is not None
            assert kernel.stdout.readline() == "runs\n"
            time.sleep(after_s)
        finally:
            kernel.send_signal(signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_row_a_killed_notebook_leaves_no_red_ledger(lab_dir: Path) -> None:
    chance = dice("killed notebooks")
    with lab.start_broker():
        for _ in range(KILLS):
            kill_a_notebook(chance.choice([20, 200, 1000]), chance.uniform(0.5, 3.0))
            found = lab.carbon_ledger()
            assert found.state in ("agrees", "on the way"), found
            assert "twice" not in found.sentence
        producer = lab.start_producer("co2-emissions", readings_per_s=50)
        lab.start_consumer("co2-emissions")
        wait_until(lambda: producer.counts.acked > 50)
        producer.stop()

        def in_the_end() -> Ledger | None:
            ledger = lab.carbon_ledger()
            return ledger if ledger.agrees else None

        last = wait_until(in_the_end, "the ledger agrees")
        assert (last.unknown.records, last.foreign.records) == (0, 0), last
        assert len({(one.records, one.grams) for one in (last.acked, last.topic, last.csv)}) == 1
        verdict = lab.check_pipeline()
        assert verdict.holds, verdict
        lab.stop_all()
    stopped = lab.carbon_ledger()
    assert stopped.agrees, stopped
    assert "Not compared: topic (no broker answers)" in stopped.sentence
    up = [sys.executable, "-m", "labkit", "up", "--for", "3s", "--no-browser"]
    again = subprocess.run(up, capture_output=True, text=True, timeout=180)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search("All five stages (agree|add up) to the gram", again.stdout)
