"""09c · Deploy: units of systemd, a compose file, this machine, a cluster that requires a login."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable
from io import BufferedRWPair
from itertools import permutations, product
from typing import Any

import psutil

from labkit.broker.lesson_brokers.secured_broker import SecuredBroker
from labkit.core import background_workers
from labkit.core.config import load_config
from labkit.core.environment_variables import environment
from labkit.core.errors import BrokerUnavailable
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, number, refusal
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import records_of, why_invalid
from labkit.pipeline.server.systemd_services import FILES, RUNNING, SERVICES

TOPIC = "lesson09c-locked"
READINGS = 5
UNITS = FILES / "etc" / "systemd" / "system"
LIMIT = re.compile(r"^MemoryMax=(\d+)M$", re.MULTILINE)
DOCKER_TIMEOUT_S = 10.0
LOGIN_TIMEOUT_S = 5.0
SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36  # Kafka's numbers of these requests
PROFILES = ("monitoring", "debug", "nightly", "mon")


@exercise
def q1(most_mb: Callable[[dict[str, str]], Any]) -> str:
    """Write `most_mb(units)`: how many megabytes all services may take together.

    `units` is a dictionary as above: the text of each unit, by its name. `MemoryMax=500M` is a
    limit of 500 MB; these units have no other letter than `M`.
    """
    units = {name: (UNITS / name).read_text(encoding="utf-8") for name in SERVICES}
    first, *others = SERVICES
    cases = {
        "The lab's services": units,
        f"`{first}` alone": {first: units[first]},
        "Without any service": {},
        f"With a limit of 64 MB for `{first}`": {
            **units,
            first: units[first].replace("MemoryMax=", "MemoryMax=64M\n#MemoryMax="),
        },
        f"Without `{others[0]}`": {name: units[name] for name in SERVICES if name != others[0]},
    }
    for what, some in cases.items():
        said = number(most_mb(dict(some)), RETURNED)
        limits = {name: int(LIMIT.findall(text)[0]) for name, text in some.items()}
        if said != sum(limits.values()):
            named = ", ".join(f"{name} {one} MB" for name, one in limits.items()) or "none"
            raise NotYet(f"{what}: you returned {said:,g}. The limits: {named}.")
    total = sum(int(LIMIT.findall(text)[0]) for text in units.values())
    has = psutil.virtual_memory().total / 1e6
    return f"{total:,} MB for {len(units)} services. This machine has {has:,.0f} MB."


@exercise
def q2(starts: Callable[[list[str], list[str]], Any]) -> str:
    """Write `starts(own, asked)`: True if Compose starts a service, else False.

    `own` is the list of the service's profiles, empty if it has none. `asked` is the list of
    profiles that were asked for.
    """
    lists = [list(one) for count in range(3) for one in permutations(PROFILES, count)]
    for own, asked in product(lists, lists):
        said = starts(list(own), list(asked))
        if not isinstance(said, bool):
            raise NotYet(refusal(said, "True or False", RETURNED))
        if said is not (not own or not set(own).isdisjoint(asked)):
            raise NotYet(
                f"The service's profiles are {own}, asked for {asked}: you returned {said}."
            )
    return f"Right for {len(lists)} services, with none, one and two profiles."


def on_this_machine() -> str:
    """Return what can start the lab on this machine, with the lines to type for it."""
    return f"systemd: {_systemd()}\n\nDocker: {_docker()}\n\nAnywhere:\n    labkit up"


def _systemd() -> str:
    if not RUNNING.is_dir():
        return "it did not start this machine, so there are no services here."
    return (
        "it has started this machine. On a server that you may change (not on your laptop):\n"
        "    .venv/bin/python deploy/release.py\n"
        "    mkdir release && tar -xzf dist/labkit-server.tar.gz -C release\n"
        "    sudo bash release/install.sh --site localhost\n"
        "    sudo labkit service status"
    )


def _docker() -> str:
    docker = shutil.which("docker")
    if docker is None:
        return "it is not installed."
    ask = [docker, "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(
            ask, capture_output=True, text=True, check=False, timeout=DOCKER_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode:
        return "it is installed, and does not answer. Start Docker, and run this cell again."
    return (
        f"version {done.stdout.strip()} answers. The first line fetches what is missing, about "
        "1 GB:\n"
        "    docker compose --profile lab up -d\n"
        "    docker compose exec consume labkit check\n"
        "    docker compose --profile lab down"
    )


@prediction(possible=("yes", "no"), solution='ex.p1.predict("no")')
def p1(secured: SecuredBroker) -> Observed:
    """One client knows the name but not the password, another the password but not the name.

    Does the broker tell them which of the two was wrong? Say 'yes' or 'no'.
    """
    if not any(thing is secured for thing in background_workers.running()):
        raise NotAttempted("The secured broker is stopped: run the cell that starts it.")
    password = secured.password.get_secret_value()
    told = {
        _refusal(secured, secured.username, "guess"),
        _refusal(secured, "eve", password),
    }
    return Observed(
        "yes" if len(told) > 1 else "no",
        f"Both were tried on the broker, which answers: {' / '.join(sorted(told))}. So nobody can "
        "find out names by trying.",
    )


@exercise
def q3() -> str:
    """Create a topic `lesson09c-locked` on the secured cluster, with at least 5 readings in it.

    Point the lab at it with `os.environ`, or log in with kafka-python: both ways are right.
    """
    secured = _secured()
    with environment(secured.variables):
        try:
            found = records_of(TOPIC)
        except NotAttempted:
            found = None
    if found is None:
        if load_config().bootstrap_servers == secured.bootstrap_servers:
            raise NotYet(f"The lab is pointed at the secured cluster, which has no `{TOPIC}` yet.")
        try:
            records_of(TOPIC)
        except (NotAttempted, BrokerUnavailable):
            raise NotAttempted(
                f"There is no topic `{TOPIC}` on the secured cluster, and the lab is not pointed "
                "at it."
            ) from None
        raise NotYet(f"`{TOPIC}` is there, but on another cluster: nobody logged in.")
    good = sum(not why_invalid(one) for one in found)
    if good < READINGS:
        others = f", and {many(len(found) - good, 'other record')}" if len(found) > good else ""
        raise NotYet(f"`{TOPIC}` holds {many(good, 'reading')}{others}.")
    return f"The cluster that requires a password holds {many(good, 'reading')} in `{TOPIC}`."


def _secured() -> SecuredBroker:
    running = background_workers.running()
    secured = next((thing for thing in running if isinstance(thing, SecuredBroker)), None)
    if secured is None:
        raise NotAttempted(
            "No secured broker is running: run the cell with `lab.start_secured_broker`."
        )
    return secured


def _refusal(secured: SecuredBroker, username: str, password: str) -> str:
    """Try to log in, and return what the broker says.

    kafka-python tries again and again, and logs the broker's sentence without returning it. So
    these are the two requests of a login, as KIP-43 and KIP-152 define them, over TLS.
    """
    host, _, port = secured.bootstrap_servers.partition(":")
    tls = ssl.create_default_context(cafile=secured.ca_file)
    with (
        socket.create_connection((host, int(port)), LOGIN_TIMEOUT_S) as connection,
        tls.wrap_socket(connection, server_hostname=host) as encrypted,
    ):
        file = encrypted.makefile("rwb")
        _ask(file, SASL_HANDSHAKE, 1, struct.pack(">h", 5) + b"PLAIN")
        login = f"\0{username}\0{password}".encode()
        answer = _ask(file, SASL_AUTHENTICATE, 0, struct.pack(">i", len(login)) + login)
        file.close()
    code, length = struct.unpack_from(">hh", answer)
    return answer[4 : 4 + length].decode() if code else "welcome"


def _ask(file: BufferedRWPair, api_key: int, version: int, body: bytes) -> bytes:
    """Send a request, and return the answer without its correlation id."""
    request = struct.pack(">hhih", api_key, version, 1, -1) + body
    file.write(struct.pack(">i", len(request)) + request)
    file.flush()
    (length,) = struct.unpack(">i", file.read(4))
    return file.read(length)[4:]
