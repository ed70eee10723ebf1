"""A short soak: the pipeline on three brokers, a few random faults, and the checker's verdict.

``LABKIT_TEST_SOAK_S=600`` makes it a long one; ``LABKIT_TEST_SEED`` sets the faults.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from psutil import process_iter

from labkit.pipeline.soak import schedule

LENGTH_S = float(os.environ.get("LABKIT_TEST_SOAK_S", "40"))
SEED = int(os.environ["LABKIT_TEST_SEED"])  # conftest.py chooses one
PATIENCE_S = 400.0


def soak(folder: Path, for_s: float, seed: int) -> subprocess.Popen[str]:
    print(f"seed {seed}: labkit soak --for {for_s:g}s --seed {seed} does it again")
    options = ["--for", f"{for_s:g}s", "--seed", str(seed), "--out", str(folder / "soak.json")]
    return subprocess.Popen(
        [sys.executable, "-m", "labkit", "soak", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(folder)},
    )


def test_a_short_soak(tmp_path: Path) -> None:
    with soak(tmp_path, LENGTH_S, SEED) as process:
        text, _ = process.communicate(timeout=LENGTH_S + PATIENCE_S)
    print(text)
    report = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    assert (process.returncode, report["passed"]) == (0, True)
    assert report["injected"] == report["recovered"] > 0
    done = [(one["name"], one["seed"], one["for_s"]) for one in report["faults"]]
    planned = islice(schedule(SEED), len(done))
    assert done == [(one.name, one.seed, one.for_s) for one in planned]
    verdict = report["verdict"]
    assert (verdict["seed"], verdict["violations"], verdict["unjournalled"]) == (SEED, {}, 0)
    assert verdict["acked"] > 100
    assert report["served"] == sum(one["rows"] for one in verdict["partitions"])
    assert f"Seed {SEED}." in text
    assert [path.name for path in tmp_path.iterdir()] == ["soak.json"], "its lab is taken away"
    assert [one for one in process_iter(["cmdline"]) if str(tmp_path) in str(one.info)] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for one process of a console")
def test_ctrl_c_heals_and_still_gives_the_verdict(tmp_path: Path) -> None:
    first = next(schedule(SEED))
    with soak(tmp_path, 600.0, SEED) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="")
            if first.name in line:
                break
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=PATIENCE_S)
    print(text)
    report = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    assert (process.returncode, report["passed"], report["interrupted"]) == (130, True, True)
    assert len(report["faults"]) == 1
    assert "in the CSV once and in order" in " ".join(text.split())
