"""Threads in which torch works alone, and freed memory that is kept: both make small operations fast on a CPU."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

SMALL_FEATURES = 4_000_000  # values of the features of a probe below which more threads cost more than they save


@contextmanager
def serial_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `count` threads in each of which torch uses one thread.

    Torch splits an operation over threads that spin while they wait for each other. For a few images, or a thousand
    logarithms, this costs more than it saves and slows every other thread. The number of threads that torch uses
    belongs to the calling thread; the default for later threads is put back.
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
    mmap threshold"). Freeing a block that was never touched costs nothing and prevents that; without it page faults
    take as long as the arithmetic. Other C libraries are not affected.
    """
    torch.empty(size, dtype=torch.uint8)


@contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """While inside, torch and numpy compute on one thread, if that is wanted.

    Threads that share a small product wait for each other longer than they compute, most of all on a busy machine.
    """
    before = torch.get_num_threads()
    if not wanted or before == 1:  # a thread of `serial_threads` must not touch what others share
        yield
        return
    torch.set_num_threads(1)  # its own copies of BLAS and LAPACK, too
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
