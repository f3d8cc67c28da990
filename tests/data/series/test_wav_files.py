"""Wav files: shares of full scale in every width, channels, and files that are cut off."""

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from kogen.data.series.recording import Reading
from kogen.data.series.wav_files import read_wav


def values(place: Path, **reading) -> np.ndarray:
    return np.concatenate([block.values for block in read_wav(str(place), place.name, Reading(**reading)).blocks])


@pytest.mark.parametrize(
    ("dtype", "stored", "shares"),
    [
        (np.int16, [0, 16384, -32768], [0, 0.5, -1]),
        (np.uint8, [128, 192, 0], [0, 0.5, -1]),
        (np.int32, [0, 2**30, -(2**31)], [0, 0.5, -1]),
        (np.float32, [0, 0.25, -7], [0, 0.25, -7]),
    ],
)
def test_whole_numbers_are_shares_of_full_scale(dtype, stored, shares, tmp_path: Path):
    wavfile.write(tmp_path / "a.wav", 16000, np.array(stored, dtype))
    assert values(tmp_path / "a.wav").ravel().tolist() == shares
    assert read_wav(str(tmp_path / "a.wav"), "a.wav", Reading()).rate == 16000


def test_24_bits_are_read(tmp_path: Path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(8000)
        file.writeframes(b"".join(int(n).to_bytes(3, "little", signed=True) for n in (0, 2**22, -(2**23))))
    assert values(tmp_path / "a.wav").ravel().tolist() == [0, 0.5, -1]


def test_channels_are_picked_by_number(tmp_path: Path):
    wavfile.write(tmp_path / "a.wav", 8000, np.array([[1, 2], [3, 4]], np.float32))
    assert values(tmp_path / "a.wav", channels=("2",)).tolist() == [[2], [4]]
    with pytest.raises(ValueError, match=r"a.wav has no channel '3'"):
        values(tmp_path / "a.wav", channels=("3",))


def test_what_is_no_whole_wav_cannot_be_read(tmp_path: Path):
    place = tmp_path / "a.wav"
    place.write_bytes(b"")
    with pytest.raises(ValueError, match="it is empty"):
        values(place)
    place.write_bytes(b"RIFF, or not")
    with pytest.raises(ValueError, match="cannot read the wav file"):
        values(place)
    wavfile.write(place, 8000, np.arange(1000, dtype=np.int16))
    place.write_bytes(place.read_bytes()[:500])
    with pytest.raises(ValueError, match="cannot read the wav file"):
        values(place)
