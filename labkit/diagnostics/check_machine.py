"""Checks of the machine: Python, its packages, the settings, disk, memory, clock."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import sys
import sysconfig
import time
import urllib.request
from importlib import metadata, resources
from pathlib import Path

import psutil

from labkit.core.assert_statements import refuse_without_assert
from labkit.core.config import LabConfig, known_settings, load_config, settings_path
from labkit.core.errors import LabError, SettingInvalid
from labkit.core.hidden_modules import NEEDED
from labkit.core.settings_file import unknown_settings
from labkit.diagnostics.known_problems import INSTALL_CLIENT, other_clients, version_of
from labkit.diagnostics.machine_report import Check, Verdict

MIB, GIB = 1024**2, 1024**3
PYTHON_NEEDED = (3, 11)
DISK_NEEDED, DISK_WANTED = 300 * MIB, 2 * GIB
MEMORY_WANTED = 700 * MIB


def python() -> Check:
    """Check whether this Python is new enough, and runs ``assert``."""
    version = sys.version.split()[0]
    if sys.version_info < PYTHON_NEEDED:
        said = f"This is Python {version}; the lab needs 3.11 or newer."
        advice = "install Python 3.11 or newer, and make the environment again"
        return Check("python", "broken", said, advice)
    try:
        refuse_without_assert()
    except LabError as error:
        return Check("python", "broken", f"{error.what}.", error.next_line)
    return Check("python", "ok", f"Python {version} at {sys.executable}.")


def package() -> Check:
    """Check whether labkit is installed, and from where it is imported."""
    here = Path(__file__).resolve().parents[1]
    try:
        version = metadata.version("labkit")
    except metadata.PackageNotFoundError:
        said = f"labkit runs from {here}, and is not installed in this Python."
        return Check("package", "note", said, f"{sys.executable} -m pip install -e {here.parent}")
    return Check("package", "ok", f"labkit {version} from {here}.")


def kafka_client() -> Check:
    """Check whether `kafka` is kafka-python 3, and not another package."""
    others = other_clients()
    version = version_of("kafka-python")
    if others or version is None or not version.startswith("3.0."):
        found = f"{others[0]} {version_of(others[0])}" if others else f"kafka-python {version}"
        remove = f"{sys.executable} -m pip uninstall -y {' '.join(others)} && " if others else ""
        said = f"`import kafka` is {found}; the lab needs kafka-python 3.0.12 or newer."
        advice = f"{remove}{sys.executable} -m {INSTALL_CLIENT}"
        return Check("kafka client", "broken", said, advice)
    return Check("kafka client", "ok", f"kafka-python {version}.")


def own_files() -> Check:
    """Check for files here that a program or notebook imports instead of the real module."""
    # A notebook, and a script in this folder, import from it first; the lab's processes do not.
    ours = {"labkit", *NEEDED}
    here = {path.stem for path in Path.cwd().glob("*.py")}
    hiding = sorted(here & (sys.stdlib_module_names | ours))
    if hiding:
        files = ", ".join(f"{name}.py" for name in hiding)
        said = f"{files} in {Path.cwd()} has the name of a module: a notebook or script here "
        said += "imports it instead. The lab's own commands do not."
        return Check("own files", "note", said, f"mv {hiding[0]}.py my_{hiding[0]}.py")
    return Check("own files", "ok", "No file in this folder has the name of a module.")


def codecs() -> Check:
    """Check whether the records of every compression codec can be read."""
    from labkit.broker.record_codecs import COMPRESSION_TYPES, PACKAGES, missing_codecs

    missing = missing_codecs()
    if missing:
        packages = " ".join(PACKAGES[name] for name in missing)
        said = f"Records compressed with {', '.join(missing)} cannot be read or sent: this Python "
        said += f"has no {packages}."
        return Check("codecs", "broken", said, f"{sys.executable} -m pip install {packages}")
    return Check(
        "codecs", "ok", f"Records of every codec can be read: {', '.join(COMPRESSION_TYPES)}."
    )


def notebook_kernel() -> Check:
    """Check whether notebooks run with this Python, and `pip` installs into it."""
    name = "notebook kernel"
    if importlib.util.find_spec("jupyter_client") is None:
        return Check(name, "note", "No notebooks: this labkit was installed for a server.")
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    here = Path(sys.executable)
    try:
        kernel = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    except NoSuchKernel:
        said = "Jupyter has no Python kernel, so no notebook can run."
        return Check(name, "broken", said, f"{here} -m pip install ipykernel")
    if kernel.is_absolute() and kernel.parent.resolve() != here.parent.resolve():
        said = (
            f"Notebooks run with {kernel}, and this is {here}: what pip installs here is not there."
        )
        return Check(name, "note", said, f"{here} -m ipykernel install --sys-prefix")
    pip = shutil.which("pip")
    if pip and Path(pip).parent.resolve() != Path(sysconfig.get_path("scripts")).resolve():
        said = f"Typing `pip` runs {pip}, which installs into another Python."
        return Check(name, "note", said, f"{here} -m pip install ..., or %pip in a notebook")
    return Check(name, "ok", "Notebooks run with this same Python.")


def settings() -> Check:
    """List the LABKIT_* settings that are set; secrets are never shown."""
    try:
        unknown = unknown_settings(settings_path(), known_settings())
        config = load_config()
    except SettingInvalid as error:
        said = f"{error.what.rstrip('.')}. The other checks go on without it."
        return Check("settings", "broken", said, error.next_line)
    shown = ", ".join(
        f"LABKIT_{field.upper()}={getattr(config, field)}"
        for field in sorted(config.model_fields_set)
    )
    if unknown:
        said = f"{' '.join(one.sentence for one in unknown)} Set are {shown}."
        return Check("settings", "note", said, "compare with the names in labkit/core/config.py")
    return Check("settings", "ok", f"{shown}.")


def front_end() -> Check:
    """Check whether the web page and the widgets are built."""
    package = resources.files("labkit")
    if all((package / part / "static").is_dir() for part in ("api", "widgets")):
        return Check("front end", "ok", "The web page and widgets are built.")
    said = "The web page and the widgets have not been built."
    return Check("front end", "broken", said, "make setup")


def disk(config: LabConfig) -> Check:
    """Check whether there is disk space for the topics and the CSV."""
    folder = next(path for path in (config.state_dir, *config.state_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    sentence = f"{free / GIB:,.1f} GiB free at {folder}."
    if free < DISK_WANTED:
        verdict: Verdict = "broken" if free < DISK_NEEDED else "note"
        return Check("disk", verdict, sentence, "make room there")
    return Check("disk", "ok", sentence)


def memory() -> Check:
    """Check whether there is memory for a broker, a consumer and a notebook."""
    free = psutil.virtual_memory().available
    sentence = f"{free / GIB:,.1f} GiB of memory available."
    if free < MEMORY_WANTED:
        advice = "close other programs, or set LABKIT_BROKER_HEAP_MB=192"
        return Check("memory", "note", sentence, advice)
    return Check("memory", "ok", sentence)


def clock() -> Check:
    """Check whether the clock is plausible, because readings from the future are refused."""
    installed = Path(__file__).stat().st_mtime
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < installed - 86_400:
        said = f"The clock says {now}, a time before labkit was installed."
        return Check("clock", "note", said, "set the machine's clock")
    return Check("clock", "ok", f"The clock says {now}.")


def loopback() -> Check:
    """Check whether programs on this machine can reach each other on 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=3).close()
    except OSError as error:
        said = f"Programs here cannot reach each other on 127.0.0.1: {error}."
        return Check("loopback", "broken", said, "allow connections to 127.0.0.1 in the firewall")
    if "http" in urllib.request.getproxies() and not urllib.request.proxy_bypass("127.0.0.1"):
        said = "HTTP_PROXY sends your own programs' requests to 127.0.0.1 to the proxy. The lab "
        said += "does not use it on this machine, nor do notebooks in `labkit lab`."
        return Check("loopback", "note", said, "export NO_PROXY=127.0.0.1,localhost")
    return Check("loopback", "ok", "127.0.0.1 can be listened on.")
