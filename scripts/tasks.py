"""The tasks of the Makefile. Each one sets up what is missing, and then runs in ``.venv``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import front_end
import lab_venv

ROOT = front_end.ROOT


def setup(_arguments: list[str]) -> int:
    """Make .venv with pinned packages, and build the web page; nothing if all is there."""
    lab_venv.ensure()
    print(f"Ready. Next: make lab   (or make up; labkit itself is {_script('labkit')})")
    return 0


def lab(arguments: list[str]) -> int:
    """Open JupyterLab on the lessons. ARGS="--no-browser --port 8899"."""
    lab_venv.ensure()
    return _until_stopped("-m", "labkit", "lab", *arguments)


def up(arguments: list[str]) -> int:
    """Run the whole journey and its page in this terminal. ARGS="--for 30s --rate 50"."""
    lab_venv.ensure()
    return _until_stopped("-m", "labkit", "up", *arguments)


WORKERS = ("-n", "5")  # for two cores: the tests mostly wait
SLOWEST = ("--durations=40", "--durations-min=15")  # where the minutes go
STOPPED = (130, -signal.SIGINT)  # a child's status after Ctrl-C
CHOOSE_TESTS = ("-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise", "--deselect")


def test(arguments: list[str]) -> int:
    """Run every test, in about 35 minutes; with ARGS="-k sink", those alone."""
    everything = not any(_chooses_tests(argument) for argument in arguments)
    lab_venv.ensure(with_node_modules=everything)
    if not everything:
        return _python("-m", "pytest", *arguments)
    print("1 Java's cache, unless it is there (20 s)   2 the page's tests (20 s)")
    print("3 the lab's tests, in five processes: about 35 minutes on two cores")
    print("A failure is reported at once; the details follow at the end.", flush=True)
    if _python("-c", MAKE_JAVAS_CACHE) in STOPPED or (web_status := _npm_run("test")) in STOPPED:
        raise KeyboardInterrupt
    return _python("-m", "pytest", *WORKERS, *SLOWEST, *arguments) or web_status


# It halves a broker's start, and the tests start some 150 of them.
MAKE_JAVAS_CACHE = """
import threading
from labkit.broker import aot_cache
aot_cache.train(threading.Event())
"""


def _chooses_tests(argument: str) -> bool:
    """Tell whether an argument of pytest chooses some of the tests: by word or by path."""
    return argument.startswith(CHOOSE_TESTS) or (ROOT / argument.partition("::")[0]).exists()


def test_quick(arguments: list[str]) -> int:
    """Run the unit tests and the shortest path through a real broker: two minutes."""
    lab_venv.ensure()
    print("The unit tests and the shortest path through a real broker: two minutes.", flush=True)
    return _python("-m", "pytest", "-m", "quick", "-n", "3", *arguments)


LONG_FORMS = {
    "KILLS": "100",
    "BROKER_KILLS": "20",
    "CHURNS": "20",
    "FREEZE_S": "20",
    "EXAMPLES": "500",
    "ALONE": "1",
    "MESSY": "1",
}


def test_long(arguments: list[str]) -> int:
    """Run what has a long form: 100 kills, 500 questions, each lesson twice. 60 minutes."""
    lab_venv.ensure()
    os.environ.update({f"LABKIT_TEST_{name}": value for name, value in LONG_FORMS.items()})
    chosen = "test_row or test_fuzz or alone or messy"
    return _python("-m", "pytest", "tests", "-s", "-k", chosen, *arguments)


def check(_arguments: list[str]) -> int:
    """Check style, types, imports, prose, notebooks and known vulnerabilities."""
    lab_venv.ensure(with_node_modules=True)
    notebooks = [str(path) for path in sorted(ROOT.glob("notebooks/*.ipynb"))]
    statuses = [
        _python("-m", "ruff", "check", "."),
        _python("-m", "ruff", "format", "--check", "."),
        _python("-m", "mypy"),
        _program("lint-imports"),
        _python("scripts/check_prose.py"),
        _python("-m", "nbstripout", "--verify", "--keep-id", *notebooks) if notebooks else 0,
        _npm_run("check"),
        _python("scripts/audit.py"),
    ]
    return max(statuses)


def bench(arguments: list[str]) -> int:
    """Measure each stage beside its peer. ARGS="--json FILE"."""
    lab_venv.ensure()
    return _python("-m", "bench", *arguments)


def soak(arguments: list[str]) -> int:
    """Break everything for MINUTES=10, and prove that nothing was lost. ARGS="--seed 7"."""
    lab_venv.ensure()
    minutes = os.environ.get("MINUTES", "10")
    return _python("-m", "labkit", "soak", "--for", f"{minutes}m", *arguments)


def lock(arguments: list[str]) -> int:
    """Pin the Python packages again. ARGS="--upgrade" for the newest ones."""
    return subprocess.call([sys.executable, "scripts/lock_requirements.py", *arguments], cwd=ROOT)


TASKS: dict[str, Callable[[list[str]], int]] = {
    "setup": setup,
    "lab": lab,
    "up": up,
    "test": test,
    "test-quick": test_quick,
    "test-long": test_long,
    "check": check,
    "bench": bench,
    "soak": soak,
    "lock": lock,
}


def main(arguments: list[str]) -> None:
    """Run one task, and end with its exit status."""
    name, *rest = arguments or ["help"]
    if name in ("help", "--help", "-h"):
        print(help_text())
        return
    if name not in TASKS:
        sys.exit(f"There is no task {name!r}.\n\n{help_text()}")
    try:
        status = TASKS[name](rest)
    except KeyboardInterrupt:
        sys.exit("\nStopped. What was half done is repaired by the next run.")
    sys.exit(status)


def help_text() -> str:
    """Return one line per task: its name and what its docstring says first."""
    lines = [
        f"  make {name:<11} {(task.__doc__ or '').splitlines()[0]}" for name, task in TASKS.items()
    ]
    return "\n".join(["The lab's tasks (without make: python scripts/make.py TASK ARGS):", *lines])


def _script(name: str) -> Path:
    return lab_venv.python().with_name(name).relative_to(ROOT)


def _python(*arguments: str) -> int:
    """Run the Python of .venv in this terminal; it ends in its own way.

    Ctrl-C reaches it from the terminal. SIGTERM comes to us alone, and is passed on.
    """
    command = [str(lab_venv.python()), *arguments]
    with subprocess.Popen(command, cwd=ROOT) as process:
        before = signal.signal(signal.SIGTERM, lambda _signum, _frame: process.terminate())
        try:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue
        finally:
            signal.signal(signal.SIGTERM, before)


def _until_stopped(*arguments: str) -> int:
    """Run what goes on until Ctrl-C: to stop it so is its normal end, and not a failure of make."""
    status = _python(*arguments)
    return 0 if status in STOPPED else status


def _program(name: str) -> int:
    """Run a program that a package put into .venv."""
    return subprocess.call([lab_venv.python().with_name(name)], cwd=ROOT)


def _npm_run(name: str) -> int:
    return _python("scripts/front_end.py", "run", name)
