"""Sets of a study are of one kind, and their series cut, sampled and named alike."""

from dataclasses import replace

import numpy as np
import pytest
from small import blobs

from kogen.data.images import Images
from kogen.data.series.alike import check_alike
from kogen.data.series.from_values import from_series


def series(length: int = 64, rate: float = 50.0, names: tuple[str, ...] = ("x", "y")) -> Images:
    values = np.random.default_rng(0).normal(size=(6, 2, length)).astype(np.float32)
    return from_series(values, rate=rate, channel_names=names)


def test_alike_and_what_is_not_known() -> None:
    check_alike(series(), series(), "the set 'b'")
    check_alike(series(rate=0.0, names=()), series(), "the set 'b'")
    check_alike(blobs(8), blobs(12), "the set 'b'")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            series(length=32),
            "the set 'b' has windows of 32 samples, and the images to train on windows of 64 samples",
        ),
        (
            series(rate=25.0),
            "has 25 samples a second, and the images to train on 50 samples a second: bring",
        ),
        (series(names=("y", "x")), "has the channels y, x, and the images to train on the channels x, y: name them in"),
        (
            blobs(8),
            "items of the kind image, and the images to train on items of the kind series: give",
        ),
    ],
)
def test_what_is_not_alike_is_refused(other: Images, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_alike(other, replace(series(), name="a"), "the set 'b'")
