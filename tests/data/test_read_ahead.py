"""Reading ahead: the same readings in order, one ahead and no more, no thread that stays, errors as they are."""

import math
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from packs import settings, table_set
from small import blobs, plan_for

from kogen.common.tasks import Stopped
from kogen.data.open import open_images
from kogen.data.read_ahead import ReadAhead, read_in_turn
from kogen.training.batches import Batches
from kogen.training.loop import pretrain


def threads_that_read() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "kogen reads" in thread.name]


def assert_no_thread_stays() -> None:
    for thread in threads_that_read():
        thread.join(10)
    assert not threads_that_read()


@given(numbers=st.lists(st.integers(0, 9), max_size=20))
def test_whatever_is_asked_for_is_what_is_read(numbers):
    ahead = ReadAhead[int](10, worth=0)
    assert [ahead.get(number, lambda number: number**2) for number in numbers] == [number**2 for number in numbers]
    assert_no_thread_stays()


def test_the_next_is_read_while_the_caller_works_and_no_more():
    began, caller = list[tuple[int, bool]](), threading.get_ident()

    def read(number: int) -> int:
        began.append((number, threading.get_ident() == caller))
        return number

    ahead = ReadAhead[int](5, worth=0)
    ahead.get(0, read)
    assert began == [(0, True)]  # one reading alone says nothing of a next one
    for number in range(1, 5):
        ahead.get(number, read)
        assert_no_thread_stays()
        assert len(began) == min(number + 2, 5)
    assert began == [(0, True), (1, True), (2, False), (3, False), (4, False)]
    assert began[-1][0] == 4  # none beyond the end


def test_a_reading_that_takes_no_time_is_worth_no_thread():
    seconds = {number: 0.05 if 2 <= number < 4 else 0.0 for number in range(7)}
    where = list[bool]()

    def read(number: int) -> int:
        where.append(threading.current_thread() is threading.main_thread())
        time.sleep(seconds[number])
        return number

    assert list(read_in_turn(read, 7, worth=0.03)) == list(range(7))
    assert where == [True, True, True, False, False, True, True]  # 3 and 4 follow one that took long


def test_in_turn_the_second_is_begun_with_the_first():
    seen = list[int]()
    readings = read_in_turn(lambda number: seen.append(number) or number, 4, worth=0)
    assert next(readings) == 0
    assert_no_thread_stays()
    assert seen == [0, 1]
    assert list(readings) == [1, 2, 3]
    assert seen == [0, 1, 2, 3]
    assert list(read_in_turn(lambda number: number, 0, worth=0)) == []


def test_work_and_reading_overlap():
    def read(number: int) -> int:
        time.sleep(0.05)
        return number

    began = time.perf_counter()
    for _ in read_in_turn(read, 8):
        time.sleep(0.05)
    assert time.perf_counter() - began < 0.7  # 0.8 one after the other, 0.45 at best


def test_an_error_is_raised_where_its_reading_is_asked_for():
    def read(number: int) -> int:
        if number == 3:
            raise ValueError("imgs/3.png changed")
        return number

    ahead = ReadAhead[int](9, worth=0)
    assert [ahead.get(number, read) for number in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match=r"imgs/3.png changed"):
        ahead.get(3, read)
    assert ahead.get(4, read) == 4
    assert_no_thread_stays()


def test_without_threads_it_reads_by_itself(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start")))
    assert list(read_in_turn(lambda number: number, 5, worth=0)) == list(range(5))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:lance is not fork-safe", "ignore:This process .* is multi-threaded")
def test_a_process_that_was_forked_reads_for_itself(tmp_path):
    gate = threading.Event()

    def read(number: int) -> int:
        if number == 2 and threading.current_thread() is not threading.main_thread():
            gate.wait(10)
        return number

    ahead = ReadAhead[int](5, worth=0)
    ahead.get(0, read)
    ahead.get(1, read)  # 2 is under way, in a thread that a fork does not have
    child = os.fork()
    if not child:
        (tmp_path / "found").write_text(str(ahead.get(2, read)))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "found").read_text() == "2"
    gate.set()
    assert ahead.get(2, read) == 2
    assert_no_thread_stays()


def test_batches_are_those_that_are_read_without_it_also_over_the_end_of_an_epoch():
    images = blobs(40)
    plan = plan_for(images, batch_size=8, epochs=3, accumulate=2)
    ahead, alone = (Batches(plan, images, torch.device("cpu")) for _ in range(2))
    for step in [*range(ahead.steps), 3, 4, 0]:
        for micro in range(2):
            ahead.ahead.worth, alone.ahead.worth = 0, math.inf
            one, other = ahead.render_views(step, micro), alone.render_views(step, micro)
            assert torch.equal(one.index, other.index)
            assert all(map(torch.equal, one.crops, other.crops))
    assert_no_thread_stays()


def test_a_training_that_is_stopped_or_fails_leaves_no_thread(tmp_path):
    table = table_set(tmp_path, 40)
    images = open_images(table, replace(settings(tmp_path), on_demand=True))
    plan = plan_for(images, batch_size=8, epochs=4)
    before = set(threading.enumerate())  # those of an earlier test may end meanwhile
    answers = iter([False, False, True])
    with pytest.raises(Stopped, match="stopped at step 3"):
        list(pretrain(plan, images, tmp_path / "a", stop=lambda: next(answers)))
    assert_no_thread_stays()
    gone = tmp_path / "imgs" / "ä11.png"
    gone.write_bytes((tmp_path / "imgs" / "ä12.png").read_bytes())
    with pytest.raises(ValueError, match=r"imgs/ä11.png changed since the set was opened"):
        list(pretrain(plan, images.subset(np.arange(2, 40)), tmp_path / "b"))
    assert_no_thread_stays()
    assert set(threading.enumerate()) <= before
