"""Operations on series: each against a slow twin that goes window by window, channel by channel, sample by sample."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from kogen.augmentation import wave_ops as ops
from kogen.augmentation.pixel_rng import normal


def windows(count: int = 5, channels: int = 3, length: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, channels, length, generator=torch.Generator().manual_seed(seed))


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def close(got: torch.Tensor, wanted: object, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(got.numpy(), np.asarray(wanted), atol=atol, rtol=0)


@pytest.mark.parametrize("size", [1, 7, 128])
def test_curves_are_cubic_splines(size: int) -> None:
    knots = draw(4, 3, 6)
    moments = [(number + 0.5) / size for number in range(size)]
    twin = [[CubicSpline(np.linspace(0, 1, 6), row)(moments) for row in window] for window in knots.double().numpy()]
    close(ops.smooth_curves(knots, size), twin)


def test_warped_time_runs_at_its_speeds_and_never_stands_still() -> None:
    speeds = torch.cat([torch.ones(1, 50), 3 * torch.ones(1, 50), 4 * draw(6, 50) - 1])
    got = ops.warped_moments(speeds)
    twin = []
    for row in speeds.double().numpy():
        row, passed, out = np.maximum(row, 0.1), 0.0, []
        for speed in row:
            out.append((passed + speed / 2) / row.sum())
            passed += speed
        twin.append(out)
    close(got, twin)
    close(got[0], (np.arange(50) + 0.5) / 50)  # an even speed, whatever its unit, changes nothing
    close(got[1], (np.arange(50) + 0.5) / 50)
    assert bool((got.diff(dim=1) > 0).all())
    assert got.min() > 0
    assert got.max() < 1


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 1000))
def test_pieces_are_put_in_the_order_of_their_keys(size: int, most: int, seed: int) -> None:
    keys, pieces = draw(8, most, seed=seed), (draw(8, seed=seed + 1) * most).long() + 1
    got = ops.piece_order(keys, pieces, size)
    for row, key, count in zip(got.tolist(), keys.tolist(), pieces.tolist(), strict=True):
        parts = [list(range(size * one // count, size * (one + 1) // count)) for one in range(count)]
        twin = [sample for one in sorted(range(count), key=lambda one: key[one]) for sample in parts[one]]
        assert row == twin
        assert sorted(row) == list(range(size))


def test_places_between_samples_are_read_on_a_line() -> None:
    values, places = windows(4, 2, 9), 8 * draw(4, 30)
    places[0, :3] = torch.tensor([0.0, 8.0, 4.0])
    twin = [
        [np.interp(at, np.arange(9), row) for row in one.numpy()]
        for one, at in zip(values, places.numpy(), strict=True)
    ]
    got = ops.sample_at(values, places)
    close(got, twin)
    assert torch.equal(got[0, :, :3], values[0][:, [0, 8, 4]])  # to the bit where a sample stands
    assert torch.equal(ops.sample_at(values[..., :1], places[:, :4]), values[..., :1].expand(-1, -1, 4))


def test_noise_is_that_of_the_seed_of_each_window() -> None:
    values, sigma, seed = windows(), torch.tensor([0.0, 0.1, 0.5, 1.0, 2.0]), torch.arange(5, dtype=torch.int32)
    twin = [one + s * normal(n[None], 120).view(3, 40) for one, s, n in zip(values, sigma, seed, strict=True)]
    close(ops.add_noise(values.clone(), sigma, seed), torch.stack(twin))


@pytest.mark.parametrize("length", [1, 2, 31, 40])
def test_a_band_is_taken_out_of_the_spectrum(length: int) -> None:
    values, low, width = windows(length=length), 0.7 * draw(5), torch.tensor([0.0, 0.1, 0.2, 0.3, 1.0])
    low[4] = 0
    twin = []
    for window, begin, wide in zip(values.double().numpy(), low.tolist(), width.tolist(), strict=True):
        spectrum = np.fft.rfft(window)
        count = spectrum.shape[1] - 1
        for number in range(count):
            if begin <= (number + 0.5) / count < begin + wide:
                spectrum[:, number + 1] = 0
        twin.append(np.fft.irfft(spectrum, length) if length > 1 else spectrum.real)
    got = ops.mask_band(values, low, width)
    close(got, twin)
    close(got.mean(2), values.mean(2))  # the level stays
    if length > 2:
        close(got[4], values[4].mean(1, keepdim=True).expand(-1, length))  # all of the spectrum: only the level is left


def test_stretches_become_the_mean_in_all_channels() -> None:
    values, starts, length = windows(), draw(5, 3), torch.tensor([0.0, 0.05, 0.1, 0.2, 0.3])
    twin = values.clone()
    for row, begins, long in zip(twin, starts.tolist(), length.tolist(), strict=True):
        for sample in range(40):
            if any(begin <= (sample + 0.5) / 40 < begin + long for begin in begins):
                row[:, sample] = 0
    assert torch.equal(ops.hide_stretches(values.clone(), starts, length), twin)


def test_a_drift_begins_at_nothing_and_reaches_as_far_as_said() -> None:
    steps, reach = draw(5, 3, 5) - 0.5, draw(5, 3)
    steps[0, 0] = 0  # a walk that stands still
    got = ops.walk_knots(steps, reach)
    assert bool((got[..., 0] == 0).all())
    assert bool((got[0, 0] == 0).all())
    wanted = reach.clone()
    wanted[0, 0] = 0
    close(got.abs().amax(2), wanted)
    walk = np.cumsum(steps[1, 2].numpy())
    close(got[1, 2, 1:], walk * float(reach[1, 2]) / np.abs(walk).max())


def test_one_channel_always_stays() -> None:
    draws = draw(2000, 4)
    kept = ops.kept_channels(draws, 0.3)
    assert abs(kept.float().mean() - 0.7) < 0.02
    assert bool((ops.kept_channels(draws, 1.0).sum(1) == 1).all())
    assert bool(ops.kept_channels(draws, 0.0).all())
