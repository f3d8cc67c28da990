"""Views of series: each operation as `render_waves` draws it, chance by seed, step and tag alone, what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kogen.augmentation import waves
from kogen.augmentation.waves import Wave, evaluation_wave, render_waves
from kogen.common.rng import StepRng

EVERYTHING: dict[str, Any] = {
    "crop": (0.4, 0.9), "time_warp": 0.3, "permute": 5, "flip_sign": 0.5, "scale": 0.2, "magnitude_warp": 0.2,
    "drift": 0.5, "noise": 0.3, "mask_frequency": 0.3, "dropout": 0.3, "drop_channel": 0.3,
}  # fmt: skip
MEAN, STD = (10.0, -3.0, 0.001), (2.0, 50.0, 1e-4)  # of sensors in bar, newton and metre


def raw(count: int = 7, length: int = 60, seed: int = 0) -> torch.Tensor:
    """Windows (B, 3, T) of three sensors with MEAN and STD."""
    drawn = torch.randn(count, 3, length, generator=torch.Generator().manual_seed(seed))
    return drawn * torch.tensor(STD)[:, None] + torch.tensor(MEAN)[:, None]


def one(values: torch.Tensor, step: int = 0, **settings: Any) -> torch.Tensor:
    wave = Wave(**{"size": values.shape[2], "mean": MEAN, "std": STD} | settings)
    return render_waves(values, [wave], StepRng(3, step, len(values)), tags=["0"])[0]


def normal(values: torch.Tensor) -> torch.Tensor:
    return (values - torch.tensor(MEAN)[:, None]) / torch.tensor(STD)[:, None]


def test_evaluation_shows_the_whole_window_in_units_of_std() -> None:
    values = raw()
    wave = evaluation_wave(60, mean=MEAN, std=STD)
    out = render_waves(values, [wave], StepRng(0, 0, 7), tags=["0"])[0]
    assert torch.equal(out, normal(values))
    bare = render_waves(values, [evaluation_wave(60)], StepRng(0, 0, 7), tags=["0"])[0]
    assert torch.equal(bare, values)
    assert bare.data_ptr() != values.data_ptr()


def test_large_values_of_doubles_keep_their_digits() -> None:
    values = 1e9 + raw(2).double()[:, :1]
    out = render_waves(values, [evaluation_wave(60, mean=(1e9,), std=(2.0,))], StepRng(0, 0, 2), tags=["0"])[0]
    torch.testing.assert_close(out.double(), (values - 1e9) / 2, atol=1e-6, rtol=0)
    assert out.dtype == torch.float32


def test_other_sizes_are_read_on_a_line_or_as_means() -> None:
    values = raw(length=60)
    torch.testing.assert_close(
        one(values, size=97), F.interpolate(normal(values), 97, mode="linear"), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(one(values, size=20), F.avg_pool1d(normal(values), 3), atol=1e-4, rtol=0)


def test_a_tone_above_what_a_smaller_size_holds_does_not_fold_down() -> None:
    tone = torch.sin(2 * torch.pi * 0.3 * torch.arange(240))[None, None].expand(2, 3, -1)  # 0.3 of the rate, of 240
    out = render_waves(tone, [evaluation_wave(60)], StepRng(0, 0, 2), tags=["0"])[0]  # which holds up to 0.125 of it
    assert out.std() < 0.25 * tone.std()


def test_crops_are_stretches_of_the_window() -> None:
    ramp = torch.arange(60.0).expand(50, 3, -1)
    out = render_waves(ramp, [Wave(size=40, crop=(0.2, 0.6))], StepRng(0, 0, 50), tags=["0"])[0][:, 0]
    steps = out.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), atol=1e-4, rtol=0)
    share = steps[:, 0] * 40 / 60
    assert 0.2 <= share.min() < 0.25
    assert 0.55 < share.max() <= 0.6001
    assert out[:, 0].min() < 10
    assert out[:, -1].max() > 50


def test_operations_are_what_they_are_called() -> None:
    values = raw(200)
    clean = normal(values)
    warped = one(values, time_warp=0.2)
    assert not torch.allclose(warped, clean, atol=0.1)
    cut = one(values, permute=4)
    torch.testing.assert_close(cut.sort(2)[0], clean.sort(2)[0], atol=1e-4, rtol=0)  # every sample is still there
    moved = (cut - clean).abs().amax((1, 2)).gt(0.1).float().mean()
    assert abs(moved - (1 - (1 + 1 / 2 + 1 / 6 + 1 / 24) / 4)) < 0.1  # the order that is there already may be drawn
    signs = (one(values, flip_sign=0.3) / clean).mean(2)
    assert set(signs.round().unique().tolist()) == {-1.0, 1.0}
    assert abs((signs < 0).float().mean() - 0.3) < 0.06
    factor = one(values, scale=0.2) / clean
    assert factor.std(2).max() < 1e-3
    assert abs(factor[..., 0].std() - 0.2) < 0.02
    assert abs(factor.mean() - 1) < 0.03
    curve = one(values, magnitude_warp=0.2) / clean
    assert abs(curve[clean.abs() > 0.1].mean() - 1) < 0.03
    assert curve[clean.abs() > 0.1].std() > 0.1
    walk = one(values, drift=0.5) - clean
    assert walk[..., 0].abs().max() < 0.2
    assert 0.4 < walk.abs().max() < 0.8
    sizes = (one(values, noise=0.5) - clean).std((1, 2))
    assert sizes.max() < 0.55
    assert abs(sizes.mean() - 0.25) < 0.03
    gaps = (one(values, dropout=0.4) == 0).float()
    assert torch.equal(gaps[:, 0], gaps[:, 2])
    assert 0.1 < gaps.mean() < 0.2
    lost = (one(values, drop_channel=0.5) == 0).all(2)
    assert bool((lost.sum(1) <= 2).all())
    assert 0.3 < lost.float().mean() < 0.5


@pytest.mark.parametrize("length", [1, 2, 60, 301])
@pytest.mark.parametrize("size", [1, 60])
def test_every_size_takes_every_operation(length: int, size: int) -> None:
    out = one(raw(length=length), size=size, **EVERYTHING)
    assert out.shape == (7, 3, size)
    assert bool(out.isfinite().all())


def test_a_batch_may_be_divided_in_any_way() -> None:
    values, rng = raw(50), StepRng(1, 2, 50)
    pair = [Wave(size=size, mean=MEAN, std=STD, **EVERYTHING) for size in (60, 25)]
    whole = render_waves(values, pair, rng, tags=["0", "1"])
    for cut in (1, 13, 49):
        parts = [render_waves(values[a:b], pair, rng.part(a, b), tags=["0", "1"]) for a, b in ((0, cut), (cut, 50))]
        for number in (0, 1):
            assert torch.equal(torch.cat([part[number] for part in parts]), whole[number])
    again = render_waves(values, pair, rng, tags=["0", "1"])
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_small_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = one(raw(50), **EVERYTHING)
    monkeypatch.setattr(waves, "CPU_CHUNK", 400)
    assert torch.equal(one(raw(50), **EVERYTHING), whole)


def test_seed_step_and_tag_change_what_happens() -> None:
    values, wave = raw(), Wave(size=60, mean=MEAN, std=STD, **EVERYTHING)
    first = render_waves(values, [wave], StepRng(1, 1, 7), tags=["0"])[0]
    for rng, tag in ((StepRng(2, 1, 7), "0"), (StepRng(1, 2, 7), "0"), (StepRng(1, 1, 7), "1")):
        assert not torch.allclose(render_waves(values, [wave], rng, tags=[tag])[0], first)


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name not in ("flip_sign", "drop_channel")])
def test_what_cannot_happen_changes_no_other_draw(name: str) -> None:
    wave, rng = Wave(size=60, **EVERYTHING), StepRng(1, 1, 7)
    off = replace(wave, **{name: None if name == "crop" else 0})
    every, fewer = (waves.sample_wave(view, rng, "0", 3) for view in (wave, off))
    assert fewer.keys() < every.keys()
    assert all(torch.equal(value, every[key]) for key, value in fewer.items())


def test_units_do_not_matter() -> None:
    values = raw()
    scaled = values * 1000
    wave = Wave(size=60, mean=MEAN, std=STD, **EVERYTHING)
    other = replace(wave, mean=tuple(1000 * m for m in MEAN), std=tuple(1000 * s for s in STD))
    a, b = (render_waves(v, [w], StepRng(0, 0, 7), tags=["0"])[0] for v, w in ((values, wave), (scaled, other)))
    torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


def test_helpers_take_away_what_they_say() -> None:
    wave = Wave(size=60, mean=MEAN, std=STD, **EVERYTHING)
    bare = waves.only_time(wave)
    assert bare == Wave(size=60, mean=MEAN, std=STD, crop=(0.4, 0.9), time_warp=0.3)
    assert waves.show_time(wave, 0.5).crop == (0.5, 0.9)
    assert waves.show_time(wave, 0.95).crop == (0.95, 0.95)
    assert waves.show_time(wave, 0.3) is wave
    plain = Wave(size=60)
    assert waves.show_time(plain, 0.5) is plain
    local = waves.local_wave(wave, 24)
    assert (local.size, local.crop, local.noise) == (24, waves.LOCAL_TIME, wave.noise)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip_sign": 1.5}, r"a probability flip_sign in \[0, 1\]; got 1.5"),
        ({"dropout": -0.1}, r"a share dropout in \[0, 1\]; got -0.1"),
        ({"noise": -1}, "a strength noise of 0 or more; got -1"),
        ({"drift": float("inf")}, "a strength drift of 0 or more; got inf"),
        ({"size": 0}, "a size of at least 1 sample; got 0"),
        ({"crop": (0.5, 0.4)}, r"a crop 0 < low <= high <= 1; got \(0.5, 0.4\)"),
        ({"permute": 2.5}, "a whole number permute from 0 to 1000; got 2.5"),
        ({"mean": (0.0,)}, "mean and std together or not at all"),
        ({"mean": (0.0,), "std": (0.0,)}, "a std above 0 for each channel"),
        ({"mean": (0.0,), "std": (1.0, 1.0)}, "as many values of mean as of std"),
    ],
)
def test_odd_waves_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"a view of series wants {message}"):
        Wave(**{"size": 8} | settings)


@pytest.mark.parametrize(
    ("values", "wave", "total", "message"),
    [
        (torch.zeros(2, 3), Wave(size=3), 2, r"windows \(B, C, T\), none of them 0; got \(2, 3\)"),
        (torch.zeros(2, 3, 0), Wave(size=3), 2, "none of them 0"),
        (torch.zeros(2, 3, 4, dtype=torch.uint8), Wave(size=3), 2, "values of float"),
        (torch.zeros(2, 3, 4), Wave(size=3), 3, "an rng of 2 windows, as many as there are; got 3"),
        (torch.zeros(2, 3, 4), Wave(size=3, mean=(0.0,), std=(1.0,)), 2, "mean and std for 3 channels"),
        (torch.tensor([[[0.0, np.nan]]]), Wave(size=3), 1, "values that are finite: fill gaps first"),
        (torch.tensor([[[0.0, np.inf]]]), Wave(size=3), 1, "values that are finite"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: torch.Tensor, wave: Wave, total: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_waves(values, [wave], StepRng(0, 0, total), tags=["0"])
