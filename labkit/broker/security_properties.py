"""The lab's security settings as Kafka's Java programs read them: a properties file.

kafka-python takes the same settings as keywords (`LabConfig.client_settings`). The file with a
password exists only while the program runs, in a folder that no other user can enter.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from labkit.core.config import LabConfig
from labkit.core.errors import SettingInvalid

LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def client_properties(config: LabConfig) -> dict[str, str]:
    """Return the security settings by the names of Kafka's Java clients.

    Raises
    ------
    SettingInvalid
        The certificate or its key cannot be read, or Java cannot use the key.

    See: Kafka documentation, section "Authentication using SASL"; KIP-651 (PEM files).
    """
    properties: dict[str, str] = {"security.protocol": config.security_protocol}
    if (authorities := config.pem_path("ssl_cafile")) is not None:
        properties["ssl.truststore.type"] = "PEM"
        properties["ssl.truststore.location"] = str(authorities)
    if (certificate := config.pem_path("ssl_certfile")) is not None:
        key = config.pem_path("ssl_keyfile") or certificate
        properties["ssl.keystore.type"] = "PEM"
        properties["ssl.keystore.certificate.chain"] = _pem(certificate, "LABKIT_SSL_CERTFILE")
        properties["ssl.keystore.key"] = _pkcs8(key)
        if config.ssl_password is not None:
            properties["ssl.key.password"] = config.ssl_password.get_secret_value()
    if config.sasl_mechanism is not None:
        properties["sasl.mechanism"] = config.sasl_mechanism
    if config.sasl_mechanism in LOGIN_MODULES and config.sasl_plain_password is not None:
        properties["sasl.jaas.config"] = login(
            config.sasl_mechanism,
            username=config.sasl_plain_username or "",
            password=config.sasl_plain_password.get_secret_value(),
        )
    return properties


def _pem(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise pem_unreadable(variable, path, error) from error


def _pkcs8(path: Path) -> str:
    """Return a private key in the only form that Kafka's Java programs read, PKCS#8."""
    key = _pem(path, "LABKIT_SSL_KEYFILE")
    if re.search(r"BEGIN (RSA|EC|DSA) PRIVATE KEY", key):
        converted = path.with_suffix(".pkcs8.pem")
        raise SettingInvalid(
            f"Kafka's Java programs read private keys in the form PKCS#8, and {path} has another",
            f"openssl pkcs8 -topk8 -nocrypt -in {path} -out {converted}   "
            f"(then export LABKIT_SSL_KEYFILE={converted})",
        )
    return key


def pem_unreadable(variable: str, path: Path, error: OSError) -> SettingInvalid:
    """Return the error about a file of certificates or keys that cannot be read."""
    what = f"{variable} names {path}, which cannot be read: {error.strerror or error}"
    if isinstance(error, FileNotFoundError):
        what = f"{variable} names {path}, and there is no such file"
    return SettingInvalid(what, f"export {variable}=/path/to/file.pem   (an absolute path)")


@contextmanager
def properties_file(config: LabConfig) -> Iterator[Path | None]:
    """Write the properties to a file that exists during a ``with``; None if none are needed."""
    if config.security_protocol == "PLAINTEXT":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="labkit-") as folder:  # made with mode 0700
        yield write_private(Path(folder) / "client.properties", client_properties(config))


def write_private(path: Path, properties: Mapping[str, str]) -> Path:
    """Write a properties file that only its owner can read, and return its path."""
    lines = [f"{key}={_escaped(value)}" for key, value in properties.items()]
    return write_private_text(path, "\n".join(lines) + "\n")


def write_private_text(path: Path, text: str) -> Path:
    """Write an ASCII file that only its owner can read, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # an old one may be readable by others
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
    return path


def read_properties(path: Path) -> dict[str, str]:
    """Read a simple properties file: ``key=value`` lines, and comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


def login(mechanism: str, **options: str) -> str:
    """Return a line of Java's login configuration (JAAS) for ``sasl.jaas.config``.

    See: Kafka documentation, "Authentication using SASL".
    """
    words = " ".join(f"{name}={_quoted(value)}" for name, value in options.items())
    return f"{LOGIN_MODULES[mechanism]} required {words};"


def _quoted(text: str) -> str:
    """Quote a value for Java's login configuration."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(value: str) -> str:
    """Escape a value for a Java properties file, as ASCII with Unicode escapes."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(
        "\\\\" if code == ord("\\") else chr(code) if 32 < code < 127 else f"\\u{code:04x}"
        for code in codes
    )
