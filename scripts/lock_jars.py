"""Write ``labkit/broker/install/jars.lock``: every jar of Apache Kafka that the lab runs.

    .venv/bin/python scripts/lock_jars.py          (and 4.4.0, for jars-4.4.0.lock)

Maven itself resolves the dependencies, because only Maven applies its own rules of mediation
(jgo's resolver takes kafka-clients 3.9.1 for Kafka 4.3.1). Nothing has to be installed for it:
Maven is an artifact of Maven Central too, and runs on the Java that the lab brings along.
Behind a proxy with a certificate of its own, tell that Java where to find it:

    JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/etc/ssl/certs/java/cacerts
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from jgo.maven import MavenContext

from labkit.broker.install.java import java_executable
from labkit.broker.install.kafka_jars import KAFKA_VERSION, lock_file

MAVEN = ("org.apache.maven", "apache-maven", "3.9.11")
LIST = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:list"
KAFKA = "org.apache.kafka"

# Newer than what Kafka's own descriptors ask for, each with its reason.
OVERRIDES = {
    ("at.yawk.lz4", "lz4-java"): "1.11.2",  # CVE-2026-59949 in 1.10.2, fixed from 1.11.1 on
}
# What Kafka's own release ships beside its jars, so that a broker can log (its SLF4J binding).
LOG4J_VERSION = "2.25.4"
LOGGING = [("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION)]

# kafka-tools depends on Kafka Connect for one of its tools. A broker and the everyday tools do
# not need Connect, so its jars (a web server among them) are fetched only when it is asked for.
CONNECT = ["connect-runtime", "connect-json", "connect-mirror", "connect-file", "trogdor"]
BROKER = ["kafka_2.13", "kafka-tools", "kafka-shell"]
# Not in the registry on 2026-11-29.
MISSING = {"4.4.0": {"kafka-shell", "trogdor", "connect-mirror", "connect-file"}}


def main(version: str = KAFKA_VERSION) -> None:
    """Resolve both groups of a version and write its lock."""
    own, connect = (
        [(KAFKA, one, version) for one in artifacts if one not in MISSING.get(version, ())]
        for artifacts in (BROKER, CONNECT)
    )
    with tempfile.TemporaryDirectory(prefix="lock-jars-") as name:
        folder = Path(name)
        maven = fetch_maven(folder)
        broker = resolve(maven, folder, own, without_connect=True)
        everything = resolve(maven, folder, own + connect, without_connect=False)
        lines = [
            "# Every jar of Apache Kafka that the lab runs; made by scripts/lock_jars.py.",
            f"# Kafka {version}. Group, SHA-256, bytes, coordinate (group:artifact:version).",
        ]
        for coordinate, path in sorted({**everything, **broker}.items()):
            group = "broker" if coordinate in broker else "connect"
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f"{group:7} {digest} {len(content):>9} {coordinate}")
        path = lock_file(version)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{path}: {len(broker)} jars for a broker, {len(lines) - 2} in all")


def fetch_maven(folder: Path) -> Path:
    """Unpack Maven's own distribution and return its home."""
    group, artifact, version = MAVEN
    component = MavenContext(repo_cache=folder / "maven").project(group, artifact)
    archive = component.at_version(version).artifact("bin", "zip").resolve()
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder / f"{artifact}-{version}"


def resolve(
    maven: Path, folder: Path, artifacts: list[tuple[str, str, str]], *, without_connect: bool
) -> dict[str, Path]:
    """Return coordinate and file of every jar that these artifacts need at run time."""
    wanted = artifacts + LOGGING
    exclusion = (
        f"<exclusions>{''.join(exclude(name) for name in ('connect-runtime', 'connect-json'))}"
        "</exclusions>"
        if without_connect
        else ""
    )
    pom = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
      <modelVersion>4.0.0</modelVersion>
      <groupId>lab</groupId><artifactId>lab</artifactId><version>1</version>
      <dependencyManagement><dependencies>
        {"".join(dependency(*ga, version) for ga, version in OVERRIDES.items())}
      </dependencies></dependencyManagement>
      <dependencies>
        {"".join(dependency(*gav, exclusion) for gav in wanted)}
      </dependencies>
    </project>"""
    (folder / "pom.xml").write_text(pom, encoding="utf-8")
    listing = folder / "list.txt"
    (launcher,) = (maven / "boot").glob("plexus-classworlds-*.jar")
    subprocess.run(
        [
            str(java_executable()),
            f"-Dclassworlds.conf={maven / 'bin' / 'm2.conf'}",
            f"-Dmaven.home={maven}",
            f"-Dmaven.multiModuleProjectDirectory={folder}",
            "-classpath",
            str(launcher),
            "org.codehaus.plexus.classworlds.launcher.Launcher",
            *("--batch-mode", "--quiet", "--file", str(folder / "pom.xml")),
            f"-Dmaven.repo.local={folder / 'm2'}",
            *(LIST, "-DincludeScope=runtime", "-DoutputAbsoluteArtifactFilename=true"),
            f"-DoutputFile={listing}",
        ],
        check=True,
    )
    return dict(read_listing(listing.read_text(encoding="utf-8")))


def read_listing(text: str) -> list[tuple[str, Path]]:
    """Read lines such as ``  org.slf4j:slf4j-api:jar:1.7.36:compile:/…/slf4j-api.jar``."""
    pattern = r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):(?:compile|runtime):(.+?\.jar)\b"
    found = re.findall(pattern, text, flags=re.MULTILINE)
    return [
        (f"{group}:{artifact}:{version}", Path(path)) for group, artifact, version, path in found
    ]


def dependency(group: str, artifact: str, version: str, exclusions: str = "") -> str:
    """Return one ``<dependency>`` of a pom."""
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version>{exclusions}</dependency>"
    )


def exclude(artifact: str) -> str:
    """Return one ``<exclusion>`` of a pom."""
    return f"<exclusion><groupId>{KAFKA}</groupId><artifactId>{artifact}</artifactId></exclusion>"


if __name__ == "__main__":
    main(*sys.argv[1:])
