"""Reading and parsing in threads, some pieces ahead of whoever counts the rows.

Reading a file, proving it by its checksum and parsing it (Arrow) need no global lock of Python's.
So while the rows of one piece are counted, those behind it are made ready on other cores, and
opening a large CSV takes little longer than the longest of these. The few rows of a poll are not
worth handing over: they are read and parsed where they are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from labkit.sink.csv_tail import Piece
from labkit.table.columns import Parsed, parse

MANY_BYTES = 256 * 1024  # of a piece; below that it takes longer to hand it over
PARSERS = 2
AHEAD = 2  # pieces that are parsed or being parsed: bounds the memory

Found = tuple[int, Piece]  # a partition, and rows of it
Ready = tuple[int, Piece, Callable[[], Parsed]]


def parsed_ahead(pieces: Iterator[Found]) -> Iterator[Ready]:
    """Yield each piece with a way to its parsed rows, in the same order."""
    for partition, piece in pieces:
        if len(piece.rows) >= MANY_BYTES:
            with ThreadPoolExecutor(1 + PARSERS, "labkit-ahead") as threads:
                yield from _with_threads(threads, (partition, piece), pieces)
            return
        yield partition, piece, partial(parse, piece.rows)


def _with_threads(
    threads: ThreadPoolExecutor, found: Found | None, others: Iterator[Found]
) -> Iterator[Ready]:
    waiting: deque[Ready] = deque()
    while found is not None:
        waiting.append((*found, threads.submit(parse, found[1].rows).result))
        following: Future[Found | None] = threads.submit(next, others, None)
        while waiting and (len(waiting) > AHEAD or not following.done()):
            yield waiting.popleft()
        found = following.result()
    yield from waiting
