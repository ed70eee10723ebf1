"""Help of the commands, from their docstrings: the same text in the terminal and in the source."""

from __future__ import annotations

import inspect
import re

import typer


def from_docstrings(app: typer.Typer) -> None:
    """Set the help of every command to its docstring, reflowed for any terminal width."""
    if app.registered_callback is not None:
        app.registered_callback.help = as_markup(app.registered_callback.callback)
    for command in app.registered_commands:
        command.help = as_markup(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            from_docstrings(group.typer_instance)


def as_markup(command: object) -> str:
    """Join the lines of each paragraph, and colour the text between backticks.

    The terminal then breaks lines at its own width. Each ``Example:`` is a separate paragraph.
    """
    text = inspect.getdoc(command) or ""
    paragraphs = re.split(r"\n\s*\n|\n(?=Example: )", text.replace("[", "\\["))
    joined = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/]", joined)
