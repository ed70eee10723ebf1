"""Text in a CSV that a spreadsheet shows and does not run as a formula (CWE-1236)."""

from __future__ import annotations

import re

# What a spreadsheet may run (OWASP, "CSV Injection"): a formula's sign at the start of a cell, also
# in the wide forms of East Asian input, and after invisible characters. Where a comma is the
# decimal sign, a spreadsheet splits cells at semicolons, so after each semicolon as well.
_UNSEEN = r"\"\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_RUNS = re.compile(rf"(^|;)(?=[{_UNSEEN}]*[-=+@'\t\r\n\0＝＋－＠﹦﹢﹣﹫−])")
_QUOTED = re.compile("(^|;)'")


def neutralise(text: str) -> str:
    """Return a text with a ``'`` at each place where a spreadsheet would run it; see `restore`."""
    return _RUNS.sub(r"\1'", text)


def restore(cell: str) -> str:
    """Return a cell's text without each ``'`` that kept spreadsheets from running it."""
    return _QUOTED.sub(r"\1", cell)
