"""Faults: ``labkit break NAME``, ``labkit mend``, ``labkit proxy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli import shared_options, terminal
from labkit.cli.lab_commands import seconds

if TYPE_CHECKING:
    from labkit.faults.fault_kinds import FaultKind

DEFAULT_S = 20.0


def break_(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which fault.")] = None,
    for_s: Annotated[
        float | None,
        typer.Option("--for", metavar="20s", parser=seconds, help="Mended after: 30s, 2m; 20s."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed chooses the same moment and victim.")
    ] = None,
    topic: shared_options.Topic = None,
    group: shared_options.Group = None,
    data: shared_options.Data = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before a fault destroys data.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Describe every fault.")] = False,
) -> None:
    """Break something on purpose: a broker, a consumer, a topic, the network.

    The fault ends after the given time, on Ctrl-C or with `labkit mend`. The same seed repeats the
    same fault. Without a name, or with `--list`, the command describes every fault.

    Example: `labkit break broker-kill --for 20s --seed 7`
    """
    from labkit.core.stop_signals import stop_event
    from labkit.faults.faults import FAULTS, inject

    if listed or name is None:
        print("\n\n".join(_told(kind) for kind in FAULTS.values()))
        return
    kind = FAULTS.get(name)
    if kind is not None and kind.destroys and not yes:
        terminal.say(f"{name} destroys what cannot be restored: {kind.destroys}")
        typer.confirm("Do it?", abort=True)
    stop = stop_event()
    for_s = for_s or DEFAULT_S
    fault = inject(
        name,
        for_s=for_s,
        seed=seed,
        topic=terminal.topic_name(topic),
        group_id=group,
        data_dir=terminal.data_folder(data),
        destroy=True,
    )
    print(f"{name} (seed {fault.seed}): {fault.victim}", flush=True)
    terminal.say(f"Watch: {fault.kind.watch}\nPromise: {fault.kind.promise}")
    terminal.say(f"It is mended in {for_s:g} s; sooner with Ctrl-C, or labkit mend.")
    while not fault.wait(0.2):
        if stop.is_set():
            fault.mend()
    print(f"{name}: mended.")
    terminal.exit_as_asked(stop)


def _told(kind: FaultKind) -> str:
    """Return the description of a fault."""
    destroys = f"\n  Destroys: {kind.destroys}" if kind.destroys else ""
    said = f"{kind.name}\n  {kind.summary}\n  Watch: {kind.watch}\n  Promise: {kind.promise}"
    return said + destroys


def mend() -> None:
    """End every fault in this lab, in any terminal or notebook.

    This includes faults of a notebook or terminal that has ended. It is safe to repeat.

    Example: `labkit mend`
    """
    from labkit.faults.faults import mend as mend_all

    mended = mend_all()
    print("\n".join(f"Mended: {one}" for one in mended) or "Nothing is broken on purpose.")


def proxy(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 0,
) -> None:
    """Run a proxy between clients and brokers, whose connections can be slowed down or cut.

    It listens on 127.0.0.1 only, and connects only to this lab's brokers. A client uses it if it is
    started with the variable that this command prints.

    Example: `labkit proxy`, then `labkit break latency` in another terminal
    """
    from labkit.core.stop_signals import stop_event
    from labkit.faults.network_proxy import VARIABLE, start_proxy

    stop = stop_event()
    running = start_proxy(port)
    print(f"{VARIABLE}={running.url}", flush=True)
    terminal.say(
        f"Start a client through it: {VARIABLE}={running.url} labkit produce. Ctrl-C ends."
    )
    while running.is_running and not stop.wait(0.2):
        pass
    running.stop()
    terminal.exit_as_asked(stop)
