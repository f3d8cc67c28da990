"""SimMTM: masks, weights and losses against slow twins, and that it learns."""

import math

import numpy as np
import pytest
import torch
from small import plan_for, tones

from kogen.backbones import make_backbone
from kogen.methods.simmtm import SimMTM, compare_series, draw_stretches, positive_loss
from kogen.modules.base import Views
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.loop import pretrain


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("share", "stretch"), [(0.5, 3.0), (0.2, 5.0), (0.7, 3.0), (0.3, 1.0)])
def test_stretches_are_geometric_and_hide_their_share(share: float, stretch: float) -> None:
    hidden = draw_stretches(draw(200, 3, 1001), share, stretch)
    assert hidden.shape == (200, 3, 1000)
    assert abs(hidden.float().mean() - share) < 0.01
    starts = (hidden[..., 1:] & ~hidden[..., :-1]).sum()
    assert float(hidden[..., 1:].sum() / starts) == pytest.approx(stretch, rel=0.05)


def test_stretches_are_those_drawn_one_by_one() -> None:
    draws = draw(6, 2, 41, seed=3)
    got = draw_stretches(draws, 0.4, 3.0)
    for rows, masks in zip(draws.double().numpy(), got, strict=True):
        for numbers, mask in zip(rows, masks.tolist(), strict=True):
            state, out, place = numbers[0] < 0.4, [], 1
            while len(out) < 40:
                ending = 1 / 3 if state else 0.4 / 0.6 / 3
                length = math.floor(math.log(1 - numbers[place]) / math.log(1 - ending)) + 1
                out += [state] * length
                state, place = not state, place + 1
            assert mask == [bool(one) for one in out[:40]]


def test_ends_of_the_share() -> None:
    assert not draw_stretches(draw(4, 2, 11), 0.0, 3.0).any()
    assert draw_stretches(draw(4, 2, 11), 1.0, 3.0).all()


def test_losses_are_those_of_the_equations() -> None:
    """The equations of section 3, series by series, in numpy."""
    backbone = make_backbone("dilated1d?width=8&out=6&depth=2", 2, 20, "series")
    torch.manual_seed(0)
    method, count, copies = SimMTM(backbone, copies=2, dim=5, hidden=8, temperature=0.3), 4, 2
    alike, steps, windows = torch.randn(count, 3, 5), torch.randn(count, 3, 6, 20), torch.randn(count, 2, 20)
    with torch.no_grad():
        method.uncertainty.copy_(torch.tensor([0.3, -0.2]))
        terms = method.loss_of([alike, steps, windows], None)  # type: ignore[arg-type]
    s = alike.double().flatten(0, 1).numpy()
    z = steps.double().flatten(0, 1).numpy()
    s = s / np.linalg.norm(s, axis=1, keepdims=True)
    likeness = np.exp(s @ s.T / 0.3)
    weight, bias = (part.detach().double().numpy() for part in (method.decoder.weight, method.decoder.bias))
    errors, shares = [], []
    for a in range(len(s)):
        others = [b for b in range(len(s)) if b != a]
        total = sum(likeness[a, b] for b in others)
        shares += [-math.log(likeness[a, b] / total) for b in others if b // (copies + 1) == a // (copies + 1)]
        if a % (copies + 1) == 0:
            mixed = sum(likeness[a, b] / total * z[b] for b in others)  # (D, T)
            rebuilt = weight @ mixed + bias[:, None]  # (C, T), one sample a step
            errors.append((rebuilt - windows[a // (copies + 1)].double().numpy()) ** 2)
    assert terms["values"].item() == pytest.approx(np.mean(errors) * math.exp(-0.3) / 2 + 0.15, rel=1e-5)
    assert terms["series"].item() == pytest.approx(np.mean(shares) * math.exp(0.2) / 2 - 0.1, rel=1e-5)


def test_series_of_one_window_are_each_others_and_nobody_is_its_own() -> None:
    logits, own = compare_series(torch.randn(3, 2, 5), 0.2)
    assert bool((logits.isinf().sum(2) == 1).all())
    assert own.sum(2).tolist() == [[1, 1]] * 3
    assert own[1].nonzero().tolist() == [[0, 3], [1, 2]]
    far = torch.full((3, 2, 6), -20.0).masked_fill(own, 20.0)
    assert positive_loss(far, own).item() == pytest.approx(0, abs=1e-6)


def test_a_step_of_several_samples_rebuilds_all_of_them() -> None:
    """A decoder that gives each step its own samples: the right order of channels and samples has no error."""
    backbone = make_backbone("tiny1d?width=8", 2, 64, "series")
    method = SimMTM(backbone, copies=1)
    assert (method.steps, method.samples) == (4, 16)
    windows = torch.randn(2, 2, 64)
    packed = windows.unflatten(2, (4, 16)).transpose(1, 2).flatten(2)  # (2, 4, 32): a step, channels, samples
    method.decoder = torch.nn.Identity()  # type: ignore[assignment]
    steps = packed.mT[:, None].expand(-1, 2, -1, -1)  # each series has the features of its own window
    alike = torch.eye(2)[:, None].expand(-1, 2, -1) * 1.0
    method.temperature = 0.01  # so that the other copy of the same window has all the weight
    with torch.no_grad():
        assert method.loss_of([alike, steps, windows], None)["values"].item() == pytest.approx(0, abs=1e-6)  # type: ignore[arg-type]


NETWORKS = ["dilated1d?width=8&out=16&depth=3", "tiny1d?width=8", "patch1d?width=48&depth=1&patch=8"]


@pytest.mark.parametrize("backbone", NETWORKS)
def test_it_learns(backbone: str, tmp_path) -> None:
    images = tones(96)
    plan = plan_for(images, "simmtm", backbone=backbone, epochs=5, batch_size=16, settings={"rate": 0.03})
    epochs = list(pretrain(plan, images, tmp_path))
    for name in ("values", "series"):
        losses = [epoch.terms.get(name, np.nan) for epoch in epochs]
        assert np.isfinite(losses[1:]).all()
        assert min(losses[-2:]) < losses[1], (name, losses)
    assert epochs[-1].rank_me > 0.05  # of 1, as many directions as there are
    assert epochs[-1].feature_std > 0.01


def test_a_batch_in_parts() -> None:
    images = tones(32)
    plan = plan_for(images, "simmtm", batch_size=16)
    module, whole = build_method(plan), Batches(plan, images, torch.device("cpu")).render_views(2, 0)
    masks = module.hidden_moments(whole.rng, 16, 64)
    assert torch.equal(module.hidden_moments(whole.rng.part(4, 12), 8, 64), masks[4:12])
    assert abs(masks.float().mean() - 0.5) < 0.1
    module.eval()
    part = Views([whole.crops[0][4:12]], whole.labels[4:12], whole.index[4:12], whole.rng, 0.0)
    with torch.no_grad():
        for one, other in zip(module.embed(whole), module.embed(part), strict=True):
            torch.testing.assert_close(one[4:12], other, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"simmtm: stretch = 0\.5, wanted 1 sample or more"):
        SimMTM(make_backbone("tiny1d?width=8", 2, 64, "series"), stretch=0.5)
    with pytest.raises(ValueError, match="simmtm trains networks of series that have `steps`, got resnet18"):
        SimMTM(make_backbone("tiny?width=8", 3, 32))
