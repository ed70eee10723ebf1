"""Let a widget's buttons be heard while a cell runs."""

from __future__ import annotations

from typing import Any

import ipywidgets


def hear_while_busy(*widgets: ipywidgets.Widget) -> None:
    """Let the browser's messages to these widgets come in beside the cell that runs.

    JupyterLab (4.4 and newer) sends them to a *subshell*, a second thread of the kernel, so that a
    button works while a cell sleeps. ipykernel 7.4 leads each back to the shell from which its
    widget last spoke, which is the one of the cells: there they wait until the cell is done. Here
    they go where JupyterLab sent them. So callbacks run in that thread, and must not take long.

    See: Jupyter Enhancement Proposal 91 (subshells); ipykernel, ``comm/comm.py``,
    ``_reply_subshell_for``.
    """
    for widget in widgets:
        comm: Any = widget.comm
        if hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = lambda _data, sent_to: sent_to
