"""Freed memory that is kept: an allocation of a large block meets pages that are there."""

import platform
import subprocess
import sys

import pytest

from kogen.common.threads import keep_freed_memory

COUNT_FAULTS = """
import resource, sys, torch
from kogen.common.threads import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**26, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    keep_freed_memory()
print([faults() for _ in range(20)][-1])  # the first ones may find no gap that is large enough
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives large blocks back at once")
def test_a_large_block_that_was_freed_is_not_faulted_in_again():
    """64 MB are 16,384 pages of 4 KB; fewer and larger ones where the system makes them so."""
    plain, kept = (
        int(subprocess.check_output([sys.executable, "-c", COUNT_FAULTS, word], text=True))
        for word in ("plain", "keep")
    )
    assert plain >= 32
    assert kept <= plain // 8


def test_a_c_library_without_the_setting_is_left_alone(monkeypatch):
    """macOS and musl have no mallopt; on Windows the process has no library without a name."""
    for error in (AttributeError, TypeError):
        tried = []

        def open_library(name, error=error, tried=tried):
            tried.append(name)
            raise error

        monkeypatch.setattr("kogen.common.threads.ctypes.CDLL", open_library)
        keep_freed_memory.__wrapped__()
        assert tried == [None]


HOLD_AND_GIVE_BACK = """
from pathlib import Path
import torch
from kogen.common.system import give_back_memory
from kogen.common.threads import keep_freed_memory

def held():
    return int(Path("/proc/self/statm").read_text().split()[1])

keep_freed_memory()
before = held()
torch.empty(2**28, dtype=torch.uint8).fill_(1)
kept = held() - before
give_back_memory()
print(kept, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed, and gives it back")
def test_kept_memory_is_given_back_at_the_end_of_a_verb():
    """256 MB are 65,536 pages of 4 KB."""
    kept, left = map(int, subprocess.check_output([sys.executable, "-c", HOLD_AND_GIVE_BACK], text=True).split())
    assert kept >= 65_000
    assert left <= kept // 50
