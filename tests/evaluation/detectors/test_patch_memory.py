"""The memory of patches against a slow twin of PatchCore's equations."""

import numpy as np
import pytest
import torch

from kogen.evaluation.detectors.patch_memory import learn, patch_memory


def slow_scores(memory: np.ndarray, parts: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Equations 6 and 7 of Roth et al. 2022, image after image."""
    scores, maps = [], []
    for image in parts:
        away = np.array([np.linalg.norm(memory - patch, axis=1) for patch in image])  # (P, m)
        maps.append(away.min(1))
        worst = int(away.min(1).argmax())
        nearest = memory[away[worst].argmin()]
        around = np.argsort(np.linalg.norm(memory - nearest, axis=1), kind="stable")[:neighbours]
        s = away[worst].min()
        scores.append((1 - np.exp(s) / np.exp(away[worst][around]).sum()) * s)
    return np.array(scores), np.array(maps)


def test_scores_and_maps_are_those_of_the_equations():
    rng = np.random.default_rng(0)
    good, parts = rng.normal(size=(60, 5)).astype(np.float32), 2 * rng.normal(size=(8, 6, 5)).astype(np.float32)
    scores, maps = learn(torch.from_numpy(good), share=1.0)(torch.from_numpy(parts))
    wanted, slow_maps = slow_scores(good.astype(np.float64), parts.astype(np.float64), 9)
    np.testing.assert_allclose(maps, slow_maps, rtol=1e-5)
    np.testing.assert_allclose(scores, wanted, rtol=1e-5)
    assert patch_memory.patches


def test_a_memory_of_one_patch_gives_the_plain_distance():
    scores, _ = learn(torch.zeros(4, 2))(torch.tensor([[[3.0, 4.0], [0, 0]]]))
    assert scores.tolist() == [5.0]


def test_large_distances_do_not_overflow():
    good = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    scores, _ = learn(good)(torch.full((1, 3, 4), 1e6))
    assert torch.isfinite(scores).all()
    assert scores[0] > 1e5


def test_it_learns_the_same_from_one_seed():
    good = torch.randn(300, 200, generator=torch.Generator().manual_seed(0))
    asked = torch.randn(4, 5, 200, generator=torch.Generator().manual_seed(1))
    assert torch.equal(learn(good, projected=8)(asked)[0], learn(good, projected=8)(asked)[0])


@pytest.mark.parametrize("share", [0, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=r"share is .*, wanted the share of the patches to keep"):
        learn(torch.zeros(4, 2), share=share)
