"""The web page in a frame below a cell."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

import anywidget
import traitlets

from labkit.core.still_files import write_still
from labkit.widgets.live_widget import bundled
from labkit.widgets.still_picture import still_html


class DashboardFrame(anywidget.AnyWidget):
    """The web page in a frame, through the Jupyter server that shows the notebook."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    port = traitlets.Int().tag(sync=True)
    url = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode().tag(sync=True)
    height_px = traitlets.Int().tag(sync=True)

    def __repr__(self) -> str:
        return f"<web page: {self.url}{self.view}>"


class HasUrl(Protocol):
    """Anything with the address of an API."""

    url: str


def show_dashboard(api: HasUrl, height_px: int = 900, *, view: str = "") -> DashboardFrame:
    """Show the web page below the cell.

    The frame goes through ``jupyter-server-proxy``, so it also works if JupyterLab runs on another
    machine than the browser. Without a Jupyter server, it is a link. In the frame, the page follows
    JupyterLab's theme, and is as tall as what it shows.

    Parameters
    ----------
    api : Api
        The result of `labkit.start_api`, or any object with a ``url`` on this machine.
    height_px : int
        The frame's height in pixels, until the lab's page has said how tall it is. Other pages keep
        it.
    view : str
        The rest of the address: a view such as ``"?window_s=60&sector=steel"``, or another
        page, such as ``"api/docs"``.

    Returns
    -------
    DashboardFrame
        Shown by the cell that returns it.

    Raises
    ------
    FrontEndMissing
        If the widgets have not been built.
    """
    frame = DashboardFrame(
        _esm=bundled("dashboard.js"),
        _css=bundled("dashboard.css"),
        port=urlsplit(api.url).port or 80,
        url=api.url.rstrip("/") + "/",
        view=view,
        height_px=height_px,
    )
    write_still(frame.model_id, still_html("web page", "", repr(frame)), repr(frame))
    return frame
