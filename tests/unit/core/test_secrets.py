"""A password: where it may stand, to whom it may go, and that no name leads out of the folder."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from labkit.core.config import LabConfig, load_config
from labkit.core.errors import SettingInvalid, TopicRefused
from labkit.core.run_files import RunFile
from labkit.pipeline.lab_status import lab_status
from labkit.sink.segment_files import topic_dir
from labkit.table.export import export_readings
from labkit.table.table import read_table

CANARY = "canary-tr0ub4dor"


@pytest.fixture
def password(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_SASL_PLAIN_PASSWORD", CANARY)
    monkeypatch.setenv("LABKIT_SSL_PASSWORD", CANARY)


def test_the_settings_never_show_it(password: None) -> None:
    config = load_config()
    shown = [repr(config), str(config), repr(config.model_dump()), config.model_dump_json()]
    assert CANARY not in "".join(shown)
    assert config.client_settings()["sasl_plain_password"] == CANARY
    assert config.client_settings()["ssl_password"] == CANARY
    assert CANARY not in repr(config.client_settings())


@pytest.mark.parametrize("name", ["LABKIT_SECURITY_PROTOCOL", "LABKIT_SASL_PLAIN_PASSWORD"])
def test_a_password_in_the_wrong_place_is_not_repeated(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(name, CANARY)
        patch.setenv("LABKIT_API_PORT", CANARY)
        with pytest.raises(SettingInvalid) as refused:
            load_config()
    told = "".join(traceback.format_exception(refused.value))
    assert CANARY not in told + repr(refused.value)


REMOTE = [
    *(
        "kafka.example:9092",
        "10.0.0.1:9092",
        "0.0.0.0:9092",
        "localhost.evil.com:9092",
        "[::]:9092",
    ),
    *("localhost:9092,kafka.example:9092", "127.0.0.1.nip.io:9092", "kafka.example", "[fe80::1]:9"),
]


@pytest.mark.parametrize("servers", REMOTE)
def test_a_password_leaves_this_machine_only_encrypted(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", servers)
    monkeypatch.setenv("LABKIT_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    with pytest.raises(SettingInvalid, match="SASL_SSL sends it encrypted") as refused:
        load_config()
    assert "LABKIT_SECURITY_PROTOCOL" in refused.value.next_line
    monkeypatch.setenv("LABKIT_SECURITY_PROTOCOL", "SASL_SSL")
    assert load_config().bootstrap_servers == servers


@pytest.mark.parametrize(
    "servers", ["", "localhost:9092", "127.0.0.1:9092, 127.8.8.8:1", "[::1]:9092", "LOCALHOST:1"]
)
def test_on_this_machine_it_may_go_in_the_clear(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch, servers: str
) -> None:
    if servers:
        monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", servers)
    monkeypatch.setenv("LABKIT_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    assert load_config().security_protocol == "SASL_PLAINTEXT"


@pytest.mark.parametrize("url", [f"http://ada:{CANARY}@127.0.0.1:1", "http://proxy.example:1"])
def test_a_proxy_gets_no_password(lab_dir: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("LABKIT_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
        patch.setenv("LABKIT_PROXY_URL", url)
        with pytest.raises(SettingInvalid, match="LABKIT_PROXY_URL") as refused:
            load_config()
        assert CANARY not in str(refused.value)
        patch.setenv("LABKIT_PROXY_URL", "http://127.0.0.1:1")
        assert load_config().proxy_url == "http://127.0.0.1:1"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
@pytest.mark.parametrize(
    "line",
    [
        f"LABKIT_SASL_PLAIN_PASSWORD={CANARY}",
        f"LABKIT_TOPIC=mine\n  export labkit_sasl_plain_password = '{CANARY}'\n",
    ],
)
def test_a_file_with_a_password_is_for_its_owner_alone(lab_dir: Path, line: str) -> None:
    env_file = lab_dir / ".env"
    env_file.write_text(line)
    for mode in (0o644, 0o640, 0o602):
        env_file.chmod(mode)
        with pytest.raises(SettingInvalid, match="other users") as refused:
            load_config()
        assert refused.value.next_line == f"chmod 600 {env_file}"
        assert CANARY not in str(refused.value)
    env_file.chmod(0o600)
    password = load_config().sasl_plain_password
    assert password is not None
    assert password.get_secret_value() == CANARY


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_a_file_with_the_password_of_a_key_is_for_its_owner_alone(lab_dir: Path) -> None:
    env_file = lab_dir / ".env"
    env_file.write_text(f"LABKIT_SSL_PASSWORD={CANARY}")
    env_file.chmod(0o640)
    with pytest.raises(SettingInvalid, match="other users"):
        load_config()
    env_file.chmod(0o600)


MISSING = {
    "LABKIT_SASL_MECHANISM": {},
    "LABKIT_SASL_PLAIN_USERNAME": {"sasl_mechanism": "PLAIN", "sasl_plain_password": CANARY},
    "LABKIT_SASL_PLAIN_PASSWORD": {"sasl_mechanism": "SCRAM-SHA-256", "sasl_plain_username": "a"},
}


@pytest.mark.parametrize("variable", MISSING)
def test_a_login_without_all_of_its_settings_is_refused(variable: str) -> None:
    settings = {"security_protocol": "SASL_SSL", **MISSING[variable]}
    config = LabConfig(lab_dir=Path(), state_dir=Path(), **settings)
    with pytest.raises(SettingInvalid, match=f"{variable} is not set") as refused:
        config.client_settings()
    assert refused.value.next_line.startswith(f"export {variable}=")


def test_files_are_found_from_the_labs_folder(tmp_path: Path) -> None:
    config = LabConfig(lab_dir=tmp_path, state_dir=Path(), ssl_cafile="ca.pem", ssl_certfile="/a")
    settings = config.client_settings()
    assert (settings["ssl_cafile"], settings["ssl_certfile"]) == (str(tmp_path / "ca.pem"), "/a")


def test_a_file_without_one_may_be_read_by_all(lab_dir: Path) -> None:
    (lab_dir / ".env").write_text("# LABKIT_SASL_PLAIN_PASSWORD=\nLABKIT_TOPIC=mine\n")
    (lab_dir / ".env").chmod(0o644)
    assert load_config().topic == "mine"


def test_a_status_has_no_token_in_it(lab_dir: Path) -> None:
    url = f"http://127.0.0.1:1/lab?token={CANARY}"
    run_file = RunFile("lab", "jupyterlab", url=url, folder=str(lab_dir))
    assert CANARY not in repr(lab_status())
    assert lab_status()["workers"][0]["url"] == "http://127.0.0.1:1/lab"
    if os.name != "nt":
        assert run_file.path.parent.stat().st_mode & 0o077 == 0
    run_file.remove()


OUTSIDE = [
    *("..", ".", "", "../other", "a/../../b", "/etc", "a/b", "a\\b", "..\\other", "C:\\x", "C:x"),
    *("a\0b", "a\nb", "topic\n", "~", "a b", "%2e%2e", "..%2f", "\uff0e\uff0e", "\u2025", "é"),
    *("٣", "a:b", "con/", "//host/share", "\\\\host\\share", "a*", "a?", "a|b", "$HOME", "x" * 250),
]


@pytest.mark.parametrize("topic", OUTSIDE)
def test_no_topic_name_leads_out_of_the_data_folder(lab_dir: Path, topic: str) -> None:
    assert len(OUTSIDE) > 30
    with pytest.raises(TopicRefused, match="not a topic name"):
        topic_dir(lab_dir, topic)
    if topic:  # nothing stands for the lab's own topic
        with pytest.raises(TopicRefused):
            read_table(lab_dir, topic)
        with pytest.raises(TopicRefused):
            export_readings(lab_dir / "out.csv", lab_dir, topic)


@pytest.mark.parametrize(
    "topic", ["co2-emissions", "co2-emissions.dlq", "__x", "...", "-", "A.b_9"]
)
def test_every_name_of_kafkas_is_a_folder_inside(lab_dir: Path, topic: str) -> None:
    assert topic_dir(lab_dir, topic).resolve().parent == lab_dir.resolve()
