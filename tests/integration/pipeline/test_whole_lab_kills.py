"""A power cut, as far as processes go: every process of the lab is killed at once, repeatedly."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from faulty import dice, times
from lab_processes import processes_of

import labkit as lab
from labkit.core.run_files import read_run_files
from labkit.producer.delivery_log import delivery_log_dir
from labkit.producer.sent_counts import SentCountsReader

WHOLE_KILLS = times("WHOLE_KILLS", 5)
PATIENCE_S = 180.0


def up(lab_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    with (lab_dir / "up.log").open("a") as log:
        command = ["up", "--no-browser", "--rate", "200", "--faults", "0.01", *arguments]
        return subprocess.Popen(
            [sys.executable, "-m", "labkit", *command], stdout=log, stderr=log, text=True
        )


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_row_every_process_is_killed_at_once(lab_dir: Path) -> None:
    chance, killed = dice("whole-lab kills"), 0
    for _ in range(WHOLE_KILLS):
        with up(lab_dir) as run:
            time.sleep(chance.uniform(2.0, 16.0))
            everything = processes_of(lab_dir)
            for process in everything:
                process.kill()
            killed += len(everything)
            run.wait(PATIENCE_S)
        psutil.wait_procs(everything, timeout=20)
    assert read_run_files() == []

    started = time.monotonic()
    with up(lab_dir, "--for", "3s") as run:
        status = run.wait(PATIENCE_S)
    took_s = time.monotonic() - started
    said = (lab_dir / "up.log").read_text(encoding="utf-8")
    assert status == 0, said
    assert re.search("All five stages (agree|add up) to the gram", said)
    assert processes_of(lab_dir) == []

    with lab.start_broker():
        verdict, ledger = lab.check_pipeline(), lab.carbon_ledger()
        sent = SentCountsReader()
        assert ledger.topic_id is not None
        counts = sent.read(ledger.topic_id)
    print(
        f"{WHOLE_KILLS} whole-lab kills of {killed} processes; {ledger.emitted.records:,} readings "
        f"emitted, {counts.failed:,} never arrived; the last run took {took_s:.1f} s"
    )
    assert (verdict.state, verdict.violations) == ("holds", {}), verdict
    assert ledger.agrees, ledger
    assert ledger.acked == ledger.csv.model_copy(update={"note": ledger.acked.note})
    assert (counts.unknown, counts.in_flight) == (0, 0), "the last start has settled the account"
    assert len(list(delivery_log_dir(ledger.topic_id).glob("*.csv"))) == len(sent.runs)
