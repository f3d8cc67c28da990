"""Threads follow what other processes leave free; a number that a user gives stays."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from kogen.training import free_threads
from kogen.training.free_threads import threads_as_free, used_so_far

CPU = torch.device("cpu")
BURN = "import time\nwhile True: pass"

pytestmark = pytest.mark.skipif(not free_threads.USAGE.exists(), reason="no /proc/stat")


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> int:
    """Four cores, four threads, and no number that a user gave."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(free_threads, "usable_cores", lambda: 4)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("others", "wanted"), [(0.0, 4), (0.2, 4), (0.5, 4), (0.6, 3), (1.0, 3), (1.9, 2), (2.6, 1), (3.9, 1), (9.0, 1)]
)
def test_what_others_use_is_left_to_them(
    cores: int, others: float, wanted: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    # By the clock, of all, of this process: four seconds in which this process uses all that the others leave.
    told = iter([(0.0, 100.0, 50.0), (4.0, 100.0 + 4 * max(4, others), 50.0 + 4 * max(4 - others, 0))])
    monkeypatch.setattr(free_threads, "used_so_far", lambda: next(told))
    with threads_as_free(CPU) as choose:
        assert choose(0) == wanted
        assert torch.get_num_threads() == wanted
    assert torch.get_num_threads() == 4
    said = capsys.readouterr().err
    assert (f"other processes use {others:.1f} of 4 cores: threads follow what is free, {wanted} of 4" in said) == (
        wanted < 4
    )


def test_a_short_time_says_nothing_and_a_number_is_taken(cores: int, monkeypatch: pytest.MonkeyPatch):
    told = iter([(0.0, 0.0, 0.0), (1.0, 9.0, 0.0), (2.0, 9.0, 0.0)])
    monkeypatch.setattr(free_threads, "used_so_far", lambda: next(told))
    with threads_as_free(CPU) as choose:
        assert choose(0) == 4
        assert choose(3) == 3
        assert torch.get_num_threads() == 3


def test_a_number_of_the_user_stays(cores: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(free_threads, "used_so_far", lambda: pytest.fail("it looked"))
    with threads_as_free(torch.device("cuda")) as choose:
        assert choose(0) == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    with threads_as_free(CPU) as choose:
        assert (choose(0), choose(2), torch.get_num_threads()) == (4, 2, 4)


def test_the_work_of_another_process_is_seen_and_our_own_is_not():
    with subprocess.Popen([sys.executable, "-c", BURN]) as other:
        before = used_so_far()
        time.sleep(1.0)
        after = used_so_far()
        other.kill()
    seconds, every, own = (now - was for now, was in zip(after, before, strict=True))
    assert seconds >= 1
    assert every - own > 0.2  # of a core, however busy the machine is
    assert own < 0.5
    assert every < 1.2 * seconds * len(os.sched_getaffinity(0)) + 0.2


def test_a_run_keeps_what_it_had_in_a_pass_that_was_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from small import blobs, plan_for

    from kogen.common.tasks import Stopped
    from kogen.training import loop

    asked: list[int] = []

    class Chooser:
        def __enter__(self):
            return lambda number: asked.append(number) or number or 5

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(loop, "threads_as_free", lambda device: Chooser())
    images = blobs()
    plan = plan_for(images, "byol", epochs=2)
    steps = len(images) // plan.batch_size
    assert steps > 1
    stops = iter([True])
    with pytest.raises(Stopped):
        list(loop.pretrain(plan, images, tmp_path, stop=lambda: next(stops)))
    assert asked == [0]
    epochs = list(loop.pretrain(plan, images, tmp_path))
    assert asked == [0, 5, 0]  # the pass that was begun, and the next one
    assert [epoch.threads for epoch in epochs] == [0, 5, 5]
