"""What the cluster's ACLs do not allow: one sentence, and the line that would allow it.

A cluster with an authorizer allows nothing by default. Every request names a resource (a topic, a
group, the cluster itself) and an operation on it, and an ACL allows a user that operation.

See: Kafka documentation, "Authorization and ACLs", with the operation that each request needs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection

from kafka import errors as kafka_errors

from labkit.core.config import LabConfig, load_config
from labkit.core.errors import AccessDenied

_RESOURCES = {
    kafka_errors.TopicAuthorizationFailedError: ("topic", "Describe"),
    kafka_errors.GroupAuthorizationFailedError: ("group", "Read"),
    kafka_errors.ClusterAuthorizationFailedError: ("cluster", "Describe"),
    kafka_errors.TransactionalIdAuthorizationFailedError: ("transactional-id", "Write"),
}
"""For each error: Kafka's name of the resource, and the operation that is most often missing."""


_NO_PRODUCER_ID = re.compile("InitProducerIdResponse.*ClusterAuthorizationFailedError")
"""In the text of a plain `KafkaError`: a user who may write to any topic gets an id (KIP-679)."""


def denied_access(error: BaseException, operation: str = "", name: str = "") -> AccessDenied | None:
    """Return the lab's error for a request that no ACL allows; None for any other error.

    Parameters
    ----------
    error : BaseException
        What the client raised.
    operation : str
        What was tried, in Kafka's words: ``Read``, ``Write``, ``Create`` and so on.
    name : str
        The topic or group, where the error itself does not say it.
    """
    known = next((one for one in _RESOURCES if isinstance(error, one)), None)
    if known is not None:
        resource, most_often = _RESOURCES[known]
    elif _NO_PRODUCER_ID.search(str(error)):
        resource, most_often = "topic", "Write"
    else:
        return None
    operation, name = operation or most_often, name or _name_in(error)
    user, remark = _principal(load_config())
    if resource == "cluster":
        what, option = "this cluster", "--cluster"
    else:
        what, option = f"{resource} {name!r}", f"--{resource} {shlex.quote(name)}"
    return AccessDenied(
        f"{user} may not {operation} {what}: no ACL of the cluster allows it",
        f"labkit kafka kafka-acls --add --allow-principal {shlex.quote(user)} "
        f"--operation {operation} {option}   (as the cluster's administrator{remark})",
    )


def _name_in(error: BaseException) -> str:
    """Return the topic or group that the client put into the error."""
    named = error.args[0] if error.args else ""
    if isinstance(named, Collection) and not isinstance(named, str):
        named = next(iter(named), "")
    return named if isinstance(named, str) else ""


def _principal(config: LabConfig) -> tuple[str, str]:
    """Return who we are for the cluster, and a remark if only the cluster knows exactly."""
    if config.wants_login:
        return f"User:{config.sasl_plain_username}", ""
    certificate = config.pem_path("ssl_certfile")
    if config.uses_tls and certificate is not None:
        show = f"openssl x509 -noout -subject -nameopt RFC2253 -in {certificate}"
        return "User:CN=...", f"; {show} shows the whole name"
    return "User:ANONYMOUS", ""
