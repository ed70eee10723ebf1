"""Read ahead: a thread prepares the next item while the present one is used.

Reading a file, its checksum and Arrow's parser do not hold Python's global lock, so opening a
large CSV is faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items, and let a thread prepare the next one meanwhile."""
    with ThreadPoolExecutor(1, "labkit-ahead") as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item
