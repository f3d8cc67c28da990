"""Threads that decode: an interruption ends them at the image they are at, a machine without threads needs none."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


@contextmanager
def open_pool(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; what waits for one is dropped when the block ends, in an error or by Ctrl-C."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def map_items(pool: ThreadPoolExecutor, work: Callable[[int], Result], items: Iterable[int]) -> Iterator[Result]:
    """The result of `work` for each item, in order."""
    try:
        return pool.map(work, items)
    except RuntimeError:  # the system starts no more threads: this one does it alone
        return map(work, items)
