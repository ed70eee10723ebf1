"""The whole journey in containers: through TLS and a login, with kills from outside, ledger whole.

Where no registry gives the images: ``python deploy/standin/build.py kafka python caddy``.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compose_stack import ROOT, Compose, inspect, why_no_compose
from require import require
from waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.docker

IMAGE = "labkit:test"
BASE = "python:3.11-slim-bookworm"
CADDY = "caddy:2.11.4"
LIMIT_MB = 400
OFFICIAL_BASE_MB = 130
"""The official image of Python is about so large. A stand-in for it has fewer files."""
STAGES = "produce", "consume", "api"
USER, PASSWORD = "anna", "a long password"


def why_no_images() -> str | None:
    for image in (BASE, CADDY):
        found = subprocess.run(["docker", "image", "inspect", image], capture_output=True)
        if found.returncode != 0:
            return f"{image} is not here: python deploy/standin/build.py kafka python caddy"
    return None


def size_mb(image: str) -> float:
    return int(inspect(image, "{{.Size}}")) / 1e6


@pytest.fixture(scope="module")
def image() -> str:
    require("docker", why_no_compose() or why_no_images())
    command = ["docker", "build", "--network", "host", "--tag", IMAGE]
    command += ["--file", "deploy/Dockerfile", "--build-arg", f"PYTHON={BASE}", "."]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return IMAGE


@pytest.fixture(scope="module")
def stack(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("edge")
    shutil.copy(ROOT / "deploy" / "edge" / "Caddyfile", folder)
    hashing = ["docker", "run", "--rm", CADDY, "caddy", "hash-password", "--plaintext", PASSWORD]
    hashed = subprocess.run(hashing, capture_output=True, text=True, check=True).stdout.strip()
    (folder / "users").write_text(f"{USER} {hashed}\n")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    compose = Compose(
        "stages", "edge", LABKIT_IMAGE=image, EDGE_CONFIG=str(folder), LOG_MAX_SIZE="20k"
    )
    try:
        compose("up", "--detach", "--scale", "consume=2")
        compose.wait_until_healthy("kafka", *STAGES)
        yield compose
    finally:
        compose("down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="module")
def trust(stack: Compose) -> ssl.SSLContext:
    """Return what trusts the certificate of the edge's own authority, and no other."""
    root = "/data/caddy/pki/authorities/local/root.crt"
    wait_until(lambda: stack.run("exec", "-T", "edge", "cat", root).returncode == 0, "a CA")
    return ssl.create_default_context(cadata=stack("exec", "-T", "edge", "cat", root))


def ask(stack: Compose, path: str, trust: ssl.SSLContext, login: str | None = None) -> bytes:
    request = urllib.request.Request(f"https://localhost:{stack.ports['EDGE_PORT']}{path}")
    if login is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=PATIENCE_S, context=trust) as answer:
        content: bytes = answer.read()
    return content


def status(stack: Compose) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack("exec", "-T", "api", "labkit", "status", "--json"))
    return found


def answer(stack: Compose, path: str) -> dict[str, Any]:
    """Ask the API on loopback, without the edge."""
    url = f"http://127.0.0.1:{stack.ports['API_PORT']}{path}"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
        found: dict[str, Any] = json.load(response)
    return found


def served(stack: Compose) -> int:
    try:
        return int(answer(stack, "/api/summary")["records"])
    except OSError:  # it is being started again
        return 0


def test_a_reading_reaches_the_page_through_tls_and_a_login(
    stack: Compose, trust: ssl.SSLContext
) -> None:
    for login in (None, f"{USER}:wrong", "other:" + PASSWORD):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(stack, "/api/summary", trust, login)
        refused.value.close()
        assert refused.value.code == 401
    login = f"{USER}:{PASSWORD}"
    assert b"<title>" in ask(stack, "/", trust, login)
    wait_until(lambda: json.loads(ask(stack, "/api/summary", trust, login))["records"], "a reading")


def test_who_does_not_trust_the_authority_is_not_asked_for_a_password(stack: Compose) -> None:
    with pytest.raises(urllib.error.URLError) as refused:
        ask(stack, "/", ssl.create_default_context())
    assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)


def test_only_the_edge_can_be_reached_from_other_machines(stack: Compose) -> None:
    template = "{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}"
    for service in ("kafka", *STAGES):
        assert set(stack.inspect(template, service).split()) <= {"127.0.0.1"}
    assert set(stack.inspect(template, "edge").split()) <= {"0.0.0.0", "::"}
    assert stack.inspect("{{len .HostConfig.PortBindings}}", "edge") == "1"


@pytest.mark.parametrize("service", STAGES)
def test_a_stage_has_no_rights(stack: Compose, service: str) -> None:
    wanted = {
        "{{.HostConfig.ReadonlyRootfs}}": "true",
        "{{.HostConfig.CapDrop}}": "[ALL]",
        "{{.HostConfig.SecurityOpt}}": "[no-new-privileges:true]",
        "{{.HostConfig.RestartPolicy.Name}}": "unless-stopped",
        "{{.Config.User}}": "1000:1000",
    }
    assert {template: stack.inspect(template, service) for template in wanted} == wanted
    assert int(stack.inspect("{{.HostConfig.Memory}}", service)) > 0
    refused = stack.run("exec", "-T", service, "touch", "/opt/lab/new")
    assert "Read-only file system" in refused.stdout + refused.stderr


def test_two_consumers_share_the_partitions(stack: Compose) -> None:
    def shares() -> list[list[int]]:
        workers = status(stack)["workers"]
        return sorted(run["partitions"] or [] for run in workers if run["kind"] == "consumer")

    def are_shared() -> bool:
        found = shares()
        return len(found) == 2 and all(found) and sorted(itertools.chain(*found)) == [0, 1, 2]

    wait_until(are_shared, lambda: f"two shares of three partitions: {shares()}", every_s=1.0)


def test_killed_containers_come_back_and_nothing_is_lost(stack: Compose) -> None:
    wait_until(lambda: served(stack) > 50, "readings to lose", every_s=0.5)
    killed = [stack.kill(service) for service in ("kafka", "consume", "api")]
    wait_until(
        lambda: all(inspect(one, "{{.RestartCount}}") != "0" for one in killed),
        "Docker starts them again",
        every_s=0.5,
    )
    stack.wait_until_healthy("kafka", *STAGES)
    before = served(stack)
    wait_until(lambda: served(stack) > before + 50, "new readings", every_s=0.5)
    stack("stop", "produce")
    said = stack("exec", "-T", "consume", "labkit", "check")
    assert "✓" in said, said
    # A broker that was away for longer than a minute leaves some of which nobody knows.
    wait_until(
        lambda: answer(stack, "/api/ledger")["state"] in ("agrees", "unknown"),
        lambda: answer(stack, "/api/ledger")["sentence"],
        every_s=0.5,
    )


def test_a_stage_that_takes_too_much_memory_is_ended(stack: Compose) -> None:
    ran = stack.run(
        "run", "--rm", "-T", "--entrypoint", "python", "consume", "-c", "bytearray(2 * 10**9)"
    )
    assert ran.returncode == 137, ran.stderr


def test_the_output_of_a_container_does_not_fill_the_disk(stack: Compose) -> None:
    program = "for n in range(5000): print('line', n)\nimport time; time.sleep(600)"
    container = stack(
        "run", "--detach", "-T", "--entrypoint", "python", "consume", "-u", "-c", program
    ).split()[-1]

    def output() -> list[str]:
        command = ["docker", "logs", container]
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()

    try:
        wait_until(lambda: output()[-1:] == ["line 4999"], "the last line", every_s=0.5)
        first = output()[0]
        assert first != "line 0", "the oldest are gone"
        kept = Path(inspect(container, "{{.LogPath}}"))
        if os.geteuid() == 0:  # Docker's folder is root's
            files = list(kept.parent.glob(f"{kept.name}*"))
            assert len(files) == 3
            assert sum(path.stat().st_size for path in files) < 3 * 25_000
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=True)


def test_the_image_is_small(image: str) -> None:
    own_mb = size_mb(image) - size_mb(BASE)
    print(f"{image}: {size_mb(image):.0f} MB, of which {own_mb:.0f} MB are not {BASE}")
    assert own_mb + max(OFFICIAL_BASE_MB, size_mb(BASE)) < LIMIT_MB
