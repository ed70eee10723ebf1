"""Why a Kafka client gets no connection: one sentence, and the setting to change.

`explain` asks the error that a client met, and, where that says too little, the port. Everything
that reports a failed connection asks it: the clients, the doctor, the error cards.

See: OpenSSL, ``X509_verify_cert_error_string``, for the codes of a certificate that is refused.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

from kafka import errors as kafka_errors

from labkit.broker.network_client import causes
from labkit.broker.security_properties import pem_unreadable
from labkit.core.config import LabConfig
from labkit.core.errors import BrokerUnavailable, SettingInvalid

TLS_PROBE_S = 3.0
NOT_YET_VALID, EXPIRED, OTHER_HOST, OTHER_ADDRESS = 9, 10, 62, 64
UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
"""Codes of OpenSSL: the issuer's certificate is missing, or is one that nobody here trusts."""

HIDDEN_INPUT = "read -rs {0} && export {0}"
"""Reads a password from the terminal without showing it, and without the shell's history."""

Advice = tuple[str, str]
"""What happened, and the next line to type."""


def explain(
    error: BaseException, servers: str, config: LabConfig, *, has_connected: bool = False
) -> BrokerUnavailable | None:
    """Return the lab's error for a connection that failed; None if nothing is known about it.

    Parameters
    ----------
    error : BaseException
        What the client met.
    servers : str
        The addresses that it tried.
    config : LabConfig
        The settings that it used.
    has_connected : bool
        Whether it got a connection, which was then closed at its first request.
    """
    known = None
    for one in causes(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            known = _broker_certificate(one, servers, config)
        elif isinstance(one, ssl.SSLError):
            known = _tls(one, servers, config)
        elif isinstance(one, kafka_errors.KafkaError):
            known = _login(one, servers, config)
        if known is not None:
            break
    known = known or _by_its_port(servers, config, has_connected)
    return BrokerUnavailable(*known) if known is not None else None


def _broker_certificate(
    error: ssl.SSLCertVerificationError, servers: str, config: LabConfig
) -> Advice:
    """Word why the broker's certificate is refused."""
    first = servers.partition(",")[0]
    host = first.rpartition(":")[0]
    show = f"openssl s_client -connect {first} </dev/null | openssl x509 -noout"
    if error.verify_code == EXPIRED:
        return (
            f"the certificate of the broker at {servers} has expired, or this machine's clock is "
            "wrong",
            f"{show} -dates   (then ask for a new certificate)",
        )
    if error.verify_code == NOT_YET_VALID:
        return (
            f"the certificate of the broker at {servers} is not valid yet, or this machine's clock "
            "is wrong",
            "date   (is it right?)",
        )
    if error.verify_code in (OTHER_HOST, OTHER_ADDRESS):
        return (
            f"the certificate of the broker at {servers} is for another host, not for {host}",
            f"{show} -ext subjectAltName   (export LABKIT_BOOTSTRAP_SERVERS with one of its names)",
        )
    if error.verify_code in UNKNOWN_AUTHORITY:
        who = "this machine does not know, and LABKIT_SSL_CAFILE is not set"
        if config.ssl_cafile is not None:
            who = f"is not in LABKIT_SSL_CAFILE ({config.pem_path('ssl_cafile')})"
        return (
            f"the certificate of the broker at {servers} is signed by an authority that {who}",
            "export LABKIT_SSL_CAFILE=/path/to/ca.pem   (the certificate of the cluster's own CA)",
        )
    return (
        f"the certificate of the broker at {servers} is not valid: {error.verify_message}",
        "labkit doctor",
    )


def _tls(error: ssl.SSLError, servers: str, config: LabConfig) -> Advice | None:
    """Word an end of the TLS handshake that the other side chose."""
    reason = str(error.reason)
    if ("ALERT" in reason and "CERTIFICATE" in reason) or "UNKNOWN_CA" in reason:
        certificate = config.pem_path("ssl_certfile")
        if certificate is None:
            return (
                f"the broker at {servers} wants to see a certificate of this client, and "
                "LABKIT_SSL_CERTFILE is not set",
                "export LABKIT_SSL_CERTFILE=/path/to/client.pem   "
                "(yours; and its key in LABKIT_SSL_KEYFILE)",
            )
        return (
            f"the broker at {servers} refuses this client's certificate ({certificate}): it has "
            "expired, or an authority signed it that the broker does not trust",
            f"openssl x509 -noout -issuer -dates -in {certificate}",
        )
    if isinstance(error, ssl.SSLEOFError) or reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"):
        plain = "SASL_PLAINTEXT" if config.wants_login else "PLAINTEXT"
        return (
            f"{servers} does not answer in TLS, which LABKIT_SECURITY_PROTOCOL="
            f"{config.security_protocol} asks for: it is a port without encryption",
            f"export LABKIT_SECURITY_PROTOCOL={plain}   (or use the cluster's port for TLS)",
        )
    return f"the TLS connection to {servers} failed: {reason}", "labkit doctor"


def _login(error: kafka_errors.KafkaError, servers: str, config: LabConfig) -> Advice | None:
    """Word a refused login."""
    mechanism = config.sasl_mechanism
    if isinstance(error, kafka_errors.SaslAuthenticationFailedError):
        return (
            f"the broker at {servers} refuses the login of {config.sasl_plain_username!r} by "
            f"{mechanism}: the password is wrong, or it has no such user",
            f"{HIDDEN_INPUT.format('LABKIT_SASL_PLAIN_PASSWORD')}   "
            "(and is LABKIT_SASL_PLAIN_USERNAME right?)",
        )
    if isinstance(error, kafka_errors.UnsupportedSaslMechanismError):
        other = "PLAIN" if str(mechanism).startswith("SCRAM") else "SCRAM-SHA-512"
        return (
            f"the broker at {servers} has no login by {mechanism}",
            f"export LABKIT_SASL_MECHANISM={other}   (PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512)",
        )
    if isinstance(error, kafka_errors.IllegalSaslStateError):
        plain = config.security_protocol.removeprefix("SASL_")
        return (
            f"the broker at {servers} takes no login, which LABKIT_SECURITY_PROTOCOL="
            f"{config.security_protocol} asks for",
            f"export LABKIT_SECURITY_PROTOCOL={plain}   (or use the cluster's port for logins)",
        )
    return None


def _by_its_port(servers: str, config: LabConfig, has_connected: bool) -> Advice | None:
    """Find out what a port wants that closes the connection without a reason."""
    if not config.uses_tls and any(map(_speaks_tls, servers.split(","))):
        return (
            f"{servers} wants encryption (TLS), and LABKIT_SECURITY_PROTOCOL is "
            f"{config.security_protocol}",
            f"export LABKIT_SECURITY_PROTOCOL={'SASL_SSL' if config.wants_login else 'SSL'}   "
            "(SASL_SSL if it also wants a login)",
        )
    if has_connected and not config.wants_login:
        wanted = "SASL_SSL" if config.uses_tls else "SASL_PLAINTEXT"
        return (
            f"{servers} closes the connection at the first request: it may want a login, and "
            f"LABKIT_SECURITY_PROTOCOL is {config.security_protocol}",
            f"export LABKIT_SECURITY_PROTOCOL={wanted}   (and set LABKIT_SASL_*)",
        )
    return None


def _speaks_tls(address: str) -> bool:
    """Tell whether a port answers in TLS. No certificate is checked, and nothing is sent."""
    host, _, port = address.strip().rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError, ValueError):
        connection = socket.create_connection((host.strip("[]"), int(port)), TLS_PROBE_S)
        with context.wrap_socket(connection, do_handshake_on_connect=False) as wrapped:
            wrapped.do_handshake()
            return True
    return False


def refuse_unusable_files(config: LabConfig) -> None:
    """Refuse certificates and keys that cannot be read or do not fit, before a client is made.

    kafka-python would try again and again; and OpenSSL would ask for a missing password in the
    terminal, where a process in the background waits for it without end.

    Raises
    ------
    SettingInvalid
        A file is missing, unreadable or not PEM; the key does not belong to the certificate; its
        password is wrong.
    """
    if not config.uses_tls:
        return
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        path = config.pem_path(name)
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            raise pem_unreadable(f"LABKIT_{name.upper()}", path, error) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if (authorities := config.pem_path("ssl_cafile")) is not None:
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError as error:
            raise _not_pem("LABKIT_SSL_CAFILE", authorities, "certificate") from error
    if (certificate := config.pem_path("ssl_certfile")) is not None:
        _refuse_unusable_key(context, certificate, config.pem_path("ssl_keyfile"), config)


def _refuse_unusable_key(
    context: ssl.SSLContext, certificate: Path, key: Path | None, config: LabConfig
) -> None:
    password = config.ssl_password.get_secret_value() if config.ssl_password is not None else ""
    key = key or certificate
    try:
        context.load_cert_chain(certificate, key, lambda: password)
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            raise SettingInvalid(
                f"the private key in {key} does not belong to the certificate in {certificate}",
                "export LABKIT_SSL_KEYFILE=/path/to/client.key   (the key that was made with it)",
            ) from error
        if b"-----BEGIN CERTIFICATE-----" not in certificate.read_bytes():
            raise _not_pem("LABKIT_SSL_CERTFILE", certificate, "certificate") from error
        text = key.read_bytes()
        if b"PRIVATE KEY-----" not in text:
            raise _not_pem("LABKIT_SSL_KEYFILE", key, "private key") from error
        if b"ENCRYPTED" in text:
            known = "is wrong" if password else "is not set"
            raise SettingInvalid(
                f"the private key in {key} has a password, and LABKIT_SSL_PASSWORD {known}",
                HIDDEN_INPUT.format("LABKIT_SSL_PASSWORD"),
            ) from error
        raise SettingInvalid(
            f"the certificate in {certificate} and the key in {key} cannot be used: "
            f"{error.reason or 'damaged'}",
            f"openssl x509 -noout -subject -in {certificate}",
        ) from error


def _not_pem(variable: str, path: Path, what: str) -> SettingInvalid:
    return SettingInvalid(
        f"{variable} names {path}, and there is no {what} in it that begins with "
        f"-----BEGIN {'PRIVATE KEY' if what == 'private key' else 'CERTIFICATE'}-----",
        f"openssl x509 -inform der -in {path} -out {path.with_suffix('.pem')}   "
        f"(if it is the binary form)"
        if what == "certificate"
        else f"export {variable}=/path/to/file.pem",
    )
