"""The doctor on a sound machine, and on machines that lack something."""

from __future__ import annotations

import html
import socket
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit.broker import record_codecs
from labkit.broker.cluster_state import ClusterState, NodeState, cluster_dir, write_cluster
from labkit.broker.node_setup import free_ports
from labkit.cli import main
from labkit.core.config import load_config
from labkit.core.errors import LabError
from labkit.diagnostics import check_broker, check_java, check_lab_folder, check_machine
from labkit.diagnostics.doctor import doctor, examine
from labkit.diagnostics.known_problems import KNOWN_PROBLEMS
from labkit.diagnostics.machine_report import Check, MachineReport, report


def test_a_sound_machine(lab_dir: Path) -> None:
    checks = examine()
    assert [check for check in checks if check.verdict == "broken"] == []
    assert {check.name for check in checks} >= {
        *("python", "package", "kafka client", "notebook kernel", "settings", "java"),
        *("kafka's jars", "front end", "disk", "memory", "clock", "loopback", "broker", "docker"),
    }
    assert all(check.sentence.endswith((".", "?")) for check in checks)
    assert report(checks).row_count == len(checks)


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 9, 1))
    assert check_machine.python().verdict == "broken"


def fake_versions(**known: str) -> Callable[[str], str]:
    def version(name: str) -> str:
        if name not in known:
            raise metadata.PackageNotFoundError(name)
        return known[name]

    return version


@pytest.mark.parametrize(
    "versions",
    [
        {"kafka-python": "3.0.12", "kafka-python-ng": "2.2.3"},
        {"kafka-python": "2.0.2"},
        {"kafka": "1.3.5", "kafka-python": "3.0.12"},
        {},
    ],
    ids=str,
)
def test_a_kafka_client_that_is_not_ours(
    versions: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", fake_versions(**versions))
    check = check_machine.kafka_client()
    assert check.verdict == "broken"
    assert 'install --force-reinstall "kafka-python>=3.0.12,<3.1"' in check.next_line
    assert ("uninstall" in check.next_line) == (len(versions) == 2)


def test_a_file_with_the_name_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helpers.py").touch()
    assert check_machine.own_files().verdict == "ok"
    (tmp_path / "kafka.py").touch()
    check = check_machine.own_files()
    assert (check.verdict, check.next_line) == ("note", "mv kafka.py my_kafka.py")


def test_a_codec_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_machine.codecs().verdict == "ok"
    monkeypatch.setitem(record_codecs._HAS_CODEC, "zstd", lambda: False)
    check = check_machine.codecs()
    assert (check.verdict, "with zstd cannot" in check.sentence) == ("broken", True)
    assert check.next_line.endswith("-m pip install zstandard")


def test_a_kernel_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SimpleNamespace(argv=["/opt/other/bin/python", "-m", "ipykernel_launcher"])
    monkeypatch.setattr(
        "jupyter_client.kernelspec.KernelSpecManager.get_kernel_spec", lambda *_: spec
    )
    check = check_machine.notebook_kernel()
    assert (check.verdict, "/opt/other" in check.sentence) == ("note", True)


def test_settings_are_shown_and_secrets_are_not(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_SASL_PLAIN_PASSWORD", "tr0ub4dor")
    monkeypatch.setenv("LABKIT_TOPIC", "mine")
    check = check_machine.settings()
    assert check.verdict == "ok"
    assert "LABKIT_TOPIC=mine" in check.sentence
    assert "tr0ub4dor" not in check.sentence
    monkeypatch.setenv("LABKIT_TOPICS", "mine")
    check = check_machine.settings()
    assert (check.verdict, "mean LABKIT_TOPIC?" in check.sentence) == ("note", True)


def test_a_setting_that_cannot_be_read(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("LABKIT_NUM_PARTITIONS", "three-secret")
        checks = examine()
    (broken,) = [check for check in checks if check.verdict == "broken"]
    assert {check.name for check in checks} == {check.name for check in examine()}
    assert "LABKIT_NUM_PARTITIONS" in broken.sentence
    assert "three-secret" not in broken.sentence


def test_a_full_disk_and_little_memory(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100 * 1024**2))
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1024**2))
    assert check_machine.disk(load_config()).verdict == "broken"
    assert check_machine.memory().verdict == "note"


def test_a_clock_that_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert check_machine.clock().verdict == "note"


def test_a_proxy_for_this_very_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://nowhere.invalid:9")
    check = check_machine.loopback()
    assert (check.verdict, "NO_PROXY" in check.next_line) == ("note", True)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert check_machine.loopback().verdict == "ok"


def test_no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise LabError("there is no Java runtime", "export JAVA_HOME=...")

    monkeypatch.setattr(check_java, "java_executable", none)
    check = check_java.java()
    assert (check.verdict, check.next_line) == ("broken", "export JAVA_HOME=...")
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", "kafka:9093")
    assert check_java.java().verdict == "note"


def test_jars_that_are_not_here_or_not_right(
    lab_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_CACHE_DIR", str(tmp_path / "cache"))
    assert check_java.jars().verdict == "note"
    folder = check_java.jar_dir()
    folder.mkdir(parents=True)
    for jar in check_java.locked_jars():
        (folder / jar.file_name).write_bytes(b"not a jar")
    check = check_java.jars()
    assert check.verdict == "broken"
    assert "jars.lock" in check.sentence


def test_a_configured_broker_that_is_not_there(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("LABKIT_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
    check = check_broker.broker(load_config())
    assert (check.verdict, "Nothing listens" in check.sentence) == ("broken", True)


def test_a_check_that_fails_does_not_stop_the_others(
    lab_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ill() -> Check:
        raise RuntimeError("ill")

    monkeypatch.setattr(check_machine, "memory", ill)
    checks = examine()
    (found,) = [check for check in checks if "RuntimeError: ill" in check.sentence]
    assert found.verdict == "note"
    assert len(checks) > 10


# What the lab keeps here


def a_cluster(folder: Path, *ports: int) -> Path:
    """Write down a cluster of last time, whose nodes are formatted and do not run."""
    nodes = [
        NodeState(node_id=number, port=port, controller_port=free_ports(1)[0])
        for number, port in enumerate(ports, 1)
    ]
    cluster = ClusterState(cluster_id="J1vNxZ7yQ8mLk2pRsT4uVw", nodes=nodes)
    folder.mkdir(parents=True)
    write_cluster(cluster, folder)
    for one in nodes:
        data = folder / one.name / "data"
        data.mkdir(parents=True)
        meta = f"#\nnode.id={one.node_id}\ncluster.id={cluster.cluster_id}\nversion=1\n"
        (data / "meta.properties").write_text(meta)
    return folder


def test_a_port_that_another_program_took(lab_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_lab_folder.ports(load_config()).verdict == "ok"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        a_cluster(cluster_dir(), port)
        check = check_lab_folder.ports(load_config())
        assert (check.verdict, f"{port} (broker 1)" in check.sentence) == ("note", True)
        monkeypatch.setenv("LABKIT_API_PORT", str(port))
        check = check_lab_folder.ports(load_config())
        assert (check.verdict, "--port 0" in check.next_line) == ("broken", True)


@pytest.mark.parametrize(
    ("was", "now"),
    [("node.id=2", "node.id=1"), ("cluster.id=J1vNxZ7yQ8mLk2pRsT4uVw", "cluster.id=another")],
)
def test_a_data_folder_of_another_node_or_cluster(lab_dir: Path, was: str, now: str) -> None:
    assert check_lab_folder.storage().verdict == "ok"
    folder = a_cluster(cluster_dir(), *free_ports(2))
    assert check_lab_folder.storage().verdict == "ok"
    meta = folder / "node-2" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace(was, now))
    check = check_lab_folder.storage()
    assert (check.verdict, check.next_line.startswith("labkit reset")) == ("broken", True)


def test_a_start_up_cache_that_no_start_uses(
    lab_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_lab_folder, "cache_dir", lambda: tmp_path)
    assert "None is made yet" in check_lab_folder.start_up_caches().sentence
    (tmp_path / "kafka-4.3.1-0123456789abcdef.aot").write_bytes(b"x" * 1_000)
    assert "kafka-4.3.1-0123456789abcdef.aot" in check_lab_folder.start_up_caches().next_line


def test_the_report_for_a_notebook(lab_dir: Path) -> None:
    report = doctor()
    assert isinstance(report, MachineReport)
    shown = report._repr_html_()
    for check in report.checks:
        assert check.name in repr(report)
        assert html.escape(check.name) in shown
    assert "✔ ok" in shown


def test_the_doctor_lists_the_known_problems(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--pains"])
    said = capsys.readouterr().out
    for one in KNOWN_PROBLEMS:
        assert one.next_line in said
