"""Ask bandit, pip-audit and npm audit what is known to be unsafe: a part of ``make check``.

bandit reads our own code. The two others ask a database over the network; where it cannot be
reached they are left out, and the check says so: work without a network goes on. pip-audit takes
a database that answers nothing for one without findings, so it is first asked about an old
package whose hole is known: only who finds that one is asked about ours.

``security-waivers.toml`` has what is waived, each with its reason and its last day.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import front_end

ROOT = front_end.ROOT
WAIVERS = ROOT / "security-waivers.toml"
LOCKS = ("requirements.lock", "requirements-node.lock")
OWN_CODE = ("labkit", "scripts", "bench", "deploy")
NOT_OURS = "bench/.peers"  # the libraries that the bench compares the lab with
KNOWN_HOLE = "jinja2==2.10"  # CVE-2019-10906, the way out of its sandbox, and several later ones
TIME_LIMIT_S = 180.0


class Finding(NamedTuple):
    """Something unsafe: what waives it, and what a person reads."""

    id: str
    text: str


class Waiver(NamedTuple):
    """A finding that we live with until a day."""

    tool: str
    id: str
    reason: str
    expires: datetime.date


class NotAskedError(Exception):
    """The database cannot be reached."""


def main(arguments: list[str]) -> int:
    """Run every audit; return 1 if one found something that is not waived, or a waiver is stale."""
    waivers = read_waivers(Path(arguments[0]) if arguments else WAIVERS)
    tools: dict[str, Callable[[], list[Finding]]] = {
        "bandit": bandit,
        "pip-audit": pip_audit,
        "npm audit": npm_audit,
    }
    faults = [
        f"waived is {one.tool!r}, no tool of ours" for one in waivers if one.tool not in tools
    ]
    faults += expired(waivers, datetime.datetime.now(datetime.UTC).date())
    for name, ask in tools.items():
        try:
            found = ask()
        except NotAskedError as error:
            print(f"{name}: NOT ASKED, {error}. Nothing is known to be wrong, or right.")
            continue
        left = judge(name, found, waivers)
        print(f"{name}: {len(found)} found, {len(left)} to mend")
        faults += [f"{name}: {fault}" for fault in left]
    print("\n".join(faults), end="\n" * bool(faults))
    return 1 if faults else 0


def read_waivers(path: Path) -> list[Waiver]:
    """Read the waivers; end this program if one lacks a field."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("waiver", [])
    for entry in entries:
        if set(entry) != set(Waiver._fields) or type(entry["expires"]) is not datetime.date:
            sys.exit(f"{path.name}: a waiver has {', '.join(Waiver._fields)} (a day): {entry}")
    return [Waiver(**entry) for entry in entries]


def expired(waivers: list[Waiver], today: datetime.date) -> list[str]:
    """Return the waivers whose last day is over."""
    return [
        f"the waiver of {one.id} ended on {one.expires}: mend it, or give a new reason"
        for one in waivers
        if one.expires < today
    ]


def judge(tool: str, found: list[Finding], waivers: list[Waiver]) -> list[str]:
    """Return what is left to mend: findings without a waiver, and waivers without a finding."""
    waived = {one.id for one in waivers if one.tool == tool}
    left = [f"{one.id}: {one.text}" for one in found if one.id not in waived]
    gone = waived - {one.id for one in found}
    return left + [f"{one} is waived and not found any more: take the waiver out" for one in gone]


def bandit(paths: tuple[str, ...] = OWN_CODE) -> list[Finding]:
    """Look through our own code; low severities are ruff's business (its rules S)."""
    command = [sys.executable, "-m", "bandit", "-r", *paths, "--exclude", NOT_OURS]
    command += ["--severity-level", "medium"]
    try:
        report = _report([*command, "--format", "json", "--quiet"])
    except NotAskedError as error:  # it needs no network: something is broken
        sys.exit(f"bandit: {error}")
    if report["errors"]:
        sys.exit(f"bandit cannot read our code: {report['errors']}")
    return [
        Finding(
            f"{one['test_id']} {Path(one['filename']).as_posix()}",
            f"line {one['line_number']}: {one['issue_text']}",
        )
        for one in report["results"]
    ]


def pip_audit() -> list[Finding]:
    """Look up every pin of our locks."""
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder, "control.txt")
        control.write_text(f"{KNOWN_HOLE}\n", encoding="utf-8")
        if not list(_python_findings(_pip_audit(control, "--no-deps"))):
            raise NotAskedError(f"its database has nothing about {KNOWN_HOLE}, so it is not there")
    reports = [_pip_audit(ROOT / lock, "--require-hashes") for lock in LOCKS]
    return [one for report in reports for one in _python_findings(report)]


def _pip_audit(requirements: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), *options]
    return _report([*command, "--disable-pip", "--progress-spinner", "off", "--format", "json"])


def _python_findings(report: dict[str, Any]) -> Iterator[Finding]:
    for package in report["dependencies"]:
        for hole in package.get("vulns", []):
            fixed = ", ".join(hole["fix_versions"]) or "no version yet"
            yield Finding(hole["id"], f"{package['name']} {package['version']}, mended in {fixed}")


def npm_audit() -> list[Finding]:
    """Look up what the web page is made of; its build tools reach no browser."""
    node = front_end.find_node()
    search_path = os.pathsep.join([str(node.path.parent), os.environ.get("PATH", "")])
    command = [*node.npm_command, "audit", "--omit=dev", "--json"]
    return npm_findings(_report(command, front_end.WEB, {"PATH": search_path}))


def npm_findings(report: dict[str, Any]) -> list[Finding]:
    """Read npm's report; what is only affected through another package is in it once."""
    if "vulnerabilities" not in report:
        raise NotAskedError(str(report.get("message", report))[:200])
    holes = {
        Finding(via["url"].rpartition("/")[2], f"{via['name']} {via['range']}: {via['title']}")
        for package in report["vulnerabilities"].values()
        for via in package["via"]
        if isinstance(via, dict)
    }
    return sorted(holes)


def _report(
    command: list[str], folder: Path = ROOT, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON that a tool prints; all of them end with 1 where they found something."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIME_LIMIT_S,
            check=False,
        )
        report: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise NotAskedError(f"it did not end within {TIME_LIMIT_S:g} s") from None
    except json.JSONDecodeError:
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise NotAskedError(last[:200]) from None
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
