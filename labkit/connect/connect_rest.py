"""A client of Kafka Connect's REST API: connectors, their tasks and states.

Any worker of the group accepts a request and forwards it to the leader. During a rebalance the
answer is 409, and after the leader's death another error, so requests are retried.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from labkit.broker.cluster_state import NodeState
from labkit.core.errors import LabError
from labkit.core.wait_until import wait_until

ASK_TIMEOUT_S = 10.0
RETRY_S = 60.0
RETRY_EVERY_S = 0.1
CONFLICT, NOT_FOUND, SERVER_ERROR = 409, 404, 500

# No proxy: the workers listen on this machine, whatever HTTP_PROXY says.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Task:
    """One task of a connector: the part of its work that one worker does."""

    connector: str
    task: int
    state: str
    """RUNNING, PAUSED, FAILED, UNASSIGNED (its worker is lost), RESTARTING."""
    worker: int | None
    """The number of its worker; None if that is not one of the group's current workers."""
    trace: str = field(default="", repr=False)
    """Why it failed: Java's stack trace."""


@dataclass(frozen=True)
class ConnectorStatus:
    """A connector and its tasks, as the group last heard."""

    name: str
    state: str
    tasks: tuple[Task, ...]
    trace: str = field(default="", repr=False)

    @property
    def is_running(self) -> bool:
        """Whether the connector and all its tasks run; without a task it is not running."""
        return bool(self.tasks) and {self.state, *(one.state for one in self.tasks)} == {"RUNNING"}

    @property
    def failure(self) -> str:
        """What failed and why, in one line; empty if nothing did."""
        failed = [(f"connector {self.name}", self.trace)] if self.state == "FAILED" else []
        failed += [
            (f"task {one.task} of {self.name}", one.trace)
            for one in self.tasks
            if one.state == "FAILED"
        ]
        return "; ".join(f"{what} failed: {_reason(trace)}" for what, trace in failed)


def _reason(trace: str) -> str:
    """Return the most informative line of a stack trace: the last cause."""
    lines = trace.splitlines() or ["it gave no reason"]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes or lines)[-1 if causes else 0]


class Rest:
    """The REST API of a group: requests go to any of the current workers that answers."""

    def __init__(self, workers: Callable[[], Sequence[NodeState]]) -> None:
        self.workers = workers

    @property
    def urls(self) -> list[str]:
        """The addresses of the running workers."""
        return [f"http://{one.address}" for one in self.workers() if one.state == "running"]

    def ask(self, method: str, path: str, body: Any = None, *, may_miss: bool = False) -> Any:
        """Return a worker's answer; None for 404 if ``may_miss``.

        Raises
        ------
        LabError
            The request is refused, in Connect's own words; or no worker could do it in time.
        """
        said = ""

        def error() -> LabError:
            return LabError(f"Kafka Connect did not do it: {said}", "lab.start_connect()")

        def answer() -> list[Any]:  # in a list, because an answer may be empty
            nonlocal said
            said = "no worker of Kafka Connect is alive"
            for url in self.urls:
                try:
                    return [send(method, f"{url}/{path}", body)]
                except urllib.error.HTTPError as refusal:
                    with refusal:
                        said = _message(refusal)
                    if refusal.code == NOT_FOUND and may_miss:
                        return [None]
                    if refusal.code != CONFLICT and refusal.code < SERVER_ERROR:
                        msg = f"Kafka Connect refuses: {said}"
                        raise LabError(msg, _next(refusal.code)) from None
                except OSError as silence:  # the worker has just died, or is still starting
                    said = f"{url} does not answer: {silence}"
            if not self.urls:
                raise error()
            return []

        return wait_until(answer, RETRY_S, error, every_s=RETRY_EVERY_S)[0]

    def status(self, name: str) -> ConnectorStatus | None:
        """Return the status of a connector; None if there is none of that name."""
        answer = self.ask("GET", f"{place(name)}/status", may_miss=True)
        return None if answer is None else self._read(answer)

    def statuses(self) -> list[ConnectorStatus]:
        """Return the status of all connectors."""
        found = self.ask("GET", "connectors?expand=status")
        return [self._read(one["status"]) for _, one in sorted(found.items())]

    def _read(self, answer: dict[str, Any]) -> ConnectorStatus:
        """Read a status in Connect's format, where a worker is an address."""
        name, own = answer["name"], answer["connector"]
        numbers = {one.address: one.node_id for one in self.workers()}
        tasks = (
            Task(name, one["id"], one["state"], numbers.get(one["worker_id"]), one.get("trace", ""))
            for one in answer["tasks"]
        )
        ordered = tuple(sorted(tasks, key=lambda one: one.task))
        return ConnectorStatus(name, own["state"], ordered, own.get("trace", ""))


def place(name: str) -> str:
    """Return the path of a connector."""
    return f"connectors/{quote(name, safe='')}"


def send(method: str, url: str, body: Any = None) -> Any:
    """Send one request, and return the content of the answer; None if it is empty."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
    with _direct.open(request, timeout=ASK_TIMEOUT_S) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (ValueError, KeyError):
        return f"{error.code} {error.reason}"


def _next(code: int) -> str:
    if code == NOT_FOUND:
        return "connect.tasks   (the connectors there are)"
    return "correct the connector's settings, and create it again"
