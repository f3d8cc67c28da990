"""Corruptions: each against a slow twin of one image, what all of them promise, and the words that ask for them."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage, stats

from kogen.augmentation.corruptions import (
    CORRUPTIONS,
    Corruption,
    CorruptionKind,
    disc_kernel,
    line_kernel,
    parse_corruptions,
)
from kogen.augmentation.pixel_rng import item_rng, normal, uniform
from kogen.common import plugins
from kogen.common.plugins import Plugin
from kogen.data.corrupted import corrupt_images
from kogen.data.images import Images, from_array
from kogen.study.splits import with_corruptions

NAMES = sorted(CORRUPTIONS)
# Severities of these share one field or grow around one place, so that every pixel moves further from the clean one.
NESTED = sorted(set(CORRUPTIONS) - {"defocus", "motion", "jpeg"})


def pictures(count: int, height: int, width: int, channels: int = 3, seed: int = 0, dtype: type = np.uint8) -> Images:
    """Smooth images with some grain, as photographs are, in memory."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(count, channels, height, width))
    smooth = ndimage.gaussian_filter(rough, (0, 0.3, height / 10, width / 10))
    smooth = smooth / (np.abs(smooth).max(initial=1e-9) or 1) * 0.4 + 0.5 + rough * 0.01
    pixels = (smooth.clip(0, 1) * np.iinfo(dtype).max).astype(dtype)
    return from_array(pixels, np.zeros(count, np.int64), ("a",), name="clean")


def read(images: Images) -> np.ndarray:
    return images.read(np.arange(len(images))).numpy()


def error(images: Images, name: str, severity: int) -> np.ndarray:
    """Squared differences to the clean image, (N, C, H, W), in levels."""
    return (read(corrupt_images(images, name, severity)).astype(float) - read(images)) ** 2


def strength(name: str, severity: int) -> float:
    return CORRUPTIONS[name].strengths[severity - 1]


def luck_of(images: Images, name: str) -> tuple[torch.Tensor, np.ndarray]:
    rng = item_rng(images.ids, 0, name, torch.device("cpu"))
    return rng.seeds, rng.numbers


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    severity=st.integers(1, 5),
    shape=st.tuples(st.sampled_from([1, 3, 4]), st.integers(1, 23), st.integers(1, 23)),
    count=st.integers(0, 5),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 3),
)
def test_any_image_any_batch(name, severity, shape, count, dtype, seed):
    """Shape and type stay; an image comes out the same alone, in a batch, in another order, and twice."""
    channels, height, width = shape
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, np.iinfo(dtype).max, (count, channels, height, width), dtype, endpoint=True)
    clean = from_array(pixels, name="x")
    view = corrupt_images(clean, name, severity, seed)
    whole = read(view)
    assert whole.shape == pixels.shape
    assert whole.dtype == dtype
    np.testing.assert_array_equal(read(clean), pixels)
    for i in range(count):
        np.testing.assert_array_equal(view.read(np.array([i])).numpy()[0], whole[i])
    order = rng.permutation(count)
    np.testing.assert_array_equal(view.read(order).numpy(), whole[order])
    np.testing.assert_array_equal(read(view.subset(order)), whole[order])


@pytest.mark.parametrize("name", NAMES)
def test_batches_of_many_parts(name):
    """A batch that is worked on in parts equals its images one by one, at a size where the last vector is not full."""
    view = corrupt_images(pictures(60, 77, 75), name, 4)
    whole = read(view)
    for i in (0, 14, 15, 31, 59):
        np.testing.assert_array_equal(view.read(np.array([i])).numpy()[0], whole[i])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 32, 64])
@pytest.mark.parametrize("name", NAMES)
def test_more_severe_is_further_from_the_clean_image(name, size, channels):
    images = pictures(24, size, size + 3, channels)
    errors = [error(images, name, severity) for severity in range(1, 6)]
    means = [e.mean() for e in errors]
    assert means[0] > 0
    assert all(more > less for less, more in pairwise(means)), means
    if name in NESTED:
        assert all((more >= less).all() for less, more in pairwise(errors))


def test_strength_does_not_hang_on_size():
    """The damage a smooth picture takes at 32 and at 224 pixels, as peak signal to noise, is within a few decibels."""
    for name in NAMES:
        noise = CORRUPTIONS[name].group in ("noise", "lines", "jpeg")  # the rest of the eye's work: averaging
        small, large = (
            10 * math.log10(255**2 / np.mean([error(pictures(4, size, size), name, s).mean() for s in (1, 3, 5)]))
            for size in (32, 224)
        )
        assert -6 < small - large < (12 if noise else 6), (name, small, large)


def test_brightness_moves_where_it_should():
    images = pictures(16, 32, 32)
    clean = read(images).mean()
    mean = {name: read(corrupt_images(images, name, 3)).mean() / clean for name in NAMES}
    assert mean["dark"] < 0.6
    assert mean["bright"] > 1.4
    for name in ("gaussian", "shot", "defocus", "motion", "gradient", "contrast", "jpeg", "lines"):
        assert mean[name] == pytest.approx(1, abs=0.04), name


def test_another_seed_and_another_image_have_other_luck():
    images = pictures(2, 16, 16)
    for name in ("gaussian", "shot", "impulse", "motion", "gradient", "occlusion", "cast", "lines"):
        assert (read(corrupt_images(images, name, 5)) != read(corrupt_images(images, name, 5, seed=1))).any(), name
    flat = np.full((2, 1, 16, 16), 128, np.uint8)
    flat[1, 0, 0, 0] = 129  # nearly the same image, another content id
    noisy = read(corrupt_images(from_array(flat), "gaussian", 3)).astype(float)
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.25


def test_what_is_known_of_an_image_stays():
    images = pictures(5, 16, 16)
    view = corrupt_images(images, "jpeg", 2)
    assert view.name == "clean~jpeg2"
    np.testing.assert_array_equal(view.ids, images.ids)
    np.testing.assert_array_equal(view.labels, images.labels)
    np.testing.assert_array_equal(view.clusters, images.clusters)
    others = [
        corrupt_images(images, name, s, seed) for name, s, seed in [("jpeg", 3, 0), ("jpeg", 2, 1), ("dark", 2, 0)]
    ]
    assert len({images.digest, view.digest, *(other.digest for other in others)}) == 5
    assert view.subset(np.arange(5)).digest == view.digest != images.subset(np.arange(5)).digest
    assert view.pixels is images.pixels  # a view: nothing was copied


def test_copies_of_an_image_are_corrupted_alike():
    pixels = np.repeat(pictures(1, 16, 16).pixels[:], 2, axis=0)
    first, second = read(corrupt_images(from_array(pixels), "gaussian", 5))
    np.testing.assert_array_equal(first, second)


def test_fields_are_what_they_say():
    seeds = torch.arange(200, dtype=torch.int32) * 7919 - 300_000
    flat, bell = uniform(seeds, 1001).double(), normal(seeds, 1001).double()
    assert 0 < float(flat.min()) <= float(flat.max()) < 1
    assert stats.kstest(flat.flatten().numpy(), "uniform").pvalue > 1e-3
    assert stats.kstest(bell.flatten().numpy(), "norm").pvalue > 1e-3
    both = np.corrcoef(bell.numpy()) - np.eye(200)
    assert abs(both).max() < 5.5 / math.sqrt(1001)  # no two images share their noise
    assert abs(np.corrcoef(bell[:, :-1].flatten(), bell[:, 1:].flatten())[0, 1]) < 0.01
    torch.testing.assert_close(normal(seeds[3:4], 1001)[0].double(), bell[3], rtol=0, atol=0)


# --- slow twins: one image, from the definition, by numpy, scipy or PIL ------------------------------------------


def twin_noise(x, name, severity, seeds, numbers):
    scale = math.sqrt(min(x.shape[1:]) / 224)
    n = normal(seeds, x.size).numpy().reshape(x.shape)
    if name == "gaussian":
        return x + strength(name, severity) * scale * n
    if name == "shot":
        return x + np.sqrt(x / strength(name, severity)) * scale * n
    u, half = uniform(seeds, x.size).numpy().reshape(x.shape), strength(name, severity) * scale / 2
    return np.where(u < half, 0, np.where(u > 1 - half, 1, x))


def twin_blur(x, name, severity, seeds, numbers):
    side = min(x.shape[1:])
    if name == "defocus":
        radius = 0.5 + strength(name, severity) * side
        kernel = np.zeros((41, 41))
        for i in range(41):
            for j in range(41):
                kernel[i, j] = min(1, max(0, radius + 0.5 - math.hypot(i - 20, j - 20)))
    else:
        length, angle = 1 + strength(name, severity) * side, math.pi * int(numbers[0] * 16) / 16
        kernel = np.zeros((41, 41))
        for t in np.linspace(-length / 2, length / 2, 8 * math.ceil(length) + 1):
            y, z = 20 - t * math.sin(angle), 20 + t * math.cos(angle)
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(z), math.floor(z) + 1):
                    kernel[i, j] += (1 - abs(y - i)) * (1 - abs(z - j))
    kernel /= kernel.sum()
    return np.stack([ndimage.correlate(plane, kernel, mode="nearest") for plane in x])


def twin_light(x, name, severity, seeds, numbers):
    f, out = strength(name, severity), x.copy()
    if name in ("dark", "bright"):
        return x * f
    if name == "contrast":
        for plane in out:
            plane[:] = plane.mean() + f * (plane - plane.mean())
    elif name == "cast":
        for c, plane in enumerate(out):
            plane *= 1 + f * math.cos(2 * math.pi * (numbers[0] + c / len(out)))
    else:
        height, width, angle = *x.shape[1:], 2 * math.pi * numbers[0]
        reach = abs(math.cos(angle)) + abs(math.sin(angle))
        for i in range(height):
            for j in range(width):
                y, z = 2 * i / (height - 1) - 1, 2 * j / (width - 1) - 1
                out[:, i, j] *= 1 + f * (math.cos(angle) * z + math.sin(angle) * y) / reach
    return out


def twin_jpeg(x, name, severity, seeds, numbers):
    q = strength(name, severity)
    scaled = 5000 / q * math.sqrt(min(x.shape[1:]) / 224)  # every strength is a quality below 50
    q = round(5000 / scaled if scaled > 100 else (200 - scaled) / 2)
    image = np.rint(x * 255).astype(np.uint8).transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0]).save(file, "JPEG", quality=q)
    return np.atleast_3d(np.asarray(Image.open(file))).transpose(2, 0, 1) / 255


def twin_occlusion(x, name, severity, seeds, numbers):
    out, (height, width) = x.copy(), x.shape[1:]
    high = height * math.sqrt(strength(name, severity)) * 2 ** (numbers[0] - 0.5)
    wide = width * math.sqrt(strength(name, severity)) * 2 ** (0.5 - numbers[0])
    top, left = numbers[1] * (height - high), numbers[2] * (width - wide)
    out[:, math.floor(top) : math.ceil(top + high), math.floor(left) : math.ceil(left + wide)] = numbers[3]
    return out


def twin_lines(x, name, severity, seeds, numbers):
    out, scale = x.copy(), math.sqrt(min(x.shape[1:]) / 224)
    n = normal(seeds, max(x.shape[1:])).numpy()[0] * strength(name, severity) * scale
    for i in range(max(x.shape[1:])):
        if numbers[0] < 0.5 and i < x.shape[1]:
            out[:, i] += n[i]
        elif numbers[0] >= 0.5 and i < x.shape[2]:
            out[:, :, i] += n[i]
    return out


TWINS = {"noise": twin_noise, "blur": twin_blur, "light": twin_light, "contrast": twin_light, "cast": twin_light}
TWINS |= {"jpeg": twin_jpeg, "occlusion": twin_occlusion, "lines": twin_lines}


@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_against_a_slow_twin(name, channels, severity):
    images = pictures(4, 33, 40, channels, seed=severity)
    out = read(corrupt_images(images, name, severity))
    seeds, numbers = luck_of(images, name)
    for i, clean in enumerate(read(images)):
        wanted = TWINS[CORRUPTIONS[name].group](clean / 255, name, severity, seeds[i : i + 1], numbers[i])
        levels = wanted.clip(0, 1) * 255
        assert abs(out[i] - levels).max() < 0.51, (name, abs(out[i] - levels).max())


def test_gaussian_noise_has_the_moments_of_its_definition():
    flat = from_array(np.full((8, 1, 224, 224), 128, np.uint8))
    noise = (read(corrupt_images(flat, "gaussian", 1)).astype(float) - 128) / 255
    assert noise.mean() == pytest.approx(0, abs=1e-3)
    assert noise.std() == pytest.approx(0.08, rel=0.01)
    grey = np.random.default_rng(0).poisson(128 / 255 * 25, 10**6) / 25 * 255  # counts of light, as shot noise means
    noisy = read(corrupt_images(flat, "shot", 2)).astype(float)
    assert noisy.std() == pytest.approx(grey.clip(0, 255).std(), rel=0.02)
    hit = read(corrupt_images(flat, "impulse", 5))
    assert (hit == 0).mean() == pytest.approx(0.135, abs=0.005)
    assert (hit == 255).mean() == pytest.approx(0.135, abs=0.005)


def test_kernels_keep_the_light_and_the_centre():
    for kernel in (disc_kernel(2.3), line_kernel(6.0, 0), line_kernel(6.0, 5), line_kernel(7.5, 8)):
        assert kernel.sum() == pytest.approx(1)
        assert len(kernel) % 2 == 1
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
    assert np.count_nonzero(line_kernel(6.0, 0).sum(axis=1)) == 1  # direction 0 is along the row
    assert np.count_nonzero(line_kernel(6.0, 8).sum(axis=0)) == 1  # and half of the directions on, along the column


def test_flat_images_stay_flat_under_a_blur():
    flat = from_array(np.arange(256, dtype=np.uint8)[:, None, None, None].repeat(9, 2).repeat(9, 3))
    for name in ("defocus", "motion", "contrast"):
        np.testing.assert_array_equal(read(corrupt_images(flat, name, 5)), read(flat))


# --- asking ------------------------------------------------------------------------------------------------------


def test_asking():
    assert parse_corruptions("all") == [(name, 3) for name in CORRUPTIONS]
    assert parse_corruptions("all", channels=1) == [(name, 3) for name in CORRUPTIONS if name != "cast"]
    assert len(parse_corruptions("all:1-5")) == 5 * len(CORRUPTIONS)
    assert parse_corruptions("blur:5, jpeg:2") == [("defocus", 5), ("motion", 5), ("jpeg", 2)]
    assert parse_corruptions("noise,gaussian:3,gaussian:4") == [
        ("gaussian", 3),
        ("shot", 3),
        ("impulse", 3),
        ("gaussian", 4),
    ]
    assert parse_corruptions("lines:2-2") == [("lines", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no corruption named in ''"),
        (" , ", "no corruption named in"),
        ("gausian", "no corruption 'gausian': did you mean 'gaussian'"),
        ("zzz", "no corruption 'zzz': choose one of all, blur"),
        ("jpeg:6", "'6', wanted 1 to 5, or a range such as 1-5"),
        ("jpeg:0", "'0', wanted 1 to 5"),
        ("jpeg:", "'', wanted 1 to 5"),
        ("jpeg:4-2", "'4-2', wanted 1 to 5"),
        ("jpeg:three", "'three', wanted 1 to 5"),
        (":3", "no corruption ''"),
    ],
)
def test_what_cannot_be_asked(text, message):
    with pytest.raises(ValueError, match=message):
        parse_corruptions(text)


def test_messages():
    with pytest.raises(ValueError, match="a colour cast needs colour, and these images are gray"):
        parse_corruptions("cast", channels=1)
    with pytest.raises(ValueError, match="no corruption 'fog': choose one of"):
        Corruption("fog", 3)
    for severity in (9, 0, -1):
        with pytest.raises(ValueError, match=f"the severity of jpeg is {severity}, wanted a whole number from 1 to 5"):
            Corruption("jpeg", severity)
    images = pictures(2, 8, 8)
    with pytest.raises(ValueError, match="clean~jpeg3 is corrupted already: derive from the clean set"):
        corrupt_images(corrupt_images(images, "jpeg"), "dark")


def test_a_corruption_of_ones_own_makes_no_nan(monkeypatch):
    broken = CorruptionKind("weather", lambda images, strength, rng: images / 0 - images / 0, (1, 2, 3, 4, 5))
    monkeypatch.setattr(plugins, "OPENED", {("corruptions", "own"): Plugin("corruptions", "own", "a.py", "0", broken)})
    with pytest.raises(ValueError, match=r"the corruption 'own' made NaN or infinity: wanted values in \[0, 1\]"):
        read(corrupt_images(pictures(2, 8, 8), "own"))


def test_sets_gain_corrupted_versions_of_the_reference():
    tests = {"val": pictures(3, 16, 16), "line 2": pictures(3, 16, 16, seed=1)}
    more = with_corruptions(tests, "blur:5,jpeg")
    assert list(more) == ["val", "line 2", "val~defocus5", "val~motion5", "val~jpeg3"]
    assert [more[name].name for name in list(more)[2:]] == list(more)[2:]
    np.testing.assert_array_equal(more["val~jpeg3"].ids, tests["val"].ids)
    gray = {"val": pictures(3, 16, 16, channels=1)}
    assert len(with_corruptions(gray, "all")) == len(CORRUPTIONS)  # no colour cast
    with pytest.raises(ValueError, match="the name 'val~jpeg3' is taken by another set; choose another"):
        with_corruptions(more, "jpeg")
