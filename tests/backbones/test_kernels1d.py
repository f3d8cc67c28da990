"""MiniRocket's features against a slow twin in numpy, and against aeon's where that is installed."""

from itertools import combinations

import numpy as np
import pytest
import torch
from small import plan_for, tones

from kogen.backbones import make_backbone
from kogen.backbones.kernels1d import FixedKernels, choose_dilations, draw_channels
from kogen.methods.minirocket import MiniRocket
from kogen.training.run import load_run, train_run


def windows(count: int, channels: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, channels, length, generator=torch.Generator().manual_seed(seed)).cumsum(2) / 3


def fitted(channels: int, length: int, features: int = 500, seed: int = 0) -> FixedKernels:
    torch.manual_seed(seed)
    network = FixedKernels(length, channels, features)
    network.fit_biases(windows(20, channels, length, 1), torch.Generator().manual_seed(2))
    return network


def slow_filter(window: np.ndarray, three: tuple[int, ...], dilation: int) -> np.ndarray:
    """A kernel of -1 and, at three places, 2, over a window (C, T) with zeros around it, summed over channels."""
    length, out = window.shape[1], np.zeros(window.shape[1])
    for t in range(length):
        for place in range(9):
            at = t + (place - 4) * dilation
            if 0 <= at < length:
                out[t] += (2 if place in three else -1) * window[:, at].sum()
    return out


@pytest.mark.parametrize(("channels", "length", "features"), [(1, 9, 84), (1, 40, 300), (3, 57, 420), (12, 30, 170)])
def test_features_are_those_of_the_slow_twin(channels: int, length: int, features: int) -> None:
    network, items = fitted(channels, length, features), windows(2, channels, length)
    got, biases = network(items).double().numpy(), network.biases.detach().double().numpy()
    for item, window in enumerate(items.double().numpy()):
        place = 0
        for number, (dilation, count) in enumerate(zip(network.dilations, network.counts, strict=True)):
            for kernel, three in enumerate(combinations(range(9), 3)):
                seen = network.channels[number, kernel].bool().numpy()
                made = slow_filter(window[seen], three, dilation)
                inside = made if (number + kernel) % 2 == 0 else made[4 * dilation : length - 4 * dilation]
                for _ in range(count):
                    clear = np.abs(inside - biases[place]) > 1e-4  # what is as good as equal may fall to either side
                    wanted = (inside > biases[place]).mean()
                    assert abs(got[item, place] - wanted) <= (1e-6 if clear.all() else (~clear).mean() + 1e-6)
                    place += 1
        assert place == got.shape[1] == 84 * sum(network.counts)


def test_biases_are_golden_quantiles_of_one_window_each() -> None:
    network, known = fitted(1, 30, 170), windows(20, 1, 30, 1)
    biases, start = network.biases.detach().double().numpy(), 0
    golden = [(number * (1 + 5**0.5) / 2) % 1 for number in range(1, len(biases) + 1)]
    for dilation, count in zip(network.dilations, network.counts, strict=True):
        for three in list(combinations(range(9), 3)):
            level = golden[start : start + count]
            made = [np.quantile(slow_filter(one.double().numpy(), three, dilation), level) for one in known]
            nearest = min(np.abs(one - biases[start : start + count]).max() for one in made)
            assert nearest < 1e-4
            start += count


@pytest.mark.parametrize("length", [9, 10, 24, 128, 1000])
@pytest.mark.parametrize("count", [1, 5, 32, 119])
def test_dilations_reach_as_far_as_the_window_and_all_biases_are_given_out(length: int, count: int) -> None:
    dilations, counts = choose_dilations(length, count)
    assert sum(counts) == count
    assert min(counts) >= 0
    assert dilations == sorted(set(dilations))
    assert dilations[0] == 1
    assert 8 * dilations[-1] < length
    if count > 1:
        assert 16 * (dilations[-1] + 1) >= length - 1  # twice as far would be too far


def test_kernels_see_a_few_of_the_channels() -> None:
    torch.manual_seed(0)
    seen = torch.cat([draw_channels(20) for _ in range(30)]).sum(1)
    assert (seen.min(), seen.max()) == (1, 9)
    assert seen.median() <= 3  # small numbers more often
    assert bool((draw_channels(1) == 1).all())
    assert 0.4 < draw_channels(2).mean() < 0.8


@pytest.mark.parametrize(("channels", "length"), [(1, 50), (1, 129), (4, 61)])
def test_features_are_aeons(channels: int, length: int) -> None:
    """Dilations, biases a kernel and features; aeon is no dependency: the test needs it beside kogen."""
    rocket = pytest.importorskip("aeon.transformations.collection.convolution_based")
    known, items = windows(30, channels, length, 1), windows(10, channels, length, 2)
    theirs = rocket.MiniRocket(n_kernels=10_000, random_state=0)
    theirs.fit(known.numpy())
    counts, chosen, dilations, per_dilation, biases = theirs.parameters
    network = FixedKernels(length, channels, 9996)
    assert network.dilations == dilations.tolist()
    assert network.counts == per_dilation.tolist()
    assert len(biases) == len(network.biases) == 9996
    begin, seen = np.cumsum([0, *counts]), torch.zeros(len(dilations) * 84, channels)
    for number in range(len(seen)):
        seen[number, chosen[begin[number] : begin[number + 1]]] = 1
    with torch.no_grad():
        network.biases.copy_(torch.from_numpy(biases))
        network.channels.copy_(seen.view(len(dilations), 84, channels))
    wrong = np.abs(network(items).numpy() - theirs.transform(items.numpy())) > 1e-6
    assert wrong.mean() < 1e-4  # a value that is as good as equal to its bias


def test_the_method_brings_its_network_and_a_run_keeps_its_biases(tmp_path) -> None:
    images = tones(40)
    plan = plan_for(images, "minirocket", backbone="tiny1d")
    assert (plan.backbone, plan.epochs) == ("kernels1d", 0)
    train_run(plan, images, tmp_path)
    backbone = load_run(tmp_path)[2]
    assert backbone.dim == 9996
    assert float(backbone.network.biases.std()) > 0.1
    features = backbone(windows(3, 3, 64))
    assert features.shape == (3, 9996)
    assert 0.2 < features.mean() < 0.8
    train_run(plan, images, tmp_path / "again")
    again = load_run(tmp_path / "again")[2]
    assert torch.equal(backbone.network.biases, again.network.biases)
    train_run(plan.model_copy(update={"seed": 1}), images, tmp_path / "other")
    other = load_run(tmp_path / "other")[2]
    assert not torch.equal(backbone.network.biases, other.network.biases)


def test_its_features_tell_tones_apart() -> None:
    """Nearest mean of standardised features: four frequencies in noise."""
    train, test = tones(80), tones(80, seed=1)
    scale = torch.tensor([1.0, 10.0, 100.0])[:, None]
    known, asked = ((torch.from_numpy(one.pixels) - 10) / scale for one in (train, test))
    network = fitted(3, 64, 9996)
    network.fit_biases(known.float(), torch.Generator().manual_seed(0))
    learnt, shown = network(known.float()), network(asked.float())
    shown = (shown - learnt.mean(0)) / (learnt.std(0) + 1e-3)
    learnt = (learnt - learnt.mean(0)) / (learnt.std(0) + 1e-3)
    means = torch.stack([learnt[train.labels == k].mean(0) for k in range(4)])
    said = torch.cdist(shown, means).argmin(1).numpy()
    assert (said == test.labels).mean() > 0.9


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="kernels1d has kernels of 9 samples, got windows of 8"):
        make_backbone("kernels1d", 1, 8, "series")
    with pytest.raises(ValueError, match="minirocket has a network of its own, got tiny1d"):
        MiniRocket(make_backbone("tiny1d?width=8", 1, 64, "series"))
    with pytest.raises(
        ValueError, match="kernels1d is the network of the method minirocket: write --methods minirocket"
    ):
        plan_for(tones(40), "ts2vec", backbone="kernels1d")
    with pytest.raises(ValueError, match="'kernels1d' takes series, and these are images"):
        make_backbone("kernels1d", 3, 32)
