"""Spectrograms against plain Fourier sums, HTK's formula and direct convolution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.data.series.spectrograms import (
    SPECTROGRAMS,
    W0,
    log_mel,
    mel_filters,
    morlet,
    short_powers,
    side_of,
    stft,
    wavelet_scales,
)

RNG = np.random.default_rng(0)


def sine(turns: float, samples: int = 256) -> np.ndarray:
    """A sine (1, 1, samples) of so many turns a sample."""
    return np.sin(2 * np.pi * turns * np.arange(samples))[None, None]


def test_short_powers_are_fourier_sums():
    values = RNG.normal(size=(2, 3, 100))
    found = short_powers(values, 16, 10, 16)
    centred = values - values.mean(-1, keepdims=True)
    hann = np.hanning(17)[:16]
    for frame in (2, 5, 7):  # away from the ends
        begin = int((frame + 0.5) * 10) - 8
        for bin in (0, 3, 8):
            turn = np.exp(-2j * np.pi * bin * np.arange(16) / 16)
            power = np.abs((centred[..., begin : begin + 16] * hann * turn).sum(-1) * 2 / hann.sum()) ** 2
            np.testing.assert_allclose(found[:, :, bin, frame], power, rtol=1e-9)


def test_a_sine_has_no_decibels_in_its_row():
    found = stft(sine(8 / 64), 1.0)[0, 0]
    assert found.shape == (32, 32)
    assert (found[:, 4:-4].argmax(0) == 31 - 8).all()  # low frequencies last
    np.testing.assert_allclose(found[31 - 8, 4:-4], 0, atol=1e-6)


@given(st.integers(4, 40), st.sampled_from([128, 256, 1024]), st.floats(10, 48000))
def test_mel_filters_are_those_of_htk(bands: int, length: int, rate: float):
    found = mel_filters(bands, length, rate)
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), bands + 2)
    corners = [700 * (10 ** (mel / 2595) - 1) for mel in mels]
    for band in range(bands):
        for bin in range(0, length // 2 + 1, 7):
            hertz = bin * rate / length
            low, middle, high = corners[band : band + 3]
            rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
            assert found[band, bin] == pytest.approx(max(0, min(rising, falling)), abs=1e-6)


@pytest.mark.parametrize("samples", [128, 256, 700, 4096])
@pytest.mark.parametrize("rate", [1.0, 1024.0, 44100.0])
def test_no_mel_band_is_empty(samples: int, rate: float):
    found = log_mel(RNG.normal(size=(1, 1, samples)), rate)
    assert found.shape == (1, 1, side_of(samples) // 2, side_of(samples))
    assert np.isfinite(found).all()
    assert found.max(-1).min() > -60


def test_bands_that_would_be_empty_are_refused():
    with pytest.raises(
        ValueError, match="a window of 32 samples at 44100 a second is too short for 16 mel bands: give a"
    ):
        log_mel(np.zeros((1, 1, 32)), 44100.0)


def test_wavelets_are_a_direct_convolution():
    values = RNG.normal(size=(1, 2, 128))
    scales = np.array([5.0, 7.0, 11.0])
    found = morlet(values, scales)
    padded = np.pad(values - values.mean(-1, keepdims=True), ((0, 0), (0, 0), (128, 128)), "symmetric")
    for number, scale in enumerate(scales):
        lag = np.arange(-120, 121)
        wavelet = 2 / (scale * np.sqrt(2 * np.pi)) * np.exp(1j * W0 * lag / scale - 0.5 * (lag / scale) ** 2)
        for channel in range(2):
            direct = np.convolve(padded[0, channel], wavelet, "same")[128:256]
            np.testing.assert_allclose(found[0, channel, number], direct, atol=1e-6)


def test_a_sine_has_its_size_at_its_own_scale():
    scales = wavelet_scales(256, 32)
    turns = W0 / (2 * np.pi * scales[12])
    found = np.abs(morlet(sine(turns), scales))[0, 0]
    assert (found[:, 80:-80].argmax(0) == 12).all()
    np.testing.assert_allclose(found[12, 80:-80], 1, atol=0.02)


@pytest.mark.parametrize("name", list(SPECTROGRAMS))
@pytest.mark.parametrize("samples", [32, 33, 511, 512])
def test_shapes_and_series_without_any_change(name: str, samples: int):
    height, width = SPECTROGRAMS[name](np.full((2, 3, samples), 7.0), 100.0).shape[2:]
    assert width == side_of(samples)
    assert height == (width // 2 if name == "log-mel" else width)
    assert SPECTROGRAMS[name](np.full((1, 1, samples), 7.0), 100.0).max() == -200


@pytest.mark.parametrize("name", list(SPECTROGRAMS))
def test_a_window_does_not_depend_on_those_beside_it(name: str):
    values = RNG.normal(size=(4, 2, 64))
    whole = SPECTROGRAMS[name](values, 100.0)
    for row in range(4):
        np.testing.assert_allclose(SPECTROGRAMS[name](values[row : row + 1], 100.0)[0], whole[row], atol=1e-8)
