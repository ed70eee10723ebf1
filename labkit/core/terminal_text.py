"""Escape control characters in untrusted text before printing it.

Names that come from a cluster or a file can contain characters that clear a terminal, set its
title or reverse the direction of text (CWE-150): a consumer group may have any name. Texts in a
reading cannot contain them, because the model refuses them.
"""

from __future__ import annotations

import re

# All control characters but tab and line feed; marks of text direction (CVE-2021-42574); unpaired
# surrogates, which UTF-8 cannot encode.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


_COLOURS = re.compile("\x1b\\[[0-9;]*m")
"""A terminal's colours (ECMA-48, "Select Graphic Rendition")."""


def without_colours(text: str) -> str:
    """Return what a program printed for a terminal without its colours."""
    return _COLOURS.sub("", text)


def visible(text: str) -> str:
    r"""Return text with each control character written out, such as ``\x1b``."""
    return _CONTROL.sub(lambda sign: repr(sign[0])[1:-1], text)


def visible_json(document: str) -> str:
    r"""Return an equivalent JSON document with each control character escaped: ``\u001b``."""
    return _CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", document)
