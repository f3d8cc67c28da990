"""Groups of images that are left out in turn: whole batches, pseudo-values, and errors that cover fresh images."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from torch import Tensor

from kogen.loss_landscape.image_groups import GROUPS, fewest_images, leave_groups_out, usable_images
from kogen.methods.barlow_twins import barlow_twins_terms
from kogen.methods.simclr import nt_xent

SIZE = 14  # images a batch
Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {
    "simclr": lambda first, second: nt_xent(first, second, 0.5),
    "barlow_twins": lambda first, second: torch.stack(list(barlow_twins_terms(first, second, 5e-3).values())).sum(),
}


@given(st.integers(1, 2000), st.integers(2, 70))
def test_as_many_images_are_used_as_make_whole_batches(images: int, batch: int):
    used = usable_images(images, batch)
    assert used <= images
    assert (used == 0) == (images < fewest_images(batch))
    if used:
        rest = used - max(len(group) for group in np.array_split(np.arange(used), GROUPS))
        assert rest // batch == (GROUPS - 1) * images // (GROUPS * batch)
        assert used > images - 2 * batch


@pytest.mark.parametrize(("images", "batch"), [(8, 7), (74, 64), (147, 64), (293, 64), (512, 64), (16, 2)])
def test_every_batch_leaves_a_group_out_and_the_values_are_those_of_the_rest(images: int, batch: int):
    found = leave_groups_out(images, batch)
    groups = [set(group.tolist()) for group in np.array_split(np.arange(images), GROUPS)]
    assert all(len(set(places)) == len(places) == batch for places in found.batches)
    assert len(set(map(tuple, found.batches))) == len(found.batches)
    losses = torch.randn(len(found.batches), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pseudo = found.pseudo_losses(losses)
    value = pseudo.mean()
    for number, group in enumerate(groups):  # the slow twin: the batches that the images without a group make, in order
        rest = [place for place in range(images) if place not in group]
        made = [rest[low : low + batch] for low in range(0, len(rest) // batch * batch, batch)]
        without = torch.stack([losses[found.batches.index(places)] for places in made]).mean()
        others = (pseudo.sum() - pseudo[number]) / (GROUPS - 1)
        assert others.item() == pytest.approx(without.item())
        assert pseudo[number].item() == pytest.approx((GROUPS * value - (GROUPS - 1) * without).item())


def test_from_eight_batches_on_the_groups_are_batches_without_common_images():
    found = leave_groups_out(16 * 5, 5)
    losses = torch.arange(16.0)
    order = [found.batches.index(list(range(low, low + 5))) for low in range(0, 80, 5)]
    assert sorted(order) == list(range(16))
    found_losses = found.pseudo_losses(losses[torch.tensor(order).argsort()])
    assert found_losses.numpy() == pytest.approx(losses.reshape(8, 2).mean(dim=1).numpy())


@pytest.mark.parametrize("images", [8, 16, 40])
def test_of_a_mean_over_images_it_is_the_mean_and_its_textbook_error(images: int):
    batch = images // 8 * 7
    values = torch.randn(images, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = leave_groups_out(images, batch)
    pseudo = found.pseudo_losses(torch.stack([values[places].mean() for places in found.batches])).numpy()
    assert pseudo == pytest.approx(values.reshape(8, -1).mean(dim=1).numpy())


def population(count: int, rng: torch.Generator, dim: int = 12) -> tuple[Tensor, Tensor]:
    """Embeddings of two views of images: alike, of unequal length and with common directions, (N, D) each."""
    mixing = torch.randn(5, dim, generator=torch.Generator().manual_seed(3))
    scale = (0.3 * torch.randn(count, 1, generator=rng)).exp()
    inside = torch.randn(count, 5, generator=rng) * scale
    seen = [inside + 0.4 * torch.randn(count, 5, generator=rng) for _ in range(2)]
    first, second = (torch.relu(one @ mixing) + 0.3 * torch.randn(count, dim, generator=rng) for one in seen)
    return first, second


@pytest.mark.parametrize("images", [16, 32, 80])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_error_hold_against_fresh_images(name: str, images: int):
    """The truth is the mean loss of 4,000 batches of fresh images; 600 draws of images must cover it as they say."""
    rng, loss = torch.Generator().manual_seed(images), LOSSES[name]
    fresh = torch.stack([loss(*population(SIZE, rng)) for _ in range(4000)]).double()
    truth, found, draws = fresh.mean().item(), leave_groups_out(images, SIZE), 600
    values, errors = np.empty(draws), np.empty(draws)
    for number in range(draws):
        first, second = population(images, rng)
        losses = torch.stack([loss(first[places], second[places]) for places in found.batches])
        pseudo = found.pseudo_losses(losses).numpy()
        values[number], errors[number] = pseudo.mean(), pseudo.std(ddof=1) / GROUPS**0.5
    noise = (values.var() / draws + fresh.var().item() / len(fresh)) ** 0.5
    assert abs(values.mean() - truth) < 4 * noise  # unbiased
    covered = np.mean(np.abs(values - truth) <= student.ppf(0.975, GROUPS - 1) * errors)
    assert 0.93 < covered < 0.99
    ratio = np.mean(errors**2) / values.var(ddof=1)
    assert 0.85 < ratio < 3  # what pairs of images do is counted two or three times
    spread = fresh.std().item() * (SIZE / images) ** 0.5  # of batches without common images, as many images
    assert values.std() < 1.15 * spread
