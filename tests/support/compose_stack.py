"""``docker-compose.yml`` under a project name and ports of its own, beside what runs already."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from waiting import wait_until

from labkit.broker.broker_for_tests import why_no_docker

ROOT = Path(__file__).parents[2]
HEALTHY_WITHIN_S = 300


class Compose:
    """The stack of one test module.

    Parameters
    ----------
    name : str
        The end of the project's name.
    *profiles : str
        The profiles of ``docker-compose.yml``.
    **variables : str
        Variables of ``docker-compose.yml``; those whose names end in ``_PORT`` get a free port.
    """

    PORTS = "KAFKA_PORT", "API_PORT", "EDGE_PORT"

    def __init__(self, name: str, *profiles: str, **variables: str) -> None:
        tool = ["docker", "compose"] if has_compose_v2() else ["docker-compose"]
        self.project = f"labkit-test-{os.getpid()}-{name}"
        self.command = [*tool, "--project-name", self.project]
        for profile in profiles:
            self.command += ["--profile", profile]
        self.ports = {name: free_port() for name in self.PORTS}
        ports = {name: str(port) for name, port in self.ports.items()}
        self._environment = {**os.environ, **ports, **variables}

    def __call__(self, *words: str) -> str:
        ran = self.run(*words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, *words]
        return subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )

    def containers(self, service: str) -> list[str]:
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        command = ["docker", "ps", "--all", "--quiet", "--no-trunc"]
        for name, value in labels.items():
            command += ["--filter", f"label=com.docker.compose.{name}={value}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def inspect(self, template: str, service: str = "kafka", number: int = 0) -> str:
        return inspect(self.containers(service)[number], template)

    def wait_until_healthy(self, *services: str) -> None:
        def are_healthy() -> bool:
            found = [one for service in services for one in self.containers(service)]
            states = [inspect(one, "{{.State.Health.Status}}") for one in found]
            return len(states) >= len(services) and set(states) == {"healthy"}

        wait_until(
            are_healthy,
            lambda: f"healthy {services}:\n{self('ps')}{self('logs', '--tail', '50')}",
            HEALTHY_WITHIN_S,
            every_s=1.0,
        )

    def kill(self, service: str) -> str:
        """Kill a service's first container from outside; ``docker kill`` would count as a stop."""
        container = self.containers(service)[0]
        pid = int(inspect(container, "{{.State.Pid}}"))
        assert pid > 0, f"{service} does not run"  # 0 would be this very process group
        os.kill(pid, signal.SIGKILL)
        return container


def inspect(container: str, template: str) -> str:
    """Return what Docker says about a container."""
    command = ["docker", "inspect", "--format", template, container]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def has_compose_v2() -> bool:
    ran = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ran.returncode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def why_no_compose() -> str | None:
    reason = why_no_docker()
    if reason is None and not shutil.which("docker"):
        reason = "there is no docker command"
    if reason is None and not shutil.which("docker-compose") and not has_compose_v2():
        reason = "Compose is not installed"
    return reason
