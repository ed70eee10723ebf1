"""The doctor: find what could keep the lab from working, in one sentence per check.

A check is a function that returns a `Check`. It changes nothing, and gives the next line to type if
something is wrong. With a topic, the doctor examines what a consumer of that topic would get.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit.core.config import LabConfig, defaults_for_invalid_settings, load_config
from labkit.diagnostics import check_java, check_lab_folder, check_machine
from labkit.diagnostics.machine_report import Check, MachineReport

if TYPE_CHECKING:
    from labkit.diagnostics.check_topic import TopicReport


def doctor(
    topic: str | None = None, group_id: str | None = None, *, sent: int | None = None
) -> MachineReport | TopicReport:
    """Check this machine, or find out why a topic's consumer gets no records or too many.

    Kafka raises no error when a consumer starts after the records, a group has more members than
    partitions, or a producer dies with unsent records. The cluster's offsets show all of these.

    Parameters
    ----------
    topic : str, optional
        The topic to examine; default: the machine, or with `group_id` the lab's own topic.
    group_id : str, optional
        Examine it as a consumer of this group; default: a consumer without a group.
    sent : int, optional
        How many records were ever sent to it; the report says how many are missing.

    Returns
    -------
    MachineReport or TopicReport
        Sentences, and lines to type.

    Raises
    ------
    BrokerUnavailable, TopicNotFound

    See: Kafka documentation, "Consumer Configs", ``auto.offset.reset``, ``group.id``.
    """
    if topic is None and group_id is None and sent is None:
        return MachineReport(tuple(examine()))
    from labkit.diagnostics.check_topic import examine_topic

    return examine_topic(topic or load_config().topic, group_id, sent)


def examine() -> list[Check]:
    """Run all checks; one that raises an error is reported, and does not stop the others."""
    settings = _run(check_machine.settings)
    with defaults_for_invalid_settings():
        return _examine(load_config(), settings)


def _examine(config: LabConfig, settings: Check) -> list[Check]:
    checks: list[Callable[[], Check]] = [
        check_machine.python,
        check_machine.package,
        check_machine.kafka_client,
        check_machine.codecs,
        check_machine.own_files,
        check_machine.notebook_kernel,
        lambda: settings,
        check_java.java,
        check_java.jars,
        check_machine.front_end,
        lambda: check_machine.disk(config),
        check_lab_folder.folders,
        check_machine.memory,
        check_machine.clock,
        check_machine.loopback,
        lambda: check_lab_folder.ports(config),
        check_lab_folder.storage,
        check_lab_folder.start_up_caches,
        check_java.docker,
    ]
    with contextlib.suppress(ImportError):  # `import kafka` itself may fail
        from labkit.diagnostics import check_broker

        checks += [lambda: check_broker.broker(config), check_broker.versions]
    return [_run(check) for check in checks]


def _run(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # one failing check must not stop the others
        name = getattr(check, "__name__", "check").strip("<>")
        sentence = f"This check itself failed: {type(error).__name__}: {error}"
        return Check(name, "note", sentence)
