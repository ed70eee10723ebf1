"""What all commands share: output streams, error messages and exit statuses."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from labkit.cli import json_log
from labkit.core.errors import LabError, TopicNotFound
from labkit.core.terminal_text import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console

    from labkit.core.stop_signals import StopEvent

DEBUG_VARIABLE = "LABKIT_DEBUG"
CTRL_C_STATUS = 128 + signal.SIGINT
NOT_ON_A_SERVER = ("jupyter", "anywidget", "ipywidgets", "jgo")
"""Beginnings of the modules that a server or a container goes without."""


def use_utf8() -> None:
    """Write UTF-8 regardless of the console's code page.

    Old Windows code pages lack ``₂``, box lines and arrows; printing one would raise a
    `UnicodeEncodeError`.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def console(stderr: bool = False) -> Console:
    """Return a rich console on standard output or standard error; it respects ``NO_COLOR``."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def say(text: str) -> None:
    """Print a message to standard error, because standard output is for results."""
    if json_log.is_on():
        json_log.log.info(text)
    else:
        print(visible(text), file=sys.stderr, flush=True)


def print_json(content: Any) -> None:
    """Print one JSON document, and nothing else, on standard output."""
    document = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    print(visible_json(document), flush=True)


def data_folder(data: Path | None) -> Path:
    """Return the data folder, relative to the working directory; by default the lab's own."""
    from labkit.core.config import load_config

    return data.expanduser().resolve() if data is not None else load_config().data_path()


def topic_name(topic: str | None) -> str:
    """Return the given topic, by default the lab's own."""
    from labkit.core.config import load_config

    return topic or load_config().topic


def exit_as_asked(stop: StopEvent) -> None:
    """Exit with 130 after Ctrl-C; any other requested stop is a success."""
    if stop.signal_number == signal.SIGINT:
        raise typer.Exit(CTRL_C_STATUS)


@contextlib.contextmanager
def errors_as_text() -> Iterator[None]:
    """Turn an error into one sentence, the next line to type and the exit status 1."""
    try:
        yield
    except LabError as error:
        tell(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(CTRL_C_STATUS)
    except BrokenPipeError:
        # The reader of our output (`labkit status | head -1`) has ended. Python would raise again
        # when it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if known := _known_refusal(error):
            tell(known)
            sys.exit(1)
        what = f"Something went wrong that the lab did not expect: {type(error).__name__}: {error}."
        log = _log_traceback()
        read = f"read {log}, or " if log is not None else ""
        tell(LabError(what, f"{read}run it again as `labkit --debug ...`"))
        sys.exit(1)


def tell(error: LabError) -> None:
    """Print an error as one sentence and the next line to type."""
    if json_log.is_on():
        json_log.log.error(error.what, extra={"next_line": _next_line(error)})
        return
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()
    out = console(stderr=True)
    out.print("[bold red]Error:[/]", end=" ")
    out.print(visible(error.what), markup=False, soft_wrap=True)
    if next_line := _next_line(error):
        out.print("[bold]Next:[/] ", end=" ")
        out.print(visible(next_line), markup=False, soft_wrap=True)


def _next_line(error: LabError) -> str:
    if isinstance(error, TopicNotFound) and error.topic:
        verb, name = ("describe", error.similar) if error.similar else ("create", error.topic)
        return f"labkit topics {verb} {shlex.quote(name)}"
    return error.next_line


def _known_refusal(error: Exception) -> LabError | None:
    from labkit.core.written_places import REFUSALS, cannot_write

    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith(NOT_ON_A_SERVER):
        what = f"This labkit was installed for a server, without {error.name}, which this needs"
        return LabError(what, "make setup   (in a clone of labkit, on your own machine)")
    if type(error).__name__.endswith("AuthorizationFailedError"):
        from labkit.broker.denied_access import denied_access

        return denied_access(error)
    if not isinstance(error, OSError):
        return None
    try:
        known = cannot_write(error)
    except LabError as another:
        return another
    if known is None and error.filename is not None and error.errno in REFUSALS:
        return LabError(
            f"{error.filename} cannot be used: {error.strerror}", "choose another place"
        )
    return known


def _log_traceback() -> Path | None:
    """Write the current traceback into the lab's logs, else into the temporary folder.

    The error may be about the very folder, the settings or a module that is needed here.
    """
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = f"{' '.join(sys.argv)}\n\n{traceback.format_exc()}"
    for folder in (_logs_folder, tempfile.gettempdir):
        with contextlib.suppress(Exception):
            path = Path(folder()) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="replace")
            return path
    return None


def _logs_folder() -> Path:
    from labkit.core.config import defaults_for_invalid_settings, load_config

    with defaults_for_invalid_settings():
        return load_config().state_dir / "logs"


def tell_unknown_settings() -> None:
    """Name each ``LABKIT_*`` variable that nothing reads: it is probably a misspelt one."""
    from labkit.core.config import known_settings, settings_path
    from labkit.core.settings_file import unknown_settings
    from labkit.core.stop_signals import STOP_WITH_PARENT

    if STOP_WITH_PARENT not in os.environ:  # otherwise the command that started us has told it
        for one in unknown_settings(settings_path(), known_settings()):
            say(f"Note: {one.sentence}")
