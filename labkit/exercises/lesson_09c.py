"""09c · Secure and upgrade: a compose file, a cluster that requires a password, new jars."""

from __future__ import annotations

import shutil
import socket
import struct
import tempfile
from collections.abc import Callable
from io import BufferedRWPair
from itertools import permutations, product
from pathlib import Path
from typing import Any

from labkit.broker.install.kafka_jars import jar_dir, kafka_jars, locked_jars
from labkit.broker.lesson_brokers.secured_broker import SecuredBroker
from labkit.core import background_workers
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable
from labkit.core.text_tables import many
from labkit.exercises.engine.answer_kinds import RETURNED, refusal
from labkit.exercises.engine.exercise import exercise
from labkit.exercises.engine.experiments import environment
from labkit.exercises.engine.outcome import NotAttempted, NotYet
from labkit.exercises.engine.prediction import Observed, prediction
from labkit.exercises.queries.broker_queries import records_of, why_invalid

TOPIC = "lesson09c-locked"
READINGS = 5
SOME_JARS = 3
LOGIN_TIMEOUT_S = 5.0
SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36  # Kafka's numbers of these requests
PROFILES = ("monitoring", "debug", "nightly", "mon")


@exercise
def q1(starts: Callable[[list[str], list[str]], Any]) -> str:
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
def q2() -> str:
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


@exercise
def q3(is_intact: Callable[[Path, str], Any]) -> str:
    """Write `is_intact(path, sha256)`: True if the file's SHA-256 is the expected one.

    The check asks about real jars of Kafka, and about changed copies. `path.read_bytes()` gives the
    data.
    """
    kafka_jars()  # fetched and verified, if this lab has not started a broker yet
    jars = sorted(locked_jars(), key=lambda one: one.size)
    jars = [one for one in jars if (jar_dir() / one.file_name).exists()][:SOME_JARS]
    for jar in jars:
        _expect(is_intact, jar_dir() / jar.file_name, jar.sha256, True, "as it was published")
    with tempfile.TemporaryDirectory() as folder:
        for jar, other in zip(jars, [*jars[1:], jars[0]], strict=True):
            copy = Path(shutil.copy(jar_dir() / jar.file_name, folder))
            _expect(is_intact, copy, jar.sha256, True, "a copy of the whole file")
            _expect(is_intact, copy, other.sha256, False, "another jar's number")
            whole = copy.read_bytes()
            copy.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
            _expect(is_intact, copy, jar.sha256, False, "a copy with one byte changed")
            copy.write_bytes(whole[:-1])
            _expect(is_intact, copy, jar.sha256, False, "a copy without its last byte")
    return f"Right for {many(len(jars), 'jar')} of Kafka, whole, changed and cut off."


def _expect(
    is_intact: Callable[[Path, str], Any], path: Path, sha256: str, right: bool, what: str
) -> None:
    said = is_intact(path, sha256)
    if not isinstance(said, bool):
        raise NotYet(refusal(said, "True or False", RETURNED))
    if said is not right:
        raise NotYet(f"`{path.name}`, {what}: you returned {said}.")


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
    these are the two requests of a login, as KIP-43 and KIP-152 define them.
    """
    host, _, port = secured.bootstrap_servers.partition(":")
    with socket.create_connection((host, int(port)), LOGIN_TIMEOUT_S) as connection:
        file = connection.makefile("rwb")
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
