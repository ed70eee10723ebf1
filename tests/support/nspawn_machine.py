"""A machine booted by systemd, from a bare Debian: debootstrap, and systemd-nspawn in a folder.

It has its own network with one cable (veth) to this machine, so a test sees it from outside.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from waiting import wait_until

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter", "ip", "chroot")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = os.environ.get("LABKIT_TEST_DEBIAN")
"""A folder that a bare Debian is kept in between runs; unset: it is made each time."""
BARE = "systemd,systemd-sysv,dbus,ca-certificates,procps,iproute2"
CA_BUNDLE = "opt/ca-of-this-machine.crt"
"""What this machine trusts; a package's installation replaces the bundle in ``/etc/ssl``."""
CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def why_no_nspawn() -> str | None:
    """Return why this machine cannot boot one; None if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can boot a machine in a folder"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"{', '.join(missing)} is not installed" if missing else None


class Machine:
    """A Debian in a folder; ``boot`` and ``power_off`` as often as needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = f"lab{os.getpid()}"
        subnet = f"10.{random.randrange(64, 128)}.{random.randrange(256)}"
        self.address, self._our_address = f"{subnet}.2", f"{subnet}.1"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._console = root.with_suffix(".console")

    def build(self, *packages: str) -> None:
        """Make a bare Debian, and install some packages in it."""
        if KEPT and Path(KEPT).is_dir():
            run("cp", "--archive", KEPT, str(self.root))
            return
        release, mirror = _debian()
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={BARE}", release]
        run(*bootstrap, str(self.root), mirror)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", self.root / CA_BUNDLE)
        for source in Path("/etc/apt/sources.list.d").glob("debian.sources"):
            shutil.copy(source, self.root / "etc/apt/sources.list.d")
            (self.root / "etc/apt/sources.list").write_text("")
        # Nothing here has to survive a power cut, and each package waits for the disk otherwise.
        (self.root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        self.chroot("apt-get", "-qq", "update")
        # cloud-init needs virtual packages, at which debootstrap's --include fails.
        install = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages]
        self.chroot(*install)
        if KEPT:
            run("cp", "--archive", str(self.root), KEPT)

    def chroot(self, *command: str) -> str:
        """Run a command in the folder, with this machine's network."""
        passed = {name: value for name, value in os.environ.items() if "_proxy" in name.lower()}
        passed |= dict.fromkeys(CA_VARIABLES, f"/{CA_BUNDLE}")
        environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", **passed}
        return run("chroot", str(self.root), *command, environment=environment)

    def boot(self) -> None:
        """Start systemd in it, and plug the cable in."""
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--network-veth"]
        command += [f"--directory={self.root}", f"--machine={self.name}", "--boot"]
        with self._console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )
        wait_until(lambda: self.attempt("systemctl", "is-system-running")[1], self.console)
        run("ip", "address", "add", f"{self._our_address}/24", "dev", f"ve-{self.name}")
        run("ip", "link", "set", f"ve-{self.name}", "up")
        self("ip", "address", "add", f"{self.address}/24", "dev", "host0")
        self("ip", "link", "set", "host0", "up")

    def __call__(self, *command: str) -> str:
        """Run a command in the booted machine, as root; fail the test if it fails."""
        status, output = self.attempt(*command)
        assert status == 0, f"{' '.join(command)}: {output}"
        return output

    def attempt(self, *command: str) -> tuple[int, str]:
        """Run a command in the booted machine; return its exit status and what it printed."""
        assert self._nspawn is not None
        assert self._nspawn.poll() is None, self.console()
        children = psutil.Process(self._nspawn.pid).children()
        if not children:
            return 1, ""
        enter = ["nsenter", "--target", str(children[0].pid), "--all", "env", "-i", f"PATH={PATH}"]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def console(self) -> str:
        """Return the end of what it wrote to its console."""
        return self._console.read_text(errors="replace")[-3000:]

    def power_off(self) -> None:
        """Shut it down as its own systemd does."""
        assert self._nspawn is not None
        self.attempt("systemctl", "poweroff")
        self._nspawn.wait(90)
        self._nspawn = None

    def remove(self) -> None:
        """Stop it, however it is, and delete the folder."""
        if self._nspawn is not None:
            with suppress(Exception):
                self.power_off()
        if self._nspawn is not None:
            self._nspawn.kill()
            self._nspawn.wait()
        subprocess.run(["rm", "-rf", "--one-file-system", str(self.root)], check=False)


def _debian() -> tuple[str, str]:
    """Return this machine's release of Debian, and the mirror that it uses."""
    words = dict(
        line.strip().split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    lines = sources.read_text().splitlines() if sources.exists() else []
    mirrors = [line.split()[1] for line in lines if line.startswith("URIs:")]
    return words["VERSION_CODENAME"], (mirrors or ["http://deb.debian.org/debian"])[0]


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command; fail the test, with its output, if it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stdout + done.stderr)[-3000:]}"
    return done.stdout


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print how long a step took."""
    began = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
