"""Running totals: of all sources, and of the rows of one chunk."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from csv_feed import TOPIC, CsvFeed

from labkit.sink import new_csv_rows
from labkit.sink.segment_files import topic_dir
from labkit.table import snapshot as snapshot_module
from labkit.table.snapshot import Snapshot
from labkit.table.source_totals import Totals, total
from labkit.table.table import Table


@pytest.fixture
def in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """Return 240 facilities in chunks of some 24 rows."""
    monkeypatch.setattr(snapshot_module, "OPEN_ROWS", 24)
    monkeypatch.setattr(new_csv_rows, "PIECE_BYTES", 4096)
    feed = CsvFeed(tmp_path, facilities=240)
    feed.write(rounds=5)
    feed.close()
    table = Table(topic_dir(tmp_path, TOPIC))
    table.refresh()
    return table.snapshot


def test_merged_chunks_are_as_if_added_up_at_once(in_chunks: Snapshot) -> None:
    merged, at_once = Totals(), Totals()
    for partition in in_chunks.partitions.values():
        assert partition.closed > 5
        for chunk in partition.chunks:
            merged.merge(total(chunk.rows))
            at_once.add(chunk.rows)
    for name, values in vars(at_once).items():
        np.testing.assert_allclose(getattr(merged, name), values, err_msg=name)


def test_a_chunk_has_totals_of_its_own_sources_only(in_chunks: Snapshot) -> None:
    for partition in in_chunks.partitions.values():
        for chunk, (sources, totals) in zip(partition.chunks, partition.totals, strict=False):
            assert sources.tolist() == sorted(set(chunk.rows["source"]))
            assert len(totals.records) == len(sources)


def test_a_row_is_in_one_of_few_frames_of_minutes(in_chunks: Snapshot) -> None:
    for partition in in_chunks.partitions.values():
        (minutes,) = partition.minutes.values()  # of the one file
        lengths = [len(frame) for frame in minutes]
        assert all(longer >= 2 * next_one for longer, next_one in itertools.pairwise(lengths))
        assert all(frame["end_ms"].is_monotonic_increasing for frame in minutes)
        records = sum(totals.records.sum() for _, totals in partition.totals)
        seconds = sum(float(frame["weight"].sum()) for frame in minutes) * 60
        assert seconds == pytest.approx(records)
