"""Nearest rows against all distances."""

import pytest
import torch

from kogen.evaluation.detectors import _detector
from kogen.evaluation.detectors._detector import nearest_rows


@pytest.mark.parametrize("k", [1, 3])
def test_nearest_rows_are_those_of_all_distances(k, monkeypatch):
    draw = torch.Generator().manual_seed(0)
    asked, known = torch.randn(50, 7, generator=draw), torch.randn(40, 7, generator=draw)
    distances, places = nearest_rows(asked, known, k)
    wanted = torch.cdist(asked.double(), known.double()).topk(k, largest=False)
    torch.testing.assert_close(distances.double(), wanted.values, rtol=1e-6, atol=1e-6)
    assert torch.equal(places, wanted.indices)
    monkeypatch.setattr(_detector, "MAX_DISTANCES", 100)
    again = nearest_rows(asked, known, k)
    torch.testing.assert_close(again[0], distances)


def test_a_row_that_is_known_has_no_distance_far_from_zero():
    known = torch.randn(30, 64) + 1000  # |a|^2 + |b|^2 - 2ab alone would lose all digits here
    assert (nearest_rows(known, known)[0] == 0).all()
    moved = known + 1e-2
    torch.testing.assert_close(nearest_rows(moved, known)[0][:, 0], torch.full((30,), 0.08), rtol=2e-2, atol=0)
