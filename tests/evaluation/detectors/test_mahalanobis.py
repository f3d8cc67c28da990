"""Mahalanobis distances against scikit-learn's Ledoit-Wolf covariance."""

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from kogen.evaluation.detectors.mahalanobis import learn, shrunk_covariance


@pytest.mark.parametrize("count", [5, 40, 500])
def test_distances_are_those_of_scikit_learn(count):
    rng = np.random.default_rng(count)
    good = (rng.normal(size=(count, 12)) @ rng.normal(size=(12, 12))).astype(np.float32)
    asked = rng.normal(size=(20, 12)).astype(np.float32)
    oracle = LedoitWolf().fit(good.astype(np.float64))
    centred = torch.from_numpy(good).double() - torch.from_numpy(good).double().mean(0)
    np.testing.assert_allclose(shrunk_covariance(centred), oracle.covariance_, rtol=1e-9, atol=1e-9)
    scores, _ = learn(torch.from_numpy(good))(torch.from_numpy(asked)[:, None])
    np.testing.assert_allclose(scores**2, oracle.mahalanobis(asked), rtol=1e-6)


def test_good_images_that_are_all_the_same_leave_the_plain_distance():
    scores, _ = learn(torch.ones(7, 3))(torch.tensor([[[1.0, 1, 1]], [[4, 1, 5]]]))
    np.testing.assert_allclose(scores, [0, 5])


def test_a_number_that_never_varies_counts_without_being_infinite():
    good = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    good[:, 2] = 1.0
    scores, _ = learn(good)(torch.tensor([[[0.0, 0, 1]], [[0, 0, 2]]]))
    assert torch.isfinite(scores).all()
    assert scores[1] > scores[0] + 1
