"""A command's help is its docstring: one text for those who type it and those who read it."""

from __future__ import annotations

import inspect
import re

import typer


def from_docstrings(app: typer.Typer) -> None:
    """Give every command its docstring as help, fitted to the width of any terminal."""
    if app.registered_callback is not None:
        app.registered_callback.help = as_markup(app.registered_callback.callback)
    for command in app.registered_commands:
        command.help = as_markup(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            from_docstrings(group.typer_instance)


def as_markup(command: object) -> str:
    """Join the lines of each paragraph, and colour what stands between backticks.

    A terminal breaks lines where it ends, not where the source did. Each ``Example:`` is a
    paragraph of its own.
    """
    text = inspect.getdoc(command) or ""
    paragraphs = re.split(r"\n\s*\n|\n(?=Example: )", text.replace("[", "\\["))
    joined = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/]", joined)
