"""Text of others on a terminal: shown, and never obeyed.

A consumer group may have any name, also one with the signs that clear a screen, set its title or
turn the direction of what follows (CWE-150). So whatever comes from a cluster or a file goes
through here on its way to a terminal. Texts in a reading have no such signs: the model refuses
them.
"""

from __future__ import annotations

import re

# All control characters but tab and line feed; the marks of direction (CVE-2021-42574); halves of
# a character that UTF-8 cannot write.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return text with each sign that a terminal would obey written out, as ``\x1b``."""
    return _UNSEEN.sub(lambda sign: repr(sign[0])[1:-1], text)


def visible_json(document: str) -> str:
    r"""Return a JSON document that means the same, with such signs as ``\u001b``."""
    return _UNSEEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", document)
