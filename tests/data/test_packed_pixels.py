"""Packed pixels: any index reads what an array would give, in threads and in processes that are spawned."""

import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packs import known_set, pack, reopen

from kogen.data.images import Images

pytest.importorskip("lance")
COUNT = 40


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Images, Images]:
    """A set and the same one packed."""
    folder, images = tmp_path_factory.mktemp("packed"), known_set(COUNT, deep=True)
    return images, reopen(pack(images, folder), folder)


ROWS = st.one_of(
    st.integers(-COUNT, COUNT - 1),
    st.lists(st.integers(-COUNT, COUNT - 1), max_size=30).map(lambda rows: np.array(rows, np.int64)),
    st.lists(st.booleans(), min_size=COUNT, max_size=COUNT).map(np.array),
    st.slices(COUNT),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=ROWS)
def test_any_index_reads_what_an_array_gives(both, index):
    images, packed = both
    found, wanted = packed.pixels[index], images.pixels[index]
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("index", [COUNT, -COUNT - 1, np.array([0, COUNT])])
def test_rows_that_are_not_there_are_refused(both, index):
    with pytest.raises(IndexError):
        both[1].pixels[index]


def test_threads_read_at_once(both):
    images, packed = both
    batches = [np.random.default_rng(seed).permutation(COUNT)[:16] for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for batch, found in zip(batches, pool.map(packed.fetch, batches), strict=True):
            np.testing.assert_array_equal(found, images.fetch(batch))


def test_a_copy_by_pickle_opens_the_set_again(both):
    images, packed = both
    copy = pickle.loads(pickle.dumps(packed))
    assert copy.pixels.opened is None
    np.testing.assert_array_equal(copy.fetch(np.arange(COUNT)), images.fetch(np.arange(COUNT)))


def read_there(images: Images, index: np.ndarray) -> np.ndarray:
    return images.fetch(index)


@pytest.mark.slow
def test_a_process_that_is_spawned_opens_the_set_for_itself(both):
    images, packed = both
    index = np.array([3, 1, 39])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(read_there, (packed, index)), images.fetch(index))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:lance is not fork-safe", "ignore:This process .* is multi-threaded")
def test_a_process_that_was_forked_is_told_so_and_does_not_crash(both, tmp_path: Path):
    packed = both[1]
    packed.fetch(np.array([1]))
    child = os.fork()
    if not child:
        try:
            packed.fetch(np.array([1]))
        except ValueError as error:
            (tmp_path / "said").write_text(str(error))
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert "a process that was forked cannot read what its parent has opened" in (tmp_path / "said").read_text()
