"""Distances to the nearest good images against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from kogen.evaluation.detectors.knn_distance import knn_distance, learn


@pytest.mark.parametrize("k", [1, 2, 5, 99])
def test_the_mean_distance_is_that_of_scikit_learn(k):
    rng = np.random.default_rng(0)
    good, asked = (rng.normal(size=(n, 6)).astype(np.float32) for n in (30, 20))
    scores, each = learn(torch.from_numpy(good), k=k)(torch.from_numpy(asked)[:, None])
    wanted = NearestNeighbors(n_neighbors=min(k, 30)).fit(good).kneighbors(asked)[0].mean(1)
    np.testing.assert_allclose(scores, wanted, rtol=1e-5)
    np.testing.assert_allclose(each[:, 0], wanted, rtol=1e-5)
    assert not knn_distance.patches


def test_no_neighbour_is_refused():
    with pytest.raises(ValueError, match=r"k is 0, wanted 1 or more neighbours"):
        learn(torch.zeros(3, 2), k=0)
