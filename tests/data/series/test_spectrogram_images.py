"""Series as pictures: what is black and white, ids and clusters, the store, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kogen.data.cache_settings import CacheSettings
from kogen.data.levels import Levels, parse_levels
from kogen.data.open import open_images
from kogen.data.series import spectrogram_images
from kogen.data.series.from_values import from_series
from kogen.data.series.spectrogram_images import as_spectrograms, find_range
from kogen.data.series.spectrograms import stft

RNG = np.random.default_rng(0)


@pytest.fixture
def settings(tmp_path: Path) -> CacheSettings:
    return CacheSettings(cache=tmp_path, progress=False)


def noise(count: int = 20, rate: float = 100.0):
    return from_series(RNG.normal(size=(count, 2, 64)), rate=rate, name="noise")


def test_pictures_are_decibels_between_the_levels(settings: CacheSettings):
    series = noise()
    images = as_spectrograms(series, "stft", settings)
    assert images.kind == "image"
    assert images.pixels.shape == (20, 2, 32, 32)
    assert images.levels is not None
    black, white = images.levels.black, images.levels.white
    assert white - black == spectrogram_images.RANGE
    shown = np.clip((stft(np.asarray(series.pixels[:], float), 100.0) - black) / (white - black), 0, 1) * 255
    assert np.abs(images.pixels[:].astype(float) - shown).max() <= 0.5 + 1e-6
    assert len(set(images.ids)) == 20
    assert (images.clusters == images.ids).all()
    assert f"black is {black:.1f} dB, white {white:.1f} dB" in images.notes[-1]


def test_white_is_found_in_the_train_split_alone(settings: CacheSettings):
    series = noise()
    loud = from_series(
        np.concatenate([np.asarray(series.pixels[:10]), 1000 * np.asarray(series.pixels[10:])]), rate=100.0
    )
    loud = replace(loud, splits=np.array(["train"] * 10 + ["test"] * 10, object))
    assert find_range(loud, "stft") == find_range(series.subset(np.arange(10)), "stft")
    assert as_spectrograms(loud, "stft", settings).levels == find_range(loud, "stft")


def test_the_levels_of_another_set_are_kept_as_a_study_writes_them(settings: CacheSettings):
    first = as_spectrograms(noise(), "stft", settings)
    written = parse_levels(str(first.levels))
    other = as_spectrograms(noise(5), "stft", replace(settings, levels=written))
    assert other.levels is not None
    assert first.levels is not None
    assert (other.levels.black, other.levels.white) == (first.levels.black, first.levels.white)


def test_what_is_stored_is_found_again_and_made_anew_where_it_is_cut_off(settings: CacheSettings, monkeypatch):
    series = noise()
    first = np.array(as_spectrograms(series, "cwt", settings).pixels[:])
    monkeypatch.setattr(spectrogram_images, "_write", None)  # nothing is drawn again
    assert (as_spectrograms(series, "cwt", settings).pixels[:] == first).all()
    monkeypatch.undo()
    (file,) = settings.cache_folder.rglob("pixels.u8")
    file.write_bytes(file.read_bytes()[:-1])
    assert (as_spectrograms(series, "cwt", settings).pixels[:] == first).all()


def test_a_damaged_picture_is_drawn_anew(settings: CacheSettings, capsys):
    series = noise()
    first = np.array(as_spectrograms(series, "stft", settings).pixels[:])
    (file,) = settings.cache_folder.rglob("pixels.u8")
    data = bytearray(file.read_bytes())
    data[5000] ^= 255
    file.write_bytes(data)
    again = as_spectrograms(series, "stft", settings).pixels
    np.testing.assert_array_equal(again[np.arange(20)], first)
    assert "the stored spectrogram of noise[2] is damaged" in capsys.readouterr().err.replace("\n", " ")
    as_spectrograms(series, "stft", settings)
    assert file.read_bytes() == first.tobytes()


def test_other_series_levels_or_kinds_are_stored_apart(settings: CacheSettings):
    series = noise()
    as_spectrograms(series, "stft", settings)
    as_spectrograms(series, "stft", replace(settings, levels=Levels(-40.0, 0.0)))
    as_spectrograms(series.subset(np.arange(19, -1, -1)), "stft", settings)
    as_spectrograms(series, "log-mel", settings)
    assert len(list(settings.cache_folder.rglob("pixels.u8"))) == 4


@pytest.mark.parametrize("name", ["stft", "log-mel", "cwt"])
def test_machines_are_pictures_too(name: str):
    images = open_images(f"machines?n=20&size=64&spectrogram={name}")
    assert images.pixels.dtype == np.uint8
    assert len(set(images.clusters)) == 4
    assert images.aspect[0] == (2 if name == "log-mel" else 1)


@pytest.mark.parametrize(
    ("series", "name", "message"),
    [
        (noise(), "mel", "there is no spectrogram 'mel': did you mean 'log-mel'"),
        (from_series(np.zeros((1, 1, 31))), "stft", "a window has 31 samples, a spectrogram wants 32 or more"),
        (noise(rate=0.0), "log-mel", "mel bands are in hertz, and the series say no rate: give own_rate="),
    ],
)
def test_what_makes_no_picture_is_refused(series, name: str, message: str, settings: CacheSettings):
    with pytest.raises(ValueError, match=message):
        as_spectrograms(series, name, settings)
