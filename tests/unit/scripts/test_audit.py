"""The audits of ``make check``: what they find fails, unless it is waived, and a waiver ends."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import audit
import pytest
from audit import Finding, NotAskedError, Waiver

TODAY = datetime.date(2026, 11, 24)
UNSAFE = "import subprocess\nsubprocess.call('ls ' + input(), shell=True)\n"


def waiver(**changes: object) -> Waiver:
    fields = {"tool": "bandit", "id": "B602 a.py", "reason": "a test", "expires": TODAY}
    return Waiver(**{**fields, **changes})


def test_bandit_finds_what_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(UNSAFE)
    (found,) = audit.bandit((str(tmp_path),))
    assert found.id == f"B602 {(tmp_path / 'a.py').as_posix()}"
    assert "line 2" in found.text


@pytest.fixture(scope="module")
def found_in_labkit() -> list[Finding]:
    """Let bandit read all of labkit, once for all tests."""
    return audit.bandit()


def test_our_own_code_has_nothing_that_bandit_minds(found_in_labkit: list[Finding]) -> None:
    assert audit.judge("bandit", found_in_labkit, audit.read_waivers(audit.WAIVERS)) == []


def test_a_finding_is_to_mend_unless_it_is_waived() -> None:
    found = [Finding("B602 a.py", "shell"), Finding("B301 b.py", "pickle")]
    assert audit.judge("bandit", found, [waiver()]) == ["B301 b.py: pickle"]
    assert len(audit.judge("pip-audit", found, [waiver()])) == 2  # it is another tool's waiver


def test_a_waiver_whose_finding_is_gone_is_to_be_taken_out() -> None:
    (left,) = audit.judge("bandit", [], [waiver()])
    assert "take the waiver out" in left


def test_a_waiver_lasts_to_the_end_of_its_day() -> None:
    tomorrow = TODAY + datetime.timedelta(days=1)
    assert audit.expired([waiver()], TODAY) == []
    assert "ended on 2026-11-24" in audit.expired([waiver()], tomorrow)[0]


@pytest.mark.parametrize(
    "fields",
    [
        'tool = "bandit"\nid = "B602 a.py"\nreason = "none"',
        'tool = "bandit"\nid = "B602 a.py"\nreason = "none"\nexpires = "soon"',
        'tool = "bandit"\nid = "B602 a.py"\nreason = "none"\nexpires = 2026-11-24\nnote = "x"',
    ],
)
def test_a_waiver_that_is_not_whole_is_refused(tmp_path: Path, fields: str) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(f"[[waiver]]\n{fields}\n")
    with pytest.raises(SystemExit, match="tool, id, reason, expires"):
        audit.read_waivers(path)


def test_the_file_of_waivers_can_be_read_and_its_example_too(tmp_path: Path) -> None:
    assert audit.expired(audit.read_waivers(audit.WAIVERS), TODAY) == []
    lines = audit.WAIVERS.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "waivers.toml"
    path.write_text("\n".join(line[2:] for line in lines[lines.index("# [[waiver]]") :]))
    (example,) = audit.read_waivers(path)
    assert example.expires == datetime.date(2027, 1, 31)


def test_an_expired_waiver_fails_the_check(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found_in_labkit: list[Finding],
) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(
        '[[waiver]]\ntool = "npm audit"\nid = "GHSA-1"\nreason = "none"\nexpires = 2020-01-01\n'
    )
    cut_off(monkeypatch)
    monkeypatch.setattr(audit, "bandit", lambda: found_in_labkit)
    assert audit.main([str(path)]) == 1
    assert "GHSA-1 ended on 2020-01-01" in capsys.readouterr().out


def test_the_page_on_security_names_tests_that_there_are() -> None:
    tests = {path.name for path in (audit.ROOT / "tests").rglob("test_*.py")}
    page = (audit.ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"test_\w+\.py", page))
    assert len(named) > 10
    assert named <= tests


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send all that asks for the network to a port where nobody listens."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("npm_config_fetch_retries", "0")


def test_without_a_network_the_check_says_so_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_off(monkeypatch)
    assert audit.main([]) == 0
    said = capsys.readouterr().out
    assert "pip-audit: NOT ASKED" in said
    assert "npm audit: NOT ASKED" in said
    assert "bandit: 0 found" in said


def test_a_database_that_knows_of_no_hole_at_all_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip-audit answers where it gets 404 for each package: with success."""
    silent = {"dependencies": [{"name": "jinja2", "skip_reason": "not found"}], "fixes": []}
    monkeypatch.setattr(audit, "_report", lambda *_: silent)
    with pytest.raises(NotAskedError, match="is not there"):
        audit.pip_audit()


def test_a_hole_in_a_pin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reports of the two tools, as they write them."""
    hole = {"id": "PYSEC-1", "fix_versions": ["2.11"], "aliases": ["CVE-1"], "description": "..."}
    package = {"name": "jinja2", "version": "2.10", "vulns": [hole]}
    clean = {"name": "flask", "version": "3.1.3", "vulns": []}
    monkeypatch.setattr(audit, "_report", lambda *_: {"dependencies": [package, clean]})
    assert audit.pip_audit()[0] == Finding("PYSEC-1", "jinja2 2.10, mended in 2.11")


def test_a_hole_in_the_page_is_found_once() -> None:
    via = {"name": "chart.js", "range": "<4", "title": "XSS", "url": "https://x/advisories/GHSA-1"}
    report = {"vulnerabilities": {"chart.js": {"via": [via]}, "figure": {"via": ["chart.js", via]}}}
    assert audit.npm_findings(report) == [Finding("GHSA-1", "chart.js <4: XSS")]
    assert audit.npm_findings({"vulnerabilities": {}}) == []
    with pytest.raises(NotAskedError, match="405"):
        audit.npm_findings({"message": "405 Method Not Allowed", "error": {}})
