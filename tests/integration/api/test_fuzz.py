"""schemathesis asks the API, over real HTTP, all that its description allows, and all it does not.

``LABKIT_TEST_EXAMPLES`` says how many questions for each address; `make test-long` asks 500.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from csv_feed import TOPIC, CsvFeed

from labkit.api.app import create_app, start_api

EXAMPLES = int(os.environ.get("LABKIT_TEST_EXAMPLES", "25"))
SEED = int(os.environ.get("LABKIT_TEST_FUZZ_SEED", "7"))


@pytest.mark.parametrize("rounds", [0, 30], ids=["without-data", "with-data"])
def test_every_answer_is_as_described(lab_dir: Path, rounds: int) -> None:
    if rounds:
        feed = CsvFeed(lab_dir / "data")
        feed.write(rounds)
        feed.close()
    api = start_api(lab_dir / "data", port=0, topic=TOPIC)
    har = lab_dir / "asked.har"
    print(f"seed {SEED}, {EXAMPLES} examples")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/api/openapi.json"]
    command += ["--url", api.url, "--checks", "all"]
    command += ["--phases", "examples,coverage,fuzzing,stateful"]
    command += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--continue-on-failure"]
    command += ["--generation-database", "none", "--no-color", "--report-har-path", str(har)]
    done = subprocess.run(
        command,
        cwd=lab_dir,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(Path(__file__).parents[2] / "support"),
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    operations = len(create_app(lab_dir / "data", TOPIC).api_doc["paths"])
    assert f"Tested: {operations}\n" in done.stdout  # none was skipped
    entries = json.loads(har.read_text(encoding="utf-8"))["log"]["entries"]
    seen = Counter(entry["response"]["status"] for entry in entries)
    print(dict(seen))
    assert len(entries) >= operations * EXAMPLES
    assert {200, 422, 405} <= set(seen)  # right and wrong questions, and methods that there are not
    assert not [status for status in seen if status >= 500]
