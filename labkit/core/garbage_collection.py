"""Python's search for garbage, made rarer while records flow.

Python frees nearly all memory the moment nobody refers to it. Only for objects that refer to each
other in a circle it searches, each time 700 more objects were made than freed. Records in flight
are objects by the thousand, in no circle, and the search goes over all of them again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 50_000
"""How many new objects make Python search: some megabytes of records."""


@contextmanager
def rare_searches() -> Iterator[None]:
    """Let Python search seldom; afterwards as before.

    See: Python documentation, ``gc.set_threshold``.
    """
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
