"""Each drill, on real brokers, from the command line: its steps, and what it lost, exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from psutil import process_iter

PATIENCE_S = 600.0


@pytest.mark.parametrize(
    ("name", "lost", "said"),
    [
        (
            "restore",
            {"the broker's disk": 200, "both disks": 600, "the CSV's machine": 0},
            "their cluster_id is",
        ),
        pytest.param(
            "disk-full",
            {"the consumer's disk": 0, "the broker's disk": 0},
            "takes no more rows: File too large",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size"),
        ),
        (
            "upgrade",
            {"upgrade to 4.4.0": 0, "way back to 4.3.1": 0, "copy from before": 1_501},
            "no way back but a copy",
        ),
        (
            "cert-expired",
            {"connections that were open": 0, "new connections": 0},
            "could not be applied': the certificate of the broker at",
        ),
    ],
)
def test_a_drill_ends_as_it_has_to(
    name: str, lost: dict[str, int], said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "labkit", "drill", name, "--json"],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    report = json.loads(done.stdout)
    assert report["passed"] is True
    assert {key: one["readings"] for key, one in report["rpo"].items()} == lost
    for key, one in report["rpo"].items():
        assert (one["tonnes"] > 0) == (lost[key] > 0)
        print(f"{name}, {key}: {report['rto_s'][key]} s, lost {one}")
    assert said in " ".join(step["found"] for step in report["steps"])
    assert list(tmp_path.iterdir()) == [], "its lab is taken away"
    assert [one for one in process_iter(["cmdline"]) if str(tmp_path) in str(one.info)] == []
