"""Threads by what is free: threads that wait for one whose core another process has lose most of their time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from kogen.common import distributed
from kogen.common.speech.console import say
from kogen.common.system import usable_cores

USAGE = Path("/proc/stat")
WINDOW = 3.0  # seconds over which the use of the cores is measured, at least: a moment's work of others changes no bits
SPARE = 0.5  # of a core that others may use before a thread gives way


@contextmanager
def threads_as_free(device: torch.device) -> Iterator[Callable[[int], int]]:
    """While inside, torch computes with as many threads as the function that is yielded chose last, and returned.

    Called with 0 it chooses by what other processes have used since the last time, called with a number it takes that.
    Nothing is chosen where OMP_NUM_THREADS says the number, on a GPU, where processes train together, and on systems
    without /proc/stat: the number stays.
    """
    most, told = torch.get_num_threads(), False
    fixed = most == 1 or "OMP_NUM_THREADS" in os.environ or device.type != "cpu" or distributed.world_size() > 1
    if fixed or not USAGE.exists():
        yield lambda number: number or most
        return
    since = used_so_far()

    def choose(number: int) -> int:
        nonlocal since, told
        now = used_so_far()
        seconds = now[0] - since[0]
        if not number and seconds >= WINDOW:
            others = (now[1] - since[1] - (now[2] - since[2])) / seconds
            since, number = now, max(1, min(most, int(usable_cores() - others + SPARE)))
            if number != torch.get_num_threads() and not told:
                told = True
                used = f"other processes use {others:.1f} of {usable_cores()} cores"
                say(f"{used}: threads follow what is free, {number} of {most} now")
        number = number or torch.get_num_threads()
        torch.set_num_threads(number)
        return number

    try:
        yield choose
    finally:
        torch.set_num_threads(most)


def used_so_far() -> tuple[float, float, float]:
    """Seconds: by the clock, of work of all processes on the cores that this one may use, and of its own work."""
    mine = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    for line in USAGE.read_text(encoding="ascii").splitlines():
        name, *columns = line.split()
        if name in mine:
            user, nice, system, _idle, _waiting, *interrupts = map(int, columns[:8])
            ticks += user + nice + system + sum(interrupts)
    return time.perf_counter(), ticks / os.sysconf("SC_CLK_TCK"), time.process_time()
