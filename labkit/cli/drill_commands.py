"""``labkit drill``: rehearse an operator's bad day, and measure what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from labkit.cli import shared_options, terminal

if TYPE_CHECKING:
    from labkit.pipeline.drills.drill import Drill

commands = typer.Typer(
    no_args_is_help=True,
    help="Rehearse a recovery in a separate lab: its seconds (RTO), and what is lost (RPO).",
)


@commands.command()
def upgrade(as_json: shared_options.Json = False) -> None:
    """Upgrade Kafka with data, go back, raise the features, and go back once more.

    Kafka 4.3.1 takes readings, 4.4.0 opens them, 4.3.1 opens them again. Then the features are
    raised, 4.3.1 refuses, and only a copy from before leads back. The checker compares all records
    after each step. It takes about two minutes, and fetches Kafka 4.4.0 the first time (56 MB).
    Your own lab is not touched. The exit status is 0 only if each step ended as it has to.

    Example: `labkit drill upgrade`
    """
    from labkit.pipeline.drills.upgrade_drill import upgrade as script

    _run("upgrade", script, as_json)


@commands.command()
def restore(as_json: shared_options.Json = False) -> None:
    """Lose the broker's disk, the CSV's disk too, the CSV's machine, and restore each.

    A pipeline stores readings and is backed up; then the broker is killed and its data are deleted.
    A new cluster gets the rows of the CSV, and after the second loss those of the backup. What no
    copy had is named by reading, with its tonnes of CO₂. At last a backup alone is restored into
    another lab, while Kafka lives. It takes about a minute. Your own lab is not touched. The exit
    status is 0 only if each step ended as it has to.

    Example: `labkit drill restore`
    """
    from labkit.pipeline.drills.restore_drill import restore as script

    _run("restore", script, as_json)


@commands.command("disk-full")
def disk_full(as_json: shared_options.Json = False) -> None:
    """Fill the consumer's disk, then the broker's disk, and make room again.

    The consumer takes half a row back, waits and says why; the broker halts. When there is room,
    both go on, and the checker compares all records. Its RTO is the seconds without a stored
    reading. It takes about a minute, on Linux and macOS: Windows cannot limit the files of a
    process. Your own lab is not touched. The exit status is 0 only if each step ended as it has to.

    Example: `labkit drill disk-full`
    """
    from labkit.pipeline.drills.disk_full_drill import disk_full as script
    from labkit.pipeline.drills.disk_full_drill import refuse_without_limits

    refuse_without_limits()
    _run("disk-full", script, as_json)


@commands.command("cert-expired")
def cert_expired(as_json: shared_options.Json = False) -> None:
    """Let a broker's certificate expire under a running pipeline, and replace it.

    A broker with TLS takes readings until its certificate is no longer valid. What is connected
    goes on; a new client is refused. The running broker does not take a new certificate; it is
    restarted with one, and the checker compares all records. It takes about two minutes.
    Your own lab is not touched. The exit status is 0 only if each step ended as it has to.

    Example: `labkit drill cert-expired`
    """
    from labkit.pipeline.drills.certificate_drill import expire as script

    _run("cert-expired", script, as_json)


def _run(name: str, script: Callable[[Drill], None], as_json: bool) -> None:
    from labkit.pipeline.drills.drill import run_drill

    began = time.monotonic()
    err = terminal.console(stderr=True)

    def say(text: str) -> None:
        elapsed = time.strftime("%M:%S", time.gmtime(time.monotonic() - began))
        err.print(f"{elapsed}  {text}", markup=False, soft_wrap=True)

    report = run_drill(name, script, say)
    if as_json:
        terminal.print_json(report.model_dump(mode="json"))
    else:
        terminal.console().print(report.view())
    if not report.passed:
        raise typer.Exit(1)
