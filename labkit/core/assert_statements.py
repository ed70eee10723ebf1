"""Whether Python runs ``assert``: kafka-python has work in such statements, and needs them."""

from __future__ import annotations

import sys

from labkit.core.errors import LabError


def refuse_without_assert() -> None:
    """Raise if Python leaves ``assert`` out, because then no Kafka client of the lab works.

    Raises
    ------
    LabError
        ``PYTHONOPTIMIZE`` is set, or Python was started with ``-O``.
    """
    if sys.flags.optimize:
        msg = "Python runs without assert (PYTHONOPTIMIZE or -O), which kafka-python needs"
        raise LabError(msg, "unset PYTHONOPTIMIZE")
