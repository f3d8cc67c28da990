"""Spectrograms: the power of series over time and frequency, by short Fourier windows, mel bands or wavelets.

The mean of each channel is taken out first: what is shown is how a series changes.
"""

from collections.abc import Callable

import numpy as np

from kogen.data.series.recording import Refused

LEAST = 32  # samples of a window of which a spectrogram shows anything
LOWEST_POWER = 1e-20  # what no power at all is in decibels, -200
W0 = 6.0  # of the Morlet wavelet: turns within it (Torrence and Compo 1998)
MEL_BANDS = 2  # columns of a picture for each mel band


def side_of(samples: int) -> int:
    """Columns of the spectrogram of a window of so many samples: 32, 64 from 512 samples on, 128 from 4096 on."""
    return 32 if samples < 512 else 64 if samples < 4096 else 128


def stft(values: np.ndarray, rate: float) -> np.ndarray:
    """Decibels (B, C, S, S) of series (B, C, T): frequencies 0 (last row) to half the rate."""
    side = side_of(values.shape[-1])
    power = short_powers(values, min(2 * side, values.shape[-1]), side, 2 * side)[..., :side, :]
    return decibels(power)[..., ::-1, :]


def log_mel(values: np.ndarray, rate: float) -> np.ndarray:
    """Decibels (B, C, S / 2, S) of series (B, C, T) in mel bands, the lowest in the last row. The rate must be known.

    Refused where a band lies between two frequencies of the Fourier window: a row would be black throughout.
    """
    samples, side = values.shape[-1], side_of(values.shape[-1])
    bands = side // MEL_BANDS
    length = min(16 * bands, 1 << (samples.bit_length() - 1))
    filters = mel_filters(bands, length, rate)
    if not filters.any(axis=1).all():
        got = f"a window of {samples} samples at {rate:g} a second is too short for {bands} mel bands"
        raise Refused(f"{got}: give a longer window=, or spectrogram=stft")
    return decibels(np.einsum("mf,bcfw->bcmw", filters, short_powers(values, length, side, length)))[..., ::-1, :]


def cwt(values: np.ndarray, rate: float) -> np.ndarray:
    """Decibels (B, C, S, S) of series (B, C, T) by Morlet wavelets, frequencies on a logarithmic scale."""
    samples, side = values.shape[-1], side_of(values.shape[-1])
    waves = np.abs(morlet(values, wavelet_scales(samples, side))) ** 2  # (B, C, S, T)
    edges = np.arange(side) * samples // side
    sizes = np.diff(np.r_[edges, samples])
    return decibels(np.add.reduceat(waves, edges, axis=-1) / sizes)


SPECTROGRAMS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {"log-mel": log_mel, "stft": stft, "cwt": cwt}


def short_powers(values: np.ndarray, length: int, frames: int, points: int) -> np.ndarray:
    """Power (B, C, points / 2 + 1, frames) of series (B, C, T) in Hann windows of `length` samples, evenly spread.

    A sine of amplitude 1 has power 1 in its bin. At the ends the series is mirrored; a window that is shorter than
    `points` is filled up with zeros.
    """
    samples = values.shape[-1]
    centred = values - values.mean(-1, keepdims=True)
    before = length // 2
    padded = np.pad(
        centred, ((0, 0), (0, 0), (before, length - before)), "reflect" if length < samples else "symmetric"
    )
    middles = ((np.arange(frames) + 0.5) * samples / frames).astype(int)  # begins of windows in what is padded
    cut = np.lib.stride_tricks.sliding_window_view(padded, length, axis=-1)[:, :, middles]  # (B, C, frames, length)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    power = np.abs(np.fft.rfft(cut * hann, points)) ** 2 * (2 / hann.sum()) ** 2
    return power.swapaxes(-1, -2)


def mel_filters(bands: int, length: int, rate: float) -> np.ndarray:
    """Triangles (bands, length / 2 + 1) over the bins of a Fourier window, from 0 to half the rate, as HTK has them.

    Their corners are even steps of 2595 log10(1 + f / 700), each has the height 1.
    """
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), bands + 2) / 2595) - 1)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bins = np.fft.rfftfreq(length, 1 / rate)
    return np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))


def wavelet_scales(samples: int, count: int) -> np.ndarray:
    """Scales (count,) in samples of wavelets of 0.4 turns a sample down to two turns a window, the smallest first."""
    return W0 / (2 * np.pi * np.geomspace(0.4, 2 / samples, count))


def morlet(values: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Wavelet coefficients (B, C, S, T) of series (B, C, T): a sine of amplitude 1 has the size 1 at its own scale.

    At the ends the series is mirrored.
    """
    samples = values.shape[-1]
    padded = np.pad(values - values.mean(-1, keepdims=True), ((0, 0), (0, 0), (samples, samples)), "symmetric")
    turns = 2 * np.pi * np.fft.fftfreq(3 * samples)  # radians a sample
    shapes = np.where(turns > 0, 2 * np.exp(-0.5 * (scales[:, None] * turns - W0) ** 2), 0)  # (S, 3 T)
    found = np.fft.ifft(np.fft.fft(padded)[:, :, None] * shapes)
    return found[..., samples : 2 * samples]


def decibels(power: np.ndarray) -> np.ndarray:
    """Power in decibels, none as -200."""
    return 10 * np.log10(np.maximum(power, LOWEST_POWER))
