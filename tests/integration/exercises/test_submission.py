"""`labkit.submit` on a real broker, and the teacher's command."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import OffsetAndMetadata, TopicPartition

import labkit as lab
from labkit.broker.broker import find_broker
from labkit.broker.kafka_clients import consumer
from labkit.exercises.engine.learner_progress import save_attempt
from labkit.exercises.engine.outcome import Outcome, Result
from labkit.exercises.submission.class_marks import read_submission


def test_it_has_marks_and_what_the_broker_holds(
    bootstrap_servers: str, lab_dir: Path, topic: str
) -> None:
    save_attempt(Result("00.q1", Outcome.CORRECT, "Three."))
    made = lab.submit("  Ada   Lovelace ")
    assert made.path == lab_dir / "my-notebooks" / "submission_Ada_Lovelace.html"
    assert "Hand in this file" in repr(made)
    submission, remarks = read_submission(made.path)
    assert (submission.name, submission.done, remarks) == ("Ada Lovelace", 1, ())
    assert submission.evidence.cluster_id
    assert not submission.evidence.cluster_since  # a configured cluster's age is not known
    assert {one.name: one.partitions for one in submission.evidence.topics}[topic] == 3


def test_a_stopped_broker_runs_for_the_time_of_the_submission(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_HOME_STATE_DIR", str(lab_dir / ".labkit"))
    with lab.start_broker() as broker:
        lab.ensure_topic("lesson01-by-hand", num_partitions=1)
        with contextlib.closing(consumer(group_id="readers")) as client:
            place = TopicPartition("lesson01-by-hand", 0)
            client.assign([place])
            client.commit({place: OffsetAndMetadata(3, "", -1)})
    lab.use_cluster("another")
    evidence = lab.submit("Ada").submission.evidence
    lab.use_cluster(None)
    assert evidence.cluster_id == broker.cluster_id
    assert [one.name for one in evidence.topics] == ["lesson01-by-hand"]
    assert evidence.committed == {"readers": 3}
    assert evidence.cluster_since
    assert find_broker() is None


def test_without_a_broker_it_says_so(lab_dir: Path, tmp_path: Path) -> None:
    made = lab.submit("Ada", tmp_path)
    assert "no evidence of the broker" in repr(made)
    command = [sys.executable, "-m", "labkit", "class", "collect", str(tmp_path)]
    out = tmp_path / "marks.csv"
    done = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=True, timeout=120
    )
    assert "Ada" in done.stdout  # 80 columns wide
    assert out.read_text(encoding="utf-8-sig").startswith("Name,00,01")


def test_a_folder_that_cannot_be_written_is_named(lab_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(lab.LabError, match="cannot be written"):
        lab.submit("Ada", file)
