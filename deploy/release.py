"""Pack what a server needs into ``dist/labkit-server.tar.gz``: ``python deploy/release.py``.

The wheel with the page built in, the lock of its libraries, ``install.sh``, and the settings of
Prometheus and Alertmanager. ``docs/deploying.md`` says how it is used.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pack(target: Path) -> None:
    """Build the wheel from this tree, and write the archive."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(target, "w:gz") as archive:
        wheel = build_wheel(Path(folder))
        archive.add(wheel, arcname=wheel.name)
        for name in ("install.sh", "requirements-server.lock"):
            archive.add(ROOT / "deploy" / name, arcname=name)
        settings = ("prometheus/prometheus.yml", "prometheus/rules.yml")
        for name in (*settings, "alertmanager/alertmanager.yml"):
            archive.add(ROOT / "deploy" / name, arcname=name)


def build_wheel(folder: Path) -> Path:
    """Build the wheel as pip would, with the build backend of this project."""
    program = "import sys, build_backend; build_backend.build_wheel(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return next(folder.glob("*.whl"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="The folder; dist/.")
    target = parser.parse_args().out / "labkit-server.tar.gz"
    pack(target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
