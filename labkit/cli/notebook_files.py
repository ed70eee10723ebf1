"""The notebooks of ``labkit lab``: they keep their widgets' pictures.

A notebook file stores a widget as an id, which means nothing without its kernel: the next day, or
on another machine, JupyterLab says "model not found". So a notebook is saved with a picture and the
figures in place of each of the lab's widgets, and the widget takes that place again when the
notebook is opened while its kernel runs.

See: Jupyter Server documentation, "Contents API", ``ContentsManager``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from labkit.core.still_files import read_still

WIDGET = "application/vnd.jupyter.widget-view+json"
OURS = "labkit"
"""The key in an output's metadata with the id of the widget whose still it is."""


class NotebookFiles(AsyncLargeFileManager):
    """Jupyter's files, with stills of the lab's widgets in the notebooks."""

    async def get(self, path: str, *arguments: Any, **options: Any) -> Any:
        """Return a file; in a notebook, the widgets whose kernel runs are live."""
        model = await super().get(path, *arguments, **options)  # type: ignore[no-untyped-call]
        if model["type"] == "notebook" and model["content"]:
            show_live(model["content"])
        return model

    def run_pre_save_hooks(self, model: dict[str, Any], path: str, **options: Any) -> None:
        """Put the stills into a notebook that is about to be saved."""
        super().run_pre_save_hooks(model, path, **options)  # type: ignore[no-untyped-call]
        if model.get("type") == "notebook" and model.get("content"):
            put_stills(model["content"])


def put_stills(notebook: dict[str, Any]) -> None:
    """Replace each widget of the lab by its still; other widgets stay as they are."""
    for output in _outputs(notebook):
        view = output["data"].get(WIDGET)
        model_id = str(view["model_id"]) if view else output["metadata"].get(OURS, "")
        still = read_still(model_id)
        if still is not None:
            output["data"] = {"text/html": still.html, "text/plain": still.text}
            output["metadata"][OURS] = model_id


def show_live(notebook: dict[str, Any]) -> None:
    """Show the widgets that their kernels still have, and stills of the others."""
    for output in _outputs(notebook):
        view = output["data"].get(WIDGET)
        model_id = str(view["model_id"]) if view else output["metadata"].get(OURS, "")
        still = read_still(model_id)
        if still is not None and still.is_live:
            view = {"version_major": 2, "version_minor": 0, "model_id": model_id}
            output["data"] = {**output["data"], WIDGET: view}
        elif still is not None:  # the last picture may be newer than the last save
            output["data"] = {"text/html": still.html, "text/plain": still.text}
        elif view and "labkit-still" in "".join(output["data"].get("text/html", "")):
            del output["data"][WIDGET]  # saved by another program


def _outputs(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook.get("cells", ()):
        for output in cell.get("outputs", ()):
            if "data" in output and "metadata" in output:
                yield output
