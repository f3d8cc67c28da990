"""The coreset against a slow twin that chooses one row at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kogen.evaluation.detectors._coreset import choose_coreset, farthest_rows


def one_at_a_time(rows: np.ndarray, count: int) -> list[int]:
    """Greedy k centres by its definition, in float64."""
    chosen = [int(((rows - rows.mean(0)) ** 2).sum(1).argmax())]
    while len(chosen) < count:
        away = ((rows[:, None] - rows[chosen]) ** 2).sum(2).min(1)
        if away.max() == 0:
            break
        chosen.append(int(away.argmax()))
    return chosen


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), count=st.integers(1, 120), size=st.integers(1, 5))
def test_rows_are_chosen_as_one_at_a_time(seed, count, size):
    rows = np.random.default_rng(seed).normal(size=(150, size))
    found = farthest_rows(torch.from_numpy(rows), count)
    assert found.tolist() == one_at_a_time(rows, count)


def test_equal_rows_are_kept_once():
    rows = torch.tensor([[0.0, 0], [3, 4], [0, 0], [3, 4], [8, 0]])
    found = farthest_rows(rows, 5)
    assert sorted(map(tuple, rows[found].tolist())) == [(0, 0), (3, 4), (8, 0)]


def test_a_projection_keeps_what_is_far_apart():
    rows = torch.randn(400, 300, generator=torch.Generator().manual_seed(0)) * 0.01
    rows[17], rows[230] = 5.0, -5.0
    found = choose_coreset(rows, 5, projected=16, seed=0)
    assert {17, 230} <= set(found.tolist())
    assert torch.equal(found, choose_coreset(rows, 5, projected=16, seed=0))
    assert not torch.equal(found, choose_coreset(rows, 5, projected=16, seed=1))


@pytest.mark.parametrize("count", [1, 10, 99])
def test_no_row_is_farther_than_the_chosen_are_from_each_other(count):
    rows = torch.rand(100, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    chosen = rows[farthest_rows(rows, count)]
    cover = torch.cdist(rows, chosen).min(1).values.max()
    apart = torch.cdist(chosen, chosen) + 9 * torch.eye(len(chosen))
    assert len(chosen) == count
    assert count == 1 or cover <= apart.min() + 1e-12
