"""Threads in which torch works alone, and memory that stays at hand: what makes many small operations fast on a CPU."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def serial_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `count` threads in each of which torch uses one thread.

    Torch splits single operations over threads that wait for each other spinning: for a few images that costs
    more than it saves, even for a thousand roots or logarithms, and lames every other thread. How many threads torch
    uses belongs to the calling thread; what it leaves behind, the default for threads to come, is put back.
    """
    default = torch.get_num_threads()
    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool
        finally:
            torch.set_num_threads(default)


def keep_freed_memory(size: int = 2**24) -> None:
    """Make the C library keep freed blocks of up to `size` bytes for the next allocation.

    glibc gives large freed blocks back to the system until it has seen one as large being freed (mallopt(3), "dynamic
    mmap threshold"). A block that is never touched costs nothing and stops that; without it page faults take as long as
    the arithmetic. Other C libraries do not mind.
    """
    torch.empty(size, dtype=torch.uint8)
