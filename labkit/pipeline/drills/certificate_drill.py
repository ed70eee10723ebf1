"""The certificate drill: the broker's certificate expires while the pipeline runs.

TLS checks a certificate when a connection is opened, and never again. So what is connected goes on,
nobody notices, and the first client that starts or connects again is refused: a deployment, or a
restart at night. An administrator's tool is such a client, too. It gets in where no certificate is
asked for: here by the controller's listener, which is open to this machine alone.

By Kafka's documentation a certificate can be replaced while the broker runs. One that has expired
cannot, on the listener that brokers use among themselves: Kafka first lets the old one and the new
one connect to each other. So the broker has to be restarted.

See: Kafka documentation, "Updating SSL Keystore of an Existing Listener"; KIP-226, KIP-919.
"""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta

from labkit.broker import kafka_clients
from labkit.broker.lesson_brokers.secured_broker import SecuredBroker, start_secured_broker
from labkit.broker.security_properties import properties_file
from labkit.consumer.consumer import Consumer, start_consumer
from labkit.core.config import load_config
from labkit.core.errors import BrokerUnavailable, LabError
from labkit.core.processes import python_command
from labkit.core.wait_until import wait_until
from labkit.pipeline.drills.drill import STORE_S, Drill
from labkit.producer.producer import Producer, start_producer
from labkit.topics.topics import ensure_topic

VALID_S = 60.0  # on a busy machine, the broker and its clients need half of it to start
READINGS_PER_S, WATCHED = 20.0, 40
SETTING = "listener.name.clients.ssl.keystore.location"
TOOL_S, REFUSED_S = 120.0, 30.0
REFUSED = "Per-broker configs of 1 could not be applied"
"""What the broker's log says of a setting that it does not take."""
OPEN, NEW = "connections that were open", "new connections"


def expire(drill: Drill) -> None:
    """Run the steps; see `labkit.pipeline.drills.drill.run_drill`."""
    with drill.step(
        f"A broker with TLS takes readings; its certificate is valid for {VALID_S:g} s"
    ):
        expires_at = datetime.now(UTC) + timedelta(seconds=VALID_S)
        secured = start_secured_broker(expires_at=expires_at)
        os.environ.update(secured.variables)
        ensure_topic()
        consumer = start_consumer()
        producer = start_producer(readings_per_s=READINGS_PER_S, name="steady")
        _see(producer, consumer, WATCHED)
        if datetime.now(UTC) >= expires_at:
            raise LabError("this machine was too slow: the certificate expired before", "")
    with drill.step("The certificate expires, and the pipeline goes on"):
        time.sleep(max(0.0, (expires_at - datetime.now(UTC)).total_seconds()))
        began, acked = time.monotonic(), producer.counts.acked
        wait_until(lambda: producer.counts.acked > acked, STORE_S)
        drill.recovered(OPEN, began)
        _see(producer, consumer, WATCHED)
        drill.found(f"{producer.counts.acked - acked} more readings were acknowledged and stored.")
    with drill.step("A new connection is refused"):
        drill.found(f"{_refusal()}.")
    with drill.step("The running broker does not take a new certificate in its place"):
        drill.found(_replace_while_it_runs(secured))
        drill.found(f"{_refusal()}.")
    with drill.step("The broker is restarted with a new certificate"):
        secured.restart()
        drill.send(1)
        drill.recovered(NEW, began)
        drill.found("A new client is let in.")
        _see(producer, consumer, WATCHED)
    with drill.step("No reading is missing, and each is stored once"):
        producer.stop()
        consumer.stop()
        drill.store()
        loss = drill.missing()
        drill.report.rpo |= {OPEN: loss, NEW: loss}
        counts = producer.counts
        if loss.readings or counts.failed or counts.unknown or counts.acked != counts.emitted:
            raise LabError(f"{counts.emitted} were sent: {producer!r}; missing: {loss}", "")


def _see(producer: Producer, consumer: Consumer, count: int) -> None:
    """Wait until so many more readings are acknowledged, and so many more rows are stored."""
    acked, rows = producer.counts.acked, _rows(consumer)

    def goes_on() -> bool:
        return producer.counts.acked >= acked + count and _rows(consumer) >= rows + count

    wait_until(goes_on, STORE_S, lambda: LabError(f"it stands still: {producer!r}, {consumer}", ""))


def _rows(consumer: Consumer) -> int:
    return sum(one.rows for one in consumer.progress)


def _is_let_in() -> bool:
    kafka_clients.admin().close()
    return True


def _refusal() -> str:
    try:
        _is_let_in()
    except BrokerUnavailable as error:
        if "has expired" not in error.what:
            raise
        return error.what
    raise LabError("a new connection was let in with a certificate that has expired", "")


def _replace_while_it_runs(secured: SecuredBroker) -> str:
    """Write a new certificate, and ask for its use with Kafka's own tool; return what came of it.

    The tool says "Completed" once the setting is stored. Whether the broker takes it is in the
    broker's log only.
    """
    key_store = secured.issue_certificate("renewed.pem")
    without_tls = load_config().model_copy(update={"security_protocol": "SASL_PLAINTEXT"})
    with properties_file(without_tls) as login:
        tool = python_command("labkit", "kafka", "kafka-configs", "--alter")
        where = ["--bootstrap-controller", secured.controller, "--command-config", str(login)]
        what = ["--entity-type", "brokers", "--entity-name", "1"]
        done = subprocess.run(
            [*tool, *where, *what, "--add-config", f"{SETTING}={key_store}"],
            capture_output=True,
            text=True,
            timeout=TOOL_S,
            check=False,
        )
    if done.returncode:
        raise LabError(f"kafka-configs says: {done.stdout}{done.stderr}", "")
    log = load_config().state_dir / "logs" / "secured-broker-1.log"

    def refused() -> bool:
        return REFUSED in log.read_text(encoding="utf-8", errors="replace")

    wait_until(refused, REFUSED_S, lambda: LabError(f"{log} does not say {REFUSED!r}", ""))
    return f"kafka-configs says {done.stdout.strip()!r}, and the broker's log {REFUSED!r}:"
