"""``labkit lab``: JupyterLab on the lessons, on this machine only.

The user's own Jupyter configuration is not changed: configuration, workspaces, connection files
and data of this server are in the lab's state folder. Only the user's settings of the page itself,
such as a dark theme, apply here too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labkit.cli.lesson_copies import Copied, bring_back, copy_lessons, originals_for
from labkit.core.config import STATE_FOLDER, LabConfig, load_config
from labkit.core.errors import LabError
from labkit.core.hidden_modules import hiding_files, set_file_aside_line
from labkit.core.json_files import write_json
from labkit.core.run_files import RunFile, read_run_files
from labkit.core.text_tables import many

FIRST_LESSON = "00_start_here.ipynb"
ENDED_S = 3.0  # how long Python may take to end, once all is stopped
KERNEL_SHUTDOWN_S = 15.0  # a kernel stops its producers and consumers before it ends


def open_lab(
    folder: Path | None = None,
    *,
    fresh: str | None = None,
    forget_marks: bool = False,
    open_browser: bool = True,
    port: int = 0,
) -> int:
    """Run JupyterLab until Ctrl-C or SIGTERM, and return the exit status.

    Its kernels share this lab's folder. A broker that one of them starts stops with JupyterLab,
    not with the kernel, so that a restarted kernel finds it again.

    Parameters
    ----------
    folder : Path, optional
        The folder to show; by default the learner's copies of the lessons. A folder that does not
        exist yet, or is empty, becomes a lab of its own, with its copies of the lessons; a folder
        that is such a lab is opened as one.
    fresh : str, optional
        A lesson to begin again, such as ``04``; the replaced copy is kept. If JupyterLab already
        runs on the copies, no second one is started.
    forget_marks : bool
        Whether that lesson's marks are forgotten, too.
    open_browser : bool
        Whether to open a browser; the address is always printed.
    port : int
        The port on 127.0.0.1; 0: any free one.

    Raises
    ------
    LabError
        The folder or the lesson does not exist, or the port is taken.
    """
    if folder is not None and _enter_lab(folder):
        folder = None
    config = load_config()
    shown = _folder_to_show(folder, config)
    first = FIRST_LESSON
    if fresh is not None:
        first = _bring_back(fresh, config, forget_marks=forget_marks)
        running = [run for run in read_run_files("lab") if run["folder"] == str(shown)]
        if running:
            print(
                f"  JupyterLab runs: {running[0]['url']}\n  Close that lesson there, and open it."
            )
            return 0
    _refuse_taken_port(port)
    user_settings_dir = _prepare_environment(config)

    # jsonschema would import it for a check that Jupyter never uses (IRIs in events); it compiles a
    # grammar for two seconds at every start.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

    # Only now, because Jupyter reads its folders from the environment at import.
    from jupyterlab.labapp import LabApp

    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    traits = {
        "Application.log_level": "ERROR",
        "IdentityProvider.token": token,
        "KernelManager.shutdown_wait_time": KERNEL_SHUTDOWN_S,
        "KernelManager.transport_encryption": "auto",  # without it each kernel warns
        # Only the kernel of this Python, so that a notebook never asks for one.
        "KernelSpecManager.allowed_kernelspecs": "python3",
        # The page does not fetch news, newer versions or extensions from other servers.
        "LabApp.app_settings_dir": _write_overrides(config),
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.default_url": _start_page(shown, first),
        "LabApp.extension_manager": "readonly",
        "LabApp.user_settings_dir": user_settings_dir,
        "LanguageServerManager.autodetect": False,  # it would run npm at every start
        "ServerApp.contents_manager_class": "labkit.cli.notebook_files.NotebookFiles",
        "ServerApp.allow_unauthenticated_access": False,  # also for the addresses of extensions
        # In a container there may be no other user.
        "ServerApp.allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.open_browser": open_browser,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": shown,
    }
    with warnings.catch_warnings():
        # About the setting allow_unauthenticated_access above, which protects the addresses listed.
        warnings.filterwarnings("ignore", "Extension endpoints without", RuntimeWarning)
        server = LabApp.initialize_server([f"--{name}={value}" for name, value in traits.items()])
    for log in (server.log, logging.getLogger("tornado.application")):
        log.addFilter(_is_worth_logging)
    _stop_without_asking(server)
    url = f"http://127.0.0.1:{server.port}{_start_page(shown, first)}?token={token}"
    with contextlib.ExitStack() as at_the_end:

        def announce() -> None:
            run_file = RunFile("lab", "jupyterlab", url=url, folder=str(shown))
            at_the_end.callback(run_file.remove)
            for path in hiding_files(shown):
                print(
                    f"\n  Notebooks here import {path} instead of the package of that name."
                    f"\n  Next: {set_file_aside_line(path)}"
                )
            print("\n  Ctrl-C stops JupyterLab, its kernels and the broker they started.")
            print(f"  JupyterLab: {url}\n", flush=True)

        # The server binds its port in the loop's first callback; before that, nobody answers.
        server.io_loop.add_callback(announce)
        server.start()
    _end_soon()
    return 0


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Tell whether a record of the server's log is for the user.

    While an API is stopped, each request to it through ``/proxy/`` would log a traceback, the
    request's headers and a line. The page in the notebook says it in a sentence, once.
    """
    if record.exc_info and isinstance(record.exc_info[1], ConnectionRefusedError):
        return False
    said = record.getMessage()
    return not (said.startswith("{") or ("500 " in said[:4] and " /proxy/" in said))


def _enter_lab(folder: Path) -> bool:
    """Make a new or empty folder a lab, and let this process work in it; or in one that is there.

    Returns
    -------
    bool
        False if the folder is this lab's own, or contains something else: then it is only shown.

    Raises
    ------
    LabError
        The folder cannot be made.
    """
    is_lab = (folder / STATE_FOLDER).is_dir() and folder.resolve() != load_config().lab_dir
    if not is_lab:
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                return False
            (folder / STATE_FOLDER).mkdir(parents=True)
        except OSError as error:
            msg = f"The folder {folder} cannot be made or read: {error.strerror or error}."
            raise LabError(msg, "labkit lab   (it works in this folder)") from error
        print(f"  {folder.resolve()} is a lab now. The next time: cd {folder} && labkit lab")
    os.environ["LABKIT_LAB_DIR"] = str(folder.resolve())
    return True


def _folder_to_show(folder: Path | None, config: LabConfig) -> Path:
    if folder is None:
        copies = config.notebooks_dir
        _say(copy_lessons(originals_for(config.lab_dir), copies), copies)
        return copies.resolve()
    if not folder.is_dir():
        raise LabError(f"{folder} is not a folder.", "labkit lab")
    return folder.resolve()


def _say(copied: Copied, copies: Path) -> None:
    if copied.new:
        print(f"  {many(len(copied.new), 'lesson')} copied to {copies}. Work there.")
    if copied.renewed:
        print(f"  Newer editions, because you had not begun them: {', '.join(copied.renewed)}.")
    for name in copied.offered:
        number = name.partition("_")[0]
        print(
            f"  There is a newer edition of {name}; your copy stays as it is."
            f"\n  To change to it (yours is kept): labkit lab --fresh {number}"
        )


def _bring_back(lesson: str, config: LabConfig, *, forget_marks: bool) -> str:
    """Begin a lesson again; return the name of its file."""
    # Only here, because it imports Kafka's client.
    from labkit.exercises.engine.learner_progress import forget_lesson, marks_of_lesson

    originals = originals_for(config.lab_dir)
    copy, kept = bring_back(lesson, originals, config.notebooks_dir)
    print(f"  {copy.stem} is as new." + (f" What you had is kept: {kept}" if kept else ""))
    number = copy.stem.partition("_")[0]
    if forget_marks:
        print(f"  {many(forget_lesson(number), 'mark')} of lesson {number} forgotten.")
    elif marks_of_lesson(number):
        print(
            f"  The marks of lesson {number} stay."
            f"\n  To forget them: labkit lab --fresh {number} --forget-marks"
        )
    return copy.name


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        if os.name != "nt":  # there, this option would let two servers share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            msg = f"JupyterLab cannot listen on port {port}: {error.strerror}."
            raise LabError(msg, "labkit lab --port 0") from error


def _prepare_environment(config: LabConfig) -> Path:
    """Set the environment of Jupyter and its kernels; return the user's settings folder.

    ``LABKIT_OWNER_PID`` makes a broker stop when this process ends.
    """
    from jupyter_core.paths import jupyter_config_dir

    own_settings = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
    user_settings_dir = Path(own_settings or Path(jupyter_config_dir(), "lab", "user-settings"))
    jupyter_dir = config.state_dir / "jupyter"
    commands_dir = Path(sys.executable).parent
    os.environ.update(
        LABKIT_LAB_DIR=str(config.lab_dir),
        LABKIT_STATE_DIR=str(config.state_dir),
        LABKIT_OWNER_PID=str(os.getpid()),
        PATH=os.pathsep.join([str(commands_dir), os.environ.get("PATH", os.defpath)]),
        JUPYTER_CONFIG_DIR=str(jupyter_dir / "config"),
        JUPYTER_DATA_DIR=str(jupyter_dir / "data"),
        JUPYTER_RUNTIME_DIR=str(jupyter_dir / "runtime"),
        JUPYTER_PREFER_ENV_PATH="1",
    )
    for name in ("NO_PROXY", "no_proxy"):  # the lessons ask the API on this machine
        own = [os.environ[name]] if os.environ.get(name) else []
        os.environ[name] = ",".join([*own, "127.0.0.1", "localhost"])
    return user_settings_dir


def _write_overrides(config: LabConfig) -> Path:
    """Turn JupyterLab's question about fetching news off; return the settings' folder."""
    folder = config.state_dir / "jupyter" / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    overrides = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    write_json(folder / "overrides.json", overrides)
    return folder


def _start_page(shown: Path, first: str) -> str:
    return f"/lab/tree/{quote(first)}" if (shown / first).is_file() else "/lab"


def _end_soon() -> None:
    """End this process in any case: all is stopped, and a thread of the server may be left.

    AnyIO's worker threads wait for work without end where their loop is gone, and Python waits for
    them.
    """
    in_any_case = threading.Timer(ENDED_S, os._exit, (0,))
    in_any_case.daemon = True
    in_any_case.start()


def _stop_without_asking(server: Any) -> None:
    """Stop the server and its kernels on the first Ctrl-C, where Jupyter itself asks y or n.

    A closed terminal (SIGHUP) does the same; otherwise the kernels would go on.
    """
    is_stopping = False

    def stop(_signum: int, _frame: Any) -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            print("\n  Stopping JupyterLab and its kernels ...", flush=True)
            server.stop(from_signal=True)

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
