"""Working copies of the lessons: a learner's work is never lost, and never in the originals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labkit.cli.lesson_copies import EDITIONS, OLDER, Copied, bring_back, copy_lessons
from labkit.core.errors import LabError


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("00_start_here", "04_consumer", "04b_groups"):
        (folder / f"{name}.ipynb").write_text(f"{name}, first edition")
    return folder


@pytest.fixture
def copies(originals: Path) -> Path:
    return originals.with_name("my-notebooks")


def texts(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.glob("*.ipynb")}


def test_a_first_start_copies_all_and_a_second_one_nothing(originals: Path, copies: Path) -> None:
    assert copy_lessons(originals, copies).new == ["00_start_here", "04_consumer", "04b_groups"]
    assert texts(copies) == texts(originals)
    assert copy_lessons(originals, copies) == Copied()


def test_a_deleted_copy_comes_back(originals: Path, copies: Path) -> None:
    copy_lessons(originals, copies)
    (copies / "04_consumer.ipynb").unlink()
    assert copy_lessons(originals, copies).new == ["04_consumer"]


def test_a_new_edition_replaces_what_nobody_has_touched(originals: Path, copies: Path) -> None:
    copy_lessons(originals, copies)
    (copies / "00_start_here.ipynb").write_text("my work")
    for name in ("00_start_here", "04_consumer"):
        (originals / f"{name}.ipynb").write_text("second edition")
    done = Copied(renewed=["04_consumer"], offered=["00_start_here"])
    assert copy_lessons(originals, copies) == done
    assert texts(copies)["00_start_here"] == "my work"
    assert texts(copies)["04_consumer"] == "second edition"
    assert copy_lessons(originals, copies) == Copied(offered=["00_start_here"]), "each time"


def test_work_alone_is_not_a_reason_to_offer_anything(originals: Path, copies: Path) -> None:
    copy_lessons(originals, copies)
    (copies / "00_start_here.ipynb").write_text("my work")
    assert copy_lessons(originals, copies) == Copied()


@pytest.mark.parametrize("lost", [None, "", "[]", "{not json"])
def test_without_the_list_of_editions_every_copy_is_work(
    originals: Path, copies: Path, lost: str | None
) -> None:
    copy_lessons(originals, copies)
    (copies / EDITIONS).unlink()
    if lost is not None:
        (copies / EDITIONS).write_text(lost)
    (originals / "04_consumer.ipynb").write_text("second edition")
    assert copy_lessons(originals, copies) == Copied()
    assert texts(copies)["04_consumer"] == "04_consumer, first edition"


@pytest.mark.parametrize("name", ["04", "4", "04_consumer", "04_CONSUMER.ipynb"])
def test_a_lesson_is_brought_back_and_the_work_is_kept(
    originals: Path, copies: Path, name: str
) -> None:
    copy_lessons(originals, copies)
    for work in ("my work", "more work"):
        (copies / "04_consumer.ipynb").write_text(work)
        copy, kept = bring_back(name, originals, copies)
        assert kept is not None
        assert (copy.read_text(), kept.read_text()) == ("04_consumer, first edition", work)
    assert sorted(texts(copies / OLDER).values()) == ["more work", "my work"]
    assert bring_back(name, originals, copies) == (copy, None), "nothing to keep"
    assert copy_lessons(originals, copies) == Copied()


def test_a_lesson_that_does_not_exist_is_named_with_those_that_do(
    originals: Path, copies: Path
) -> None:
    with pytest.raises(LabError, match="no lesson '12'; there are: 00_start_here, 04_consumer"):
        bring_back("12", originals, copies)
    assert not copies.exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(originals: Path, copies: Path) -> None:
    originals.parent.chmod(0o500)
    try:
        with pytest.raises(LabError, match=r"cannot be copied to .*: Permission denied"):
            copy_lessons(originals, copies)
    finally:
        originals.parent.chmod(0o700)


def test_a_file_in_the_folders_place_is_named(originals: Path, copies: Path) -> None:
    copies.write_text("a file")
    with pytest.raises(LabError, match=r"cannot be copied to .*my-notebooks"):
        copy_lessons(originals, copies)
