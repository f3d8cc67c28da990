"""Wav files as recordings: PCM of 8 to 32 bits and floats, full scale as 1, read part by part."""

import os
import warnings
from collections.abc import Iterator

import numpy as np

from kogen.common.files import check_regular_file
from kogen.data.series.recording import Block, Reading, Recording, pick_channels

BLOCK = 1 << 18  # samples read at once
CURE = "save it as plain PCM (16 bits) or as floats"


def read_wav(path: str, name: str, reading: Reading) -> Recording:
    """A wav file (L, C); whole numbers become shares of full scale: 16 bits are divided by 32768.

    ValueError for a file that is no wav, is cut off, or is packed.
    """
    from scipy.io import wavfile

    check_regular_file(path)
    if not os.path.getsize(path):
        raise ValueError("it is empty (0 bytes)")
    with warnings.catch_warnings():
        warnings.simplefilter("error", wavfile.WavFileWarning)  # a file that ends too early, among others
        warnings.filterwarnings("ignore", message="Chunk .* not understood", category=wavfile.WavFileWarning)
        try:
            try:
                rate, samples = wavfile.read(path, mmap=True)
            except ValueError:  # 24 bits cannot be mapped
                rate, samples = wavfile.read(path)
        except Exception as error:  # mangled bytes raise errors of any kind
            raise ValueError(f"cannot read the wav file: {error or type(error).__name__}; {CURE}") from error
    samples = samples.reshape(len(samples), -1)  # (L, C)
    places = pick_channels((), samples.shape[1], reading.channels, name)
    return Recording(name, _blocks(samples, places), len(places), rate=float(rate))


def _blocks(samples: np.ndarray, places: list[int]) -> Iterator[Block]:
    for start in range(0, len(samples), BLOCK):
        yield Block(to_shares(samples[start : start + BLOCK, places]))


def to_shares(samples: np.ndarray) -> np.ndarray:
    """PCM samples as shares of full scale, -1 to 1; 8 bits have no sign and 128 is their zero; floats as they are."""
    if samples.dtype.kind == "f":
        return samples
    half = float(2 ** (8 * samples.dtype.itemsize - 1))
    return (samples.astype(np.float64) - (half if samples.dtype.kind == "u" else 0)) / half
