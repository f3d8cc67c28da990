"""Threads in which torch works alone, and freed memory that is kept: both make small operations fast on a CPU."""

import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache

import torch
from threadpoolctl import threadpool_limits

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # numbers of two settings in glibc's malloc.h
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


@cache
def keep_freed_memory() -> None:
    """Make the C library keep what is freed for what is allocated next, from now on in this process.

    glibc asks the system for each block of more than 32 MB, gives it back when it is freed, and gives back the end of
    its heap (mallopt(3)). A step of a training, or a batch of features, then touches all its memory for the first time
    again: page faults took up to a sixth of a step and a quarter of an embedding (docs/results.md). Other C libraries
    are not affected.
    """
    with suppress(AttributeError, TypeError):  # a C library without mallopt (macOS, musl), and Windows
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, -1)  # never
        mallopt(M_MMAP_MAX, 0)  # no block of its own, however large


def one_thread(wanted: bool) -> AbstractContextManager[None]:
    """While inside, torch and numpy compute on one thread, if that is wanted.

    Threads that share a small product wait for each other longer than they compute, most of all on a busy machine.
    """
    return few_threads(1) if wanted else nullcontext()


@contextmanager
def few_threads(most: int) -> Iterator[None]:
    """While inside, torch and numpy compute on at most so many threads."""
    before = torch.get_num_threads()
    if before <= most:  # a thread of `serial_threads` must not touch what others share
        yield
        return
    torch.set_num_threads(most)  # its own copies of BLAS and LAPACK, too
    try:
        with threadpool_limits(most):
            yield
    finally:
        torch.set_num_threads(before)
