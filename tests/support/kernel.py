"""A real IPython kernel that runs cells as JupyterLab does, and what the learner sees."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

PATIENCE_S = 120.0
LAB = "%load_ext labkit\nimport labkit as lab"


@dataclass
class Cell:
    """What one cell has shown, in order."""

    stream: str = ""
    error: str = ""
    why: str = ""
    shown: list[dict[str, str]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def note(self) -> str:
        """The error card as text. It must be the only one, and the last output."""
        notes = [one for one in self.shown if 'role="note"' in one.get("text/html", "")]
        assert len(notes) == 1, f"{len(notes)} notes below {self.error or 'no error'}"
        assert self.order[-2:] == ["error", "display_data"], self.order
        return notes[0]["text/plain"]

    @property
    def next_line(self) -> str:
        """The next line to type, from the error card or the doctor's first note."""
        text = self.note if self.error else self.text
        found = re.search(r"Next: (.*)", text)
        assert found, text
        return found[1].partition("   (")[0]

    @property
    def text(self) -> str:
        """Everything the cell has shown, as text."""
        return self.stream + "\n".join(one.get("text/plain", "") for one in self.shown)


class Kernel:
    """A kernel that runs cells one after the other."""

    def __init__(self, folder: Path, *, begins_with: str = LAB, **environment: str) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(folder), env={**os.environ, **environment})
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(PATIENCE_S)
        self.run(begins_with)

    def restart(self) -> None:
        """Restart it, as the button does: nothing that a cell has defined is left."""
        self._manager.restart_kernel(now=True)
        self._client.wait_for_ready(PATIENCE_S)

    def run(
        self,
        code: str,
        interrupt_at: str | None = None,
        when: Callable[[], bool] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Cell:
        """Run a cell to its end; with `interrupt_at`, interrupt it once it has printed that.

        `when` is one more condition for the interrupt.
        """
        cell, sent, deadline = Cell(), False, time.monotonic() + patience_s
        asked = self._client.execute(code)
        while True:
            assert time.monotonic() < deadline, f"the cell did not end: {code}\n{cell.text}"
            can_interrupt = interrupt_at is not None and not sent
            if can_interrupt and interrupt_at in cell.stream and (not when or when()):
                self._manager.interrupt_kernel()
                sent = True
            try:
                message = self._client.get_iopub_msg(timeout=0.2)
            except Empty:
                assert self._manager.is_alive(), "the kernel has died"
                continue
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return cell
            self._note(cell, kind, content)

    @staticmethod
    def _note(cell: Cell, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            cell.stream += content["text"]
        elif kind == "error":
            cell.error = content["ename"]
            cell.why = f"{content['ename']}: {content['evalue']}"
        elif kind in ("display_data", "execute_result"):
            cell.shown.append(content["data"])
        else:
            return
        cell.order.append(kind)

    def fine(self, code: str) -> Cell:
        """Run a cell that must raise nothing."""
        cell = self.run(code)
        assert not cell.error, f"{cell.error} in {code}\n{cell.text}"
        return cell

    def stop(self) -> None:
        """End the kernel, and close its sockets."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
