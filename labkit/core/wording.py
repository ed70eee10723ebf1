"""Text as a sentence: errors are worded to follow a colon, and are shown by themselves, too."""

from __future__ import annotations


def capitalized(text: str) -> str:
    """Return a text with a capital at its beginning; the rest stays as it is."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """Return a text with a capital at its beginning, and an end: a full stop if it has none."""
    text = capitalized(text.strip())
    return text if text.endswith((".", "?", "!")) else f"{text}."
