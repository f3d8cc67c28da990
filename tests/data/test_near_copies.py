"""Near copies: found under other light, exposure, compression, mirrored; never among pictures that only look alike."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from small import SHARED

from kogen.data.datasets.surfaces import surfaces
from kogen.data.images import Images, from_array
from kogen.data.near_copies import count_copies, find_copies, merged_ids, twins, with_copy_clusters
from kogen.data.open import open_images


def jpeg(pixels: np.ndarray, quality: int = 85) -> np.ndarray:
    """A gray picture (H, W) as a JPEG file gives it back."""
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def gray(pixels) -> Images:
    return from_array(np.clip(np.stack(list(pixels)), 0, 255).astype(np.uint8)[:, None])


def drawn(count: int = 400, **settings) -> np.ndarray:
    return surfaces(n=count, **settings).pixels[:][:, 0].astype(np.float32)


CHANGES = {
    "exposure": lambda x: x * 0.7 + 20,
    "jpeg": lambda x: np.stack([jpeg(image, 40) for image in x]),
    "light from the side": lambda x: x * np.linspace(0.7, 1.2, x.shape[2]),
    "gamma": lambda x: 255 * (x / 255) ** 0.7,
    "noise": lambda x: x + np.random.default_rng(1).normal(0, 4, x.shape),
    "left and right": lambda x: x[:, :, ::-1],
    "turned by 180 degrees": lambda x: x[:, ::-1, ::-1],
    "turned by 90 degrees": lambda x: x.transpose(0, 2, 1)[:, ::-1],
    "mirrored along the diagonal": lambda x: x.transpose(0, 2, 1),
    "larger": lambda x: x.repeat(2, 1).repeat(2, 2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_nothing_else(change: str) -> None:
    first = drawn()
    images, others = gray(first), gray(CHANGES[change](first[:100]))
    copies = find_copies([images, others])
    found, wanted = merged_ids(others, copies), merged_ids(images, copies)[:100]
    assert (found == wanted).mean() >= 0.95
    assert len(set(merged_ids(images, copies))) == 400  # no two different ones are taken for copies
    assert len(twins(others, images, copies)) >= 95


@pytest.mark.parametrize("size", [2, 6, 30])
def test_groups_of_any_size_are_whole(size: int) -> None:
    first = drawn(20)
    images = gray(jpeg(image * (1 + 0.01 * step)) for image in first for step in range(-size // 2, size - size // 2))
    groups = merged_ids(images, find_copies([images])).reshape(20, size)
    assert all(len(set(group)) == 1 for group in groups)
    assert len(set(groups[:, 0])) == 20
    assert count_copies(images, find_copies([images])) == 20 * (size - 1)
    clustered = with_copy_clusters(images, find_copies([images])).clusters
    assert len(set(clustered.tolist())) == 20


@pytest.mark.parametrize("material", ["brushed", "cast", "fabric", "board"])
def test_textures_that_look_alike_are_no_copies(material: str) -> None:
    images = gray(drawn(1000, material=material, visible=0.3))
    assert len(find_copies([images])) == 0


def test_plain_and_small_images_are_not_compared() -> None:
    plain = gray(np.full((16, 16), value, np.float32) for value in range(40, 80))
    assert find_copies([plain]) == {}
    assert find_copies([open_images("digits")]) == {}
    assert find_copies([]) == {}


def test_gray_copies_of_colour_images() -> None:
    colour = np.random.default_rng(0).uniform(0.3, 1, (50, 3, 1, 1))
    first = (drawn(50)[:, None] * colour).astype(np.uint8)
    images, others = from_array(first), from_array(first.mean(1, keepdims=True).repeat(3, 1).astype(np.uint8))
    assert len(twins(others, images, find_copies([images, others]))) == 50


def test_one_pattern_in_two_colours_is_two_images() -> None:
    pattern = drawn(50)[:, None] / 255
    colour = np.array([[200, 60, 60], [60, 200, 60]])[:, :, None, None]
    images = from_array(np.concatenate([pattern * colour[0], pattern * colour[1]]).astype(np.uint8))
    assert find_copies([images]) == {}


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data is not there")
def test_the_published_near_duplicates_of_cifar() -> None:
    """At least 45 of the 50 published pairs, among all 60,000; about 2 % of the test images have a twin in train."""
    train, test = (open_images(SHARED / "cifar10" / f"cifar10_jpeg_{part}.npz") for part in ("train", "test"))
    copies = find_copies([train, test])
    ids, others = merged_ids(test, copies), merged_ids(train, copies)
    pairs = json.loads((SHARED / "cifar10" / "cifar10_test_train_near_duplicates.json").read_text())
    assert sum(ids[pair["test_index"]] == others[pair["train_index"]] for pair in pairs) >= 45
    assert 100 < len(twins(test, train, copies)) < 300
