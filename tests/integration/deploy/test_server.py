"""A server from one file: a bare Debian boots with ``deploy/cloud-init.yaml``, and is used.

The steps are those of docs/deploying.md, "A server of your own", in their order. Memory limits and
``IPAddressDeny=`` are not tested: not every kernel enforces them in a container.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from nspawn_machine import Machine, step, why_no_nspawn
from require import require
from waiting import wait_until

ROOT = Path(__file__).parents[3]
SITE = "lab.internal"
CA = "var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
SETTINGS = "/etc/labkit/labkit.env"
SERVICES = ("broker", "consumer", "producer", "api", "watch")
SECURITY_AT_MOST = 3.0


class Server(Machine):
    """The machine, seen through its page."""

    def __init__(self, root: Path, report: object) -> None:
        super().__init__(root)
        self.report = report

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self.report.global_and_fixture_disabled(), step(f"server: {name}"):  # type: ignore[attr-defined]
            yield

    def start(self) -> None:
        self.boot()
        wait_until(self.is_done, lambda: f"cloud-init is done:\n{self.what_happened()}", 300)

    def is_done(self) -> bool:
        status = self.attempt("cloud-init", "status")[1]
        assert "error" not in status, self.what_happened()
        return "status: done" in status

    def what_happened(self) -> str:
        return self.attempt("tail", "-n", "40", "/var/log/cloud-init-output.log")[1]

    def login(self) -> str:
        name, password = self("cat", "/root/labkit-login").split()
        return f"{name}:{password}"

    def get(self, path: str, login: str | None = None) -> tuple[int, bytes]:
        """Ask the page from outside, by its name, over TLS that its own CA vouches for."""
        trust = ssl.create_default_context(cafile=self.root / CA)
        headers = {}
        if login is not None:
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        connection = HTTPSConnection(SITE, context=trust, timeout=30)
        raw = socket.create_connection((self.address, 443), 30)
        try:
            connection.sock = trust.wrap_socket(raw, server_hostname=SITE)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
            raw.close()

    def records(self) -> int:
        status, body = self.get("/api/summary", self.login())
        assert status == 200, body
        return int(json.loads(body)["records"])

    def wait_for_new_records(self) -> None:
        before = self.records()
        wait_until(lambda: self.records() > before, "new readings on the page")

    def property(self, unit: str, name: str) -> str:
        return self("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def all_active(self) -> bool:
        return self.attempt("labkit", "service", "status")[0] == 0


def user_data() -> str:
    """Return the file with its three lines edited, as its comment asks for."""
    text = (ROOT / "deploy" / "cloud-init.yaml").read_text(encoding="utf-8")
    edits = {"RELEASE": "file:///opt/labkit-server.tar.gz", "SITE": SITE}
    for name, value in edits.items():
        text, count = re.subn(rf"^(\s+{name}=).*$", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert count == 1, name
    return text


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Server]:
    require("nspawn", why_no_nspawn())
    capture = request.config.pluginmanager.getplugin("capturemanager")
    folder = tmp_path_factory.mktemp("server")
    machine = Server(folder / "debian", capture)
    try:
        with machine.step("release"):
            release = [sys.executable, "deploy/release.py", "--out", str(folder)]
            subprocess.run(release, cwd=ROOT, check=True, capture_output=True)
        with machine.step("bare Debian, with cloud-init"):
            machine.build("cloud-init")
        archive = folder / "labkit-server.tar.gz"
        with machine.step("install.sh --prepare"):
            # The booted machine has no way to the internet: what needs it is done before.
            subprocess.run(["cp", str(archive), str(machine.root / "opt")], check=True)
            machine.chroot("mkdir", "-p", "/opt/labkit/release")
            machine.chroot("tar", "xzf", f"/opt/{archive.name}", "-C", "/opt/labkit/release")
            machine.chroot("bash", "/opt/labkit/release/install.sh", "--prepare", "--monitoring")
        seed = machine.root / "var/lib/cloud/seed/nocloud"
        seed.mkdir(parents=True)
        (seed / "user-data").write_text(user_data())
        (seed / "meta-data").write_text("instance-id: lab-1\nlocal-hostname: lab\n")
        with machine.step("first boot, until cloud-init is done"):
            machine.start()
        yield machine
    finally:
        machine.remove()


def test_the_page_is_there_after_the_first_boot(server: Server) -> None:
    with server.step("all services active, a reading on the page"):
        assert server.all_active(), server("labkit", "service", "logs")
        wait_until(lambda: server.get("/api/summary", server.login())[0] == 200, "the API")
        wait_until(lambda: server.records() > 0, "a reading on the page")
    status, page = server.get("/", server.login())
    assert status == 200
    assert b"<title>" in page


def test_without_the_login_nothing_is_answered(server: Server) -> None:
    for path in ("/", "/api/summary", "/metrics", "/prometheus/", "/nonsense"):
        assert server.get(path)[0] == 401
    assert server.get("/", "lab:wrong")[0] == 401
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(
            socket.create_connection((server.address, 443), 30), server_hostname=SITE
        )


def test_only_https_is_open(server: Server) -> None:
    listeners = {
        tuple(line.split()[4].rsplit(":", 1))
        for line in server("ss", "--listening", "--numeric", "--tcp", "--udp", "-H").splitlines()
    }
    loopback = {"127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"}
    assert {port for host, port in listeners if host not in loopback} == {"80", "443"}
    assert len(listeners) >= 5  # Kafka has two ports, the API one
    for _, port in sorted(listeners):
        with socket.socket() as probe:
            is_open = probe.connect_ex((server.address, int(port))) == 0
        assert is_open == (port in ("80", "443")), port


def test_port_80_only_redirects(server: Server) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    request = urllib.request.Request(f"http://{server.address}/", headers={"Host": SITE})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay()).open(request)
    with refused.value as answer:
        assert (answer.code, answer.headers["Location"]) == (308, f"https://{SITE}/")


@pytest.mark.parametrize("name", [*SERVICES, "backup", "restore"])
def test_services_can_do_little_harm(server: Server, name: str) -> None:
    said = server("systemd-analyze", "security", "--no-pager", f"labkit-{name}.service")
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", said)
    assert exposure, said
    assert float(exposure[1]) <= SECURITY_AT_MOST
    if name in SERVICES:
        assert server.property(f"labkit-{name}", "User") == "labkit"


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_service_is_back(server: Server, name: str) -> None:
    unit = f"labkit-{name}.service"
    before = server.property(unit, "MainPID")
    # Kafka is a child of its service, and both have to come back.
    victim = server("pgrep", "-f", "kafka.Kafka").split()[0] if name == "broker" else before
    with server.step(f"{name} killed, and back"):
        server("kill", "-9", victim)
        wait_until(
            lambda: server.property(unit, "MainPID") not in (before, "0") and server.all_active(),
            lambda: server("labkit", "service", "logs", name),
        )
        assert int(server.property(unit, "NRestarts")) == 1
        wait_until(lambda: server.get("/", server.login())[0] == 200, "the page")
        server.wait_for_new_records()


def test_mistakes_get_the_next_line_to_type(server: Server) -> None:
    status, said = server.attempt("labkit", "service", "logs", "kafka")
    assert status == 1
    assert "it has broker, consumer, producer, api, watch, backup" in " ".join(said.split())
    status, said = server.attempt("runuser", "-u", "nobody", "labkit", "check")
    assert status == 1
    assert "sudo labkit check" in said


def test_logs_are_read_and_limited(server: Server) -> None:
    assert "Apache Kafka" in server("labkit", "service", "logs", "broker", "--lines", "200")
    assert "SystemMaxUse=500M" in server("systemd-analyze", "cat-config", "systemd/journald.conf")
    server("logrotate", "--force", "/etc/logrotate.d/labkit")
    assert ".1.gz" in server("ls", "/var/lib/labkit/.labkit/logs")


def test_the_readings_come_back_from_a_backup(server: Server) -> None:
    with server.step("backup"):
        server("systemctl", "start", "labkit-backup")
    server.wait_for_new_records()
    with server.step("readings deleted, restored and caught up"):
        server("systemctl", "stop", "labkit-consumer")
        server("rm", "-r", "/var/lib/labkit/data")
        server("systemctl", "start", "labkit-restore")
        server("systemctl", "start", "labkit.target")
        wait_until(server.all_active, lambda: server("labkit", "service", "logs"))
        wait_until(lambda: server.get("/", server.login())[0] == 200, "the page")
        server.wait_for_new_records()
        server("labkit", "check")


def test_nothing_is_lost_over_a_reboot(server: Server) -> None:
    before = server.records()
    with server.step("power off"):
        server.power_off()
    with server.step("second boot, until all is active and checked"):
        server.start()
        wait_until(server.all_active, lambda: server("labkit", "service", "logs"))
        wait_until(lambda: server.get("/", server.login())[0] == 200, "the page")
        server.wait_for_new_records()
        server("labkit", "check")
    assert server.records() > before


def test_an_update_keeps_login_and_readings(server: Server) -> None:
    login, before = server.login(), server.records()
    server(
        "sed",
        "-i",
        "s/^LABKIT_RETENTION_DAYS=.*/LABKIT_RETENTION_DAYS=7/",
        "/etc/labkit/labkit.env",
    )
    with server.step("install.sh again, with --monitoring"):
        server("bash", "/opt/labkit/release/install.sh", "--site", SITE, "--monitoring")
    assert server.all_active()
    wait_until(lambda: server.get("/", login)[0] == 200, "the page, by the same login")
    server.wait_for_new_records()
    assert server.records() > before
    assert "LABKIT_RETENTION_DAYS=7" in server("cat", SETTINGS)


def test_prometheus_watches_behind_the_same_login(server: Server) -> None:
    query = "/prometheus/api/v1/query?query=up"
    assert server.get(query)[0] == 401
    status, rules = server.get("/prometheus/api/v1/rules", server.login())
    assert status == 200
    assert b"LabkitConsumerBehind" in rules

    def are_up() -> bool:
        body = json.loads(server.get(query, server.login())[1])
        values = {one["metric"]["job"]: one["value"][1] for one in body["data"]["result"]}
        return values.get("labkit") == values.get("labkit-watch") == "1"

    wait_until(are_up, "a scrape of the API and of the watch by Prometheus")

    def alerts() -> list[str]:
        ask = "http://127.0.0.1:9093/api/v2/alerts"
        return [one["labels"]["alertname"] for one in json.loads(server("curl", "-s", ask))]

    wait_until(lambda: "LabkitWatchdog" in alerts(), "Alertmanager has the alert that always fires")
    for port in ("9090", "9093"):
        listeners = server("ss", "--listening", "--numeric", "-ut", "-H", "sport", "=", f":{port}")
        assert [line.split()[4] for line in listeners.splitlines()] == [f"127.0.0.1:{port}"]
    assert server("ss", "--listening", "--numeric", "-ut", "-H", "sport", "=", ":9094") == ""


def test_a_given_password_is_taken_and_not_written_down(server: Server) -> None:
    given = "correct horse"
    server("rm", "/root/labkit-login")
    install = ["bash", "/opt/labkit/release/install.sh", "--site", SITE, "--login", "ada"]
    server("env", f"LOGIN_PASSWORD={given}", *install)
    wait_until(lambda: server.get("/", f"ada:{given}")[0] == 200, "the page, by the new login")
    assert server.attempt("test", "-e", "/root/labkit-login")[0] == 1
    assert server.attempt("grep", "-rq", given, "/etc", "/root", "/var/lib/labkit")[0] == 1


def test_uninstall_removes_services_and_keeps_readings(server: Server) -> None:
    server("labkit", "service", "uninstall", "--yes")
    for name in SERVICES:
        assert server.attempt("systemctl", "cat", f"labkit-{name}")[0] == 1
    assert server.attempt("pgrep", "-u", "labkit")[0] == 1
    assert "0.csv" in server("ls", "/var/lib/labkit/data/co2-emissions")
