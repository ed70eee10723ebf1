"""Deliver a widget's button presses while a cell runs."""

from __future__ import annotations

from typing import Any

import ipywidgets


def route_to_subshell(*widgets: ipywidgets.Widget) -> None:
    """Handle the browser's messages to these widgets in a subshell, while a cell runs.

    JupyterLab (4.4 and newer) sends them to a *subshell*, a second thread of the kernel, so that a
    button works while a cell sleeps. ipykernel 7.4 redirects each message to the shell from which
    its widget last sent one. That is the cells' shell, where it waits until the cell is done. This
    function switches the redirection off. The callbacks then run in the subshell's thread, and must
    return quickly.

    See: Jupyter Enhancement Proposal 91 (subshells); ipykernel, ``comm/comm.py``,
    ``_reply_subshell_for``.
    """
    for widget in widgets:
        comm: Any = widget.comm
        if hasattr(comm, "_reply_subshell_for"):
            comm._reply_subshell_for = lambda _data, sent_to: sent_to
