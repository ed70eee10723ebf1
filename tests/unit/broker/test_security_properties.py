"""Security settings in the file that Java reads; that a broker lets them in is in integration/."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.broker.security_properties import _escaped, client_properties, properties_file
from labkit.core.config import LabConfig


def config(**settings: object) -> LabConfig:
    return LabConfig(lab_dir=Path(), state_dir=Path(), **settings)


def read_java_properties(text: str) -> dict[str, str]:
    """Read as `java.util.Properties` does, as far as escapes go."""
    pairs = [line.partition("=") for line in text.splitlines()]
    return {key: value.encode("ascii").decode("unicode_escape") for key, _, value in pairs}


def test_an_open_cluster_needs_no_file() -> None:
    with properties_file(config()) as path:
        assert path is None


def test_the_file_is_for_its_owner_and_for_its_time() -> None:
    settings = config(
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username="ada",
        sasl_plain_password='p"\\ü',
        ssl_cafile=Path("ca.pem"),
    )
    with properties_file(settings) as path:
        assert path is not None
        assert read_java_properties(path.read_text()) == client_properties(settings)
        if os.name != "nt":
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_password_is_quoted_for_the_login_module() -> None:
    login = client_properties(
        config(
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username="ada",
            sasl_plain_password='p"\\',
        )
    )["sasl.jaas.config"]
    assert login.endswith(r'PlainLoginModule required username="ada" password="p\"\\";')


@given(st.text(alphabet=st.characters(codec="utf-8", max_codepoint=0xFFFF)))
def test_any_text_comes_back_from_the_file(text: str) -> None:
    assert read_java_properties(f"key={_escaped(text)}")["key"] == text


@pytest.mark.parametrize("mechanism", ["GSSAPI", "OAUTHBEARER"])
def test_a_mechanism_without_a_password_gets_no_login_line(mechanism: str) -> None:
    found = client_properties(config(security_protocol="SASL_SSL", sasl_mechanism=mechanism))
    assert found == {"security.protocol": "SASL_SSL", "sasl.mechanism": mechanism}
