"""Corruptions of series: each against a slow twin of one window, what all of them promise, what is refused."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kogen.augmentation.corruptions import CorruptionKind
from kogen.augmentation.pixel_rng import item_rng, normal, uniform
from kogen.augmentation.series_corruptions import SERIES_CORRUPTIONS, SeriesCorruption, parse_corruptions_of
from kogen.common import plugins
from kogen.common.plugins import Plugin
from kogen.data.corrupted import corrupt_images
from kogen.data.images import Images, from_array
from kogen.data.series.channel_scale import channel_scale
from kogen.study.splits import with_corruptions

NAMES = sorted(SERIES_CORRUPTIONS)
# Severities of these share one field or grow around one place, so that every value moves further from the clean one.
NESTED = sorted(set(NAMES) - {"resampling"})


def recordings(count: int = 20, channels: int = 2, length: int = 90, seed: int = 0) -> Images:
    rng = np.random.default_rng(seed)
    time, speed = np.arange(length) / max(length, 1), rng.uniform(2, 9, (count, channels, 1))
    values = 50 + 4 * np.sin(2 * np.pi * speed * time) + rng.normal(0, 0.5, (count, channels, length))
    names = np.array([f"{seed:04d}{number:012d}" for number in range(count)], dtype="<U16")
    return Images(
        values.astype(np.float32), names, names, np.full(count, -1), (), names, np.ones(count, np.float32), "clean"
    )


def read(images: Images) -> np.ndarray:
    return images.read(np.arange(len(images))).numpy()


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    severity=st.integers(1, 5),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 40)),
    seed=st.integers(0, 3),
)
def test_any_window_any_batch(name: str, severity: int, shape: tuple[int, int, int], seed: int) -> None:
    clean = recordings(*shape, seed)
    view = corrupt_images(clean, name, severity, seed)
    whole = read(view)
    assert whole.shape == shape
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    for number in range(shape[0]):
        np.testing.assert_array_equal(view.read(np.array([number])).numpy()[0], whole[number])
    order = np.random.default_rng(seed).permutation(shape[0])
    np.testing.assert_array_equal(read(view.subset(order)), whole[order])


@pytest.mark.parametrize("name", NAMES)
def test_batches_of_many_parts(name: str) -> None:
    view = corrupt_images(recordings(700, 3, 203), name, 4)
    whole = read(view)
    for number in (0, 429, 430, 431, 699):
        np.testing.assert_array_equal(view.read(np.array([number])).numpy()[0], whole[number])


@pytest.mark.parametrize("name", NAMES)
def test_more_severe_is_further_from_the_clean_window(name: str) -> None:
    images = recordings()
    errors = [(read(corrupt_images(images, name, severity)) - read(images)) ** 2 for severity in range(1, 6)]
    means = [error.mean() for error in errors]
    assert means[0] > 0
    assert all(more > less for less, more in pairwise(means)), means
    if name in NESTED:
        assert all((more >= less * (1 - 1e-4) - 1e-6).all() for less, more in pairwise(errors))


@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("name", NAMES)
def test_each_is_its_slow_twin(name: str, severity: int) -> None:
    images = recordings(6)
    (mean, std), strength = channel_scale(images.read(np.arange(6))), SERIES_CORRUPTIONS[name].strengths[severity - 1]
    rng, got = item_rng(images.ids, 0, name, torch.device("cpu")), read(corrupt_images(images, name, severity))
    grain, ends = normal(rng.seeds, 180).view(6, 2, 90).numpy(), uniform(rng.seeds, 4).view(6, 2, 2).numpy()
    for item, window in enumerate(read(images).astype(float)):
        for channel, clean in enumerate(window):
            m, s, out = mean[channel], std[channel], clean.copy()
            for t in range(90):
                moment = (t + 0.5) / 90
                if name == "noise":
                    out[t] = clean[t] + strength * s * grain[item, channel, t]
                elif name == "saturation":
                    out[t] = min(max(clean[t], m - strength * s), m + strength * s)
                elif name == "drift":
                    first, last = (2 * ends[item, channel] - 1) * strength * s
                    out[t] = clean[t] + first + (last - first) * moment
                elif name == "dropout":
                    far = [abs(moment - middle) for middle in rng.numbers[item, :3]]
                    if min(min(one, 1 - one) for one in far) <= strength / 6:
                        out[t] = m
            if name == "resampling":
                begin = (rng.numbers[item, 3] - 1) * strength
                taken = begin + strength * np.arange(200)
                taken = np.unique(np.concatenate([[0], taken[(taken > 0) & (taken < 89)], [89]]))
                out = np.interp(np.arange(90), taken, np.interp(taken, np.arange(90), clean))
            np.testing.assert_allclose(got[item, channel], out, atol=2e-3)


def test_what_is_spared_stays_to_the_bit() -> None:
    images = recordings()
    clean, clipped = read(images), read(corrupt_images(images, "saturation", 3))
    assert 0.3 < (clean == clipped).mean() < 0.9
    gaps = read(corrupt_images(images, "dropout", 3))
    assert 0.75 < (clean == gaps).mean() < 0.9


def test_the_digest_of_a_set_knows_its_corruption() -> None:
    images = recordings()
    digests = {corrupt_images(images, name, severity).digest for name in NAMES for severity in (1, 2)}
    assert len({images.digest, *digests}) == 1 + 2 * len(NAMES)
    with pytest.raises(ValueError, match="clean~noise3 is corrupted already: derive from the clean set"):
        corrupt_images(corrupt_images(images, "noise"), "drift")


def test_names_and_severities() -> None:
    assert parse_corruptions_of("series", "all") == [(name, 3) for name in SERIES_CORRUPTIONS]
    assert parse_corruptions_of("series", "time:1-2") == [
        ("dropout", 1), ("dropout", 2), ("resampling", 1), ("resampling", 2),
    ]  # fmt: skip
    assert parse_corruptions_of("series", "noise:5") == [("noise", 5)]
    assert parse_corruptions_of("image", "noise:5") == [("gaussian", 5), ("shot", 5), ("impulse", 5)]
    assert parse_corruptions_of("series", "drift", channels=1) == [("drift", 3)]


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (
            "series",
            "jpeg:2",
            "the corruption 'jpeg' is one of images, and the test set holds series: choose from all, dr",
        ),
        ("series", "drift,blur:2", "the corruption 'blur' is one of images"),
        ("image", "drift:2", "the corruption 'drift' is one of series, and the test set holds images: choose from all"),
        ("series", "drifts", "no corruption 'drifts': did you mean 'drift'"),
        ("series", "drift:6", "the severity of a corruption is '6'"),
        ("series", " , ", "no corruption named in"),
    ],
)
def test_the_other_kind_is_refused(kind: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_corruptions_of(kind, text)


def test_a_set_gets_those_of_its_kind() -> None:
    series = with_corruptions({"test": recordings()}, "drift:2,noise")
    assert list(series) == ["test", "test~drift2", "test~noise3"]
    pixels = from_array(np.zeros((2, 3, 8, 8), np.uint8), name="x")
    with pytest.raises(ValueError, match="'drift' is one of series"):
        with_corruptions({"test": pixels}, "drift")
    with pytest.raises(ValueError, match="'jpeg' is one of images"):
        with_corruptions({"test": recordings()}, "jpeg")


@pytest.mark.parametrize(
    ("name", "severity", "message"),
    [
        ("jpeg", 3, "no corruption 'jpeg' of series"),
        ("drifd", 3, "no corruption 'drifd' of series: did you mean 'drift'"),
        ("drift", 6, "the severity of drift is 6, wanted a whole number from 1 to 5"),
    ],
)
def test_what_is_none_is_refused(name: str, severity: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesCorruption(name, severity, (0.0,), (1.0,))


def test_a_corruption_of_a_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(apply: Any) -> None:
        thing = CorruptionKind("own", apply, (0.1, 0.2, 0.3, 0.4, 0.5))
        monkeypatch.setattr(
            plugins, "OPENED", {("corruptions", "slow"): Plugin("corruptions", "slow", "m.py", "0", thing)}
        )

    images = recordings()
    own(lambda x, strength, rng: x * (1 - strength))
    mean = torch.tensor(channel_scale(images.read(np.arange(20)))[0])[:, None]
    wanted = 0.7 * (read(images) - mean.numpy()) + mean.numpy()
    np.testing.assert_allclose(read(corrupt_images(images, "slow")), wanted, atol=1e-3)
    assert "slow" in repr(corrupt_images(images, "slow").transform)
    own(lambda x, strength, rng: x[:, :1])
    with pytest.raises(ValueError, match=r"'slow' made \(20, 1, 90\) of windows \(20, 2, 90\): wanted the same shape"):
        read(corrupt_images(images, "slow"))
    own(lambda x, strength, rng: x / 0)
    with pytest.raises(ValueError, match="'slow' made NaN or infinity: wanted finite values"):
        read(corrupt_images(images, "slow"))
