"""The lab's settings: one object, read from ``LABKIT_*`` variables and the lab's ``.env``.

A lab is a folder: the nearest one, from the working directory upwards, that contains a
``.labkit`` folder (as git finds its repository), otherwise the working directory itself.
Notebooks and terminals anywhere inside it share one broker and one data folder.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from labkit.core.errors import LabError, SettingInvalid
from labkit.core.settings_file import PREFIX, lines_of, refuse_malformed_lines, settings_text

STATE_FOLDER = ".labkit"
# In the state folder: the learner's marks, and the clusters of lessons, each with its own state.
MARKS, CLUSTERS = "progress.json", "clusters"
_PASSWORD_LINE = re.compile(r"^\s*(export\s+)?LABKIT_(SASL_PLAIN|SSL)_PASSWORD\s*=", re.M | re.I)
PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""The SASL mechanisms that take a user name and a password."""


class Unprinted(str):
    """A password without a repr, because kafka-python logs all its settings at level DEBUG."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


class LabConfig(BaseSettings):
    """Every setting of the lab, with its default.

    Each field is set by a variable: its name in upper case with the prefix ``LABKIT_``
    (``LABKIT_BOOTSTRAP_SERVERS=localhost:9092``), in the environment or in ``.env``. An empty
    variable counts as not set.
    Where the Kafka client has the same setting, the name is the client's.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    lab_dir: Path = Field(description="The lab's folder; relative data folders start here.")
    state_dir: Path = Field(description="Ports, pids, logs and the broker's own data.")
    cache_dir: Path | None = Field(None, description="Kafka's jars; None: the user's cache folder.")

    kafka_version: Literal["4.3.1", "4.4.0"] = Field(
        "4.3.1",
        description="The Kafka that the lab's brokers run. 4.4.0 is fetched once it is asked for, "
        "to practise an upgrade.",
    )
    bootstrap_servers: str | None = Field(
        None, description="host:port of an existing cluster; None: the lab starts its own broker."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: str | None = Field(
        None, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, with a SASL_ protocol."
    )
    sasl_plain_username: str | None = None
    sasl_plain_password: SecretStr | None = None
    ssl_cafile: Path | None = Field(
        None, description="The authorities to trust (PEM); None: those of this machine."
    )
    ssl_certfile: Path | None = Field(
        None, description="This client's own certificate and its chain (PEM), for mutual TLS."
    )
    ssl_keyfile: Path | None = Field(
        None, description="The certificate's private key (PEM); None: it is in ssl_certfile."
    )
    ssl_password: SecretStr | None = Field(None, description="The private key's password.")
    proxy_url: str | None = Field(
        None, description="Clients go through this proxy; `labkit proxy` prints its address."
    )

    topic: str = "co2-emissions"
    num_partitions: int = Field(3, gt=0)
    group_id: str = "csv-writer"
    data_dir: Path = Field(Path("data"), description="The CSV logs, one folder per topic.")
    segment_bytes: int = Field(256 * 1024**2, gt=0, description="A CSV is rolled past this size.")
    retention_days: float | None = Field(
        None,
        gt=0,
        description="CSV files and delivery logs that were closed so long ago are removed; None: "
        "never. What they held is counted.",
    )
    retention_bytes: int | None = Field(
        None,
        gt=0,
        description="The oldest closed CSV files of a partition are removed once all its files "
        "are larger than this, and a topic's delivery logs likewise; None: never.",
    )
    session_timeout_ms: int = Field(
        6_000, gt=0, description="How soon a silent consumer is replaced."
    )
    commit_interval_s: float = Field(0.2, ge=0, allow_inf_nan=False)
    broker_heap_mb: int = Field(256, gt=0)
    java_options: str = Field(
        "", description="More options for the Java of brokers and Connect, such as -XX:UseSVE=0."
    )
    aot_cache: bool = Field(True, description="Make the cache that halves a broker's start.")
    api_port: int = Field(0, description="0: any free port.")
    api_host: str = Field(
        "127.0.0.1",
        description="Where the API listens. In a container 0.0.0.0, so that its port can be "
        "published; elsewhere another address shows your readings to others, without a login.",
    )
    api_rows_in_memory: int = Field(
        2_000_000,
        ge=0,
        description="So many of the newest readings the API keeps in memory (88 bytes each). Older "
        "ones are read again from the CSV when they are asked for.",
    )
    trusted_hosts: str = Field(
        "",
        description="Names beside localhost that the API answers to; .x: and all below x.",
    )

    @field_validator("security_protocol")
    @classmethod
    def _no_password_in_the_clear(cls, protocol: str, info: ValidationInfo) -> str:
        servers: str = info.data.get("bootstrap_servers") or "127.0.0.1"
        hosts = [one.strip().rpartition(":")[0] or one.strip() for one in servers.split(",")]
        if protocol == "SASL_PLAINTEXT" and not all(map(_is_loopback, hosts)):
            raise ValueError(
                f"SASL_PLAINTEXT sends your password unencrypted, and {servers} is not only this "
                "machine; SASL_SSL sends it encrypted"
            )
        return protocol

    @field_validator("proxy_url")
    @classmethod
    def _no_password_for_a_proxy(cls, url: str | None, info: ValidationInfo) -> str | None:
        place = urlsplit(url or "")
        if place.username or place.password:
            raise ValueError("it has a name or a password in it, which `labkit doctor` would show")
        in_the_clear = info.data.get("security_protocol") == "SASL_PLAINTEXT"
        if url and in_the_clear and not _is_loopback(place.hostname or ""):
            raise ValueError(f"SASL_PLAINTEXT would send your password to {place.hostname}")
        return url

    @field_validator("data_dir", "cache_dir", "ssl_cafile", "ssl_certfile", "ssl_keyfile")
    @classmethod
    def _home_is_known(cls, path: Path | None) -> Path | None:
        try:
            return path.expanduser() if path else None
        except RuntimeError as error:  # ~ of a user without a home, or ~nobody
            raise ValueError(f"{error} {path} begins with one") from error

    @field_validator("java_options")
    @classmethod
    def _words_can_be_separated(cls, options: str) -> str:
        shlex.split(options)  # its ValueError says which quote is missing
        return options

    def data_path(self, data_dir: str | Path | None = None) -> Path:
        """Return an absolute data folder; a relative one lies inside the lab's folder."""
        return (self.lab_dir / Path(data_dir or self.data_dir).expanduser()).resolve()

    @property
    def notebooks_dir(self) -> Path:
        """The learner's copies of the lessons."""
        return self.lab_dir / "my-notebooks"

    def cache_path(self) -> Path:
        """Return the folder for what is shared by all labs of a user: jars and AOT caches.

        Raises
        ------
        SettingInvalid
            None is set, and the user has no home folder.
        """
        if self.cache_dir is not None:
            return (self.lab_dir / self.cache_dir).absolute()
        try:
            return user_cache_path("labkit", appauthor=False)
        except RuntimeError as error:
            msg = f"There is no place for Kafka's jars: {error}"
            raise SettingInvalid(msg, "export LABKIT_CACHE_DIR=/path/to/a/folder") from error

    @property
    def wants_login(self) -> bool:
        """Whether clients log in with SASL."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether clients encrypt, and check the broker's certificate."""
        return self.security_protocol.endswith("SSL")

    def pem_path(self, name: Literal["ssl_cafile", "ssl_certfile", "ssl_keyfile"]) -> Path | None:
        """Return the absolute path of a PEM file; a relative one is in the lab's folder."""
        path: Path | None = getattr(self, name)
        return (self.lab_dir / path).absolute() if path is not None else None

    def client_settings(self) -> dict[str, Any]:
        """Return the security and network settings that every kafka-python client takes.

        Passwords leave their ``SecretStr`` only here.

        Raises
        ------
        SettingInvalid
            A setting is missing without which no login is possible.
        """
        self._refuse_incomplete_login()
        settings = {
            "security_protocol": self.security_protocol,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_plain_username,
            "sasl_plain_password": _unprinted(self.sasl_plain_password),
            "ssl_cafile": _text(self.pem_path("ssl_cafile")),
            "ssl_certfile": _text(self.pem_path("ssl_certfile")),
            "ssl_keyfile": _text(self.pem_path("ssl_keyfile")),
            "ssl_password": _unprinted(self.ssl_password),
            "proxy_url": self.proxy_url,
        }
        return {key: value for key, value in settings.items() if value is not None}

    def _refuse_incomplete_login(self) -> None:
        needed = ["sasl_mechanism"] if self.wants_login else []
        if self.wants_login and self.sasl_mechanism in PASSWORD_MECHANISMS:
            needed += ["sasl_plain_username", "sasl_plain_password"]
        for name in needed:
            if getattr(self, name) is None:
                variable, hint = _variable(name), "..."
                if name == "sasl_mechanism":
                    hint = "SCRAM-SHA-512   (or what the cluster has: PLAIN, SCRAM-SHA-256)"
                raise SettingInvalid(
                    f"LABKIT_SECURITY_PROTOCOL={self.security_protocol} is a login, and "
                    f"{variable} is not set",
                    f"export {variable}={hint}",
                )
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise SettingInvalid(
                "LABKIT_SSL_KEYFILE is set, and the certificate that the key belongs to is not",
                "export LABKIT_SSL_CERTFILE=client.pem   (your certificate)",
            )


def _unprinted(password: SecretStr | None) -> Unprinted | None:
    return Unprinted(password.get_secret_value()) if password is not None else None


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without a name server, whose answer may be wrong."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def dead_letter_topic(topic: str) -> str:
    """Return the name of a topic's dead-letter queue."""
    return f"{topic}.dlq"


def find_lab_dir(start: Path | None = None) -> Path:
    """Return the lab that contains ``start`` (default: the working directory).

    Raises
    ------
    LabError
        The working directory does not exist any more.
    """
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError as error:
        msg = "The folder that this terminal or notebook works in has been deleted"
        raise LabError(msg, "cd ..   (or to any folder that exists)") from error
    folders = (here, *here.parents)
    return next((folder for folder in folders if (folder / STATE_FOLDER).is_dir()), here)


_use_defaults: ContextVar[bool] = ContextVar("use_defaults", default=False)


@contextmanager
def defaults_for_invalid_settings() -> Iterator[None]:
    """During a ``with``, let `load_config` replace what it cannot use by the defaults.

    For what reports such an error, and needs settings itself: the doctor, the error log.
    """
    token = _use_defaults.set(True)
    try:
        yield
    finally:
        _use_defaults.reset(token)


def known_settings() -> list[str]:
    """Return the names of all settings: ``LABKIT_TOPIC`` and so on."""
    return [_variable(field) for field in LabConfig.model_fields]


def settings_path() -> Path:
    """Return the lab's ``.env``, existing or not."""
    return _lab_dir() / ".env"


def load_config() -> LabConfig:
    """Read the settings.

    ``LABKIT_STATE_DIR`` and ``LABKIT_LAB_DIR`` override where the lab is. The variables and the
    file are read each time, so a change takes effect with the next call.

    Raises
    ------
    SettingInvalid
        A variable has an invalid value, the file cannot be read, or other users may read your
        password in it.
    """
    try:
        return _load(settings_path())
    except SettingInvalid:
        if not _use_defaults.get():
            raise
    return _load_what_is_valid()


def _load(env_file: Path | None, **replaced: Any) -> LabConfig:
    lab_dir = _lab_dir()
    state_dir = Path(os.environ.get("LABKIT_STATE_DIR") or lab_dir / STATE_FOLDER).resolve()
    text = settings_text(env_file) if env_file else ""
    if env_file and text:
        refuse_malformed_lines(env_file, text)
        _refuse_open_password(env_file, text)
    try:
        return _validated(
            env_file if text else None,  # not a pipe, at which Pydantic would wait
            text,
            frozenset(one for one in os.environ.items() if one[0].upper().startswith(PREFIX)),
            **{"lab_dir": lab_dir, "state_dir": state_dir, **replaced},
        )
    except ValidationError as error:
        # Without the value, which may be a password; also not in the traceback.
        first = error.errors(include_input=False, include_url=False)[0]
        variable = _variable(*first["loc"])
        line = lines_of(text).get(variable)
        in_environment = variable in {name.upper() for name in os.environ}  # which goes first
        place = "the environment" if in_environment else f"line {line} of {env_file}"
        refused = SettingInvalid(
            f"The setting {variable} cannot be used: {first['msg']}",
            f"correct {variable} in {place}",
        )
        refused.fields = frozenset(str(one["loc"][0]) for one in error.errors())
        raise refused from None


@functools.lru_cache(maxsize=8)
def _validated(
    env_file: Path | None, _text: str, _variables: frozenset[tuple[str, str]], **known: Any
) -> LabConfig:
    """Return the settings in a file and in the variables, validated.

    Validation takes some milliseconds, and a live chart asks several times a second. So the same
    text and variables give the same object, which nobody can change.
    """
    return LabConfig(
        _env_file=env_file,
        _env_file_encoding="utf-8-sig",  # also without the mark that Windows writes
        **known,
    )


def _load_what_is_valid() -> LabConfig:
    """Return the settings with the default for each that is invalid."""
    replaced: dict[str, Any] = {}
    env_file: Path | None = settings_path()
    while True:
        try:
            return _load(env_file, **replaced)
        except SettingInvalid as error:
            new = error.fields - set(replaced)
            if new:
                replaced |= {name: LabConfig.model_fields[name].default for name in new}
            elif env_file is not None:
                env_file = None  # the file itself is the problem
            else:
                raise


def _lab_dir() -> Path:
    return Path(os.environ.get("LABKIT_LAB_DIR") or find_lab_dir()).resolve()


def _variable(*location: str | int) -> str:
    return "_".join((PREFIX.rstrip("_"), *map(str, location))).upper()


def _refuse_open_password(env_file: Path, text: str) -> None:
    """Refuse a ``.env`` that contains a password and is readable by other users."""
    if os.name == "nt":  # there, the folder's permissions decide
        return
    try:
        mode = stat.S_IMODE(env_file.stat().st_mode)
    except FileNotFoundError:
        return  # deleted since it was read, as an editor does that replaces a file
    if mode & 0o077 and _PASSWORD_LINE.search(text):
        msg = f"{env_file} holds a password, and other users of this machine may read it"
        raise SettingInvalid(f"{msg} (mode {mode:o})", f"chmod 600 {env_file}")
