"""Sizes of well-known sets: of names that mean nothing else."""

import numpy as np
import pytest

from kogen.results.known_sets import fits_grid, known_size

KNOWN = {
    "ImageNet": 50_000,
    "ImageNet 1k": 50_000,
    "imagenet-val": 50_000,
    "ImageNet / top-1": 50_000,
    "IN-1k acc@1": 50_000,
    "ImageNet-V2": 10_000,
    "imagenetv2-matched-frequency": 10_000,
    "ImageNet-ReaL": 46_837,
    "ImageNet-Sketch": 50_889,
    "imagenet-a": 7_500,
    "ImageNet-R": 30_000,
    "CIFAR-10": 10_000,
    "cifar100 test": 10_000,
    "CIFAR-10.1": 2_000,
    "CIFAR-10 (kNN)": 10_000,
    "SVHN": 26_032,
    "MNIST": 10_000,
    "Fashion-MNIST": 10_000,
    "STL-10": 8_000,
    "Food-101": 25_250,
    "GTSRB": 12_630,
    "Country211": 21_100,
    "Places365 val": 36_500,
    "PCam": 32_768,
}


@pytest.mark.parametrize("name", KNOWN)
def test_unmistakable_names(name: str) -> None:
    assert known_size(name) == KNOWN[name]


@pytest.mark.parametrize(
    "name",
    [
        *("val", "real", "v2", "sketch", "a", "imagenet-100", "tiny imagenet", "imagenet-r-clean", "ImageNet-C", ""),
        *("ObjectNet", "CIFAR-10-C", "cifar-10 val", "ImageNet test", "CIFAR-10-1", "ImageNet 10% labels", "1"),
        *("ImageNet AUROC", "linear", "cifar10 subset"),
    ],
)
def test_other_names_have_no_size(name: str) -> None:
    assert known_size(name) is None


def test_scores_that_are_no_shares_of_so_many_images_have_none() -> None:
    assert fits_grid(np.array([90.056, 80.002, np.nan]), 50_000)  # steps of 0.002
    assert not fits_grid(np.array([90.057]), 50_000)
    assert fits_grid(np.array([90.1, 33.3]), 50_000)
    assert fits_grid(np.array([71.31]), 7_500)  # 5348 / 7500 is 71.307
    assert not fits_grid(np.array([50.006]), 10_000)
    assert fits_grid(np.array([70.917]), 50_300)  # 35671.251 images; three digits may be off by .2515 of one
    assert not fits_grid(np.array([70.084]), 50_300)  # 35252.252
