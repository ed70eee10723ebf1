"""Write the locks of all Python packages: ``make lock``.

Each lock pins every package for every platform and every Python from 3.11 on, with its hashes.
It names no registry, so that pip asks whichever one your machine is set up for. For the same
reason ``uv.lock``, which does write addresses, is not kept in the repository.

``requirements.lock`` has what the lab runs on and what its tests need. ``requirements-node.lock``
has Node.js as a Python package, for machines without a Node.js that is new enough. The one in
``bench/peers`` has the libraries that the bench compares the lab with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import front_end

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Compile both locks with uv, in a virtual environment that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        bin_dir = Path(folder, "Scripts" if os.name == "nt" else "bin")
        python, uv = bin_dir / "python", bin_dir / "uv"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv>=0.13"], check=True)
        compile_lock(uv, "requirements.lock", ["pyproject.toml", "--group", "dev"])
        compile_lock(uv, "requirements-node.lock", ["-"], front_end.NODE_REQUIREMENT)
        compile_lock(uv, "bench/peers/requirements.lock", ["bench/peers/requirements.txt"])


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
