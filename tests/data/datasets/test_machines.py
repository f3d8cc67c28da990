"""Machines: the same from the same seed, faults that show where they should, machines that splits do not share."""

from dataclasses import replace

import numpy as np
import pytest

from kogen.data import open as opening
from kogen.data.datasets.machines import machines


def test_shape_classes_recordings_and_machines():
    images = machines(n=400)
    assert images.pixels.shape == (400, 3, 256)
    assert (images.kind, images.rate, images.channel_names) == ("series", 1024, ("axial", "radial", "vertical"))
    assert images.classes == ("good", "imbalance", "bearing", "looseness")
    assert np.bincount(images.labels).tolist() == [100] * 4
    assert np.unique(images.clusters, return_counts=True)[1].tolist() == [5] * 80
    assert images.groups is not None
    for machine in np.unique(images.groups.astype(str)):
        assert np.bincount(images.labels[images.groups == machine]).tolist() == [10] * 4
    for recording in np.unique(images.clusters):
        assert len(set(images.labels[images.clusters == recording])) == 1


def test_a_window_does_not_depend_on_how_many_are_drawn():
    many, few = machines(n=87, size=64), machines(n=13, size=64)
    assert (few.ids == many.ids[:13]).all()
    assert (machines(n=13, size=64, seed=1).ids != few.ids).all()
    assert len(np.unique(many.ids)) == 87


def test_splits_and_loads_share_nothing():
    sets = [machines(v, n=40, size=32, split=s) for v in ("", "heavy", "fast") for s in ("train", "test")]
    for what in ("ids", "clusters"):
        assert len(np.unique(np.concatenate([getattr(images, what) for images in sets]))) == 6 * (
            40 if what == "ids" else 8
        )


def power(images, label: int, order: float) -> np.ndarray:
    """Power of recordings of a class around a multiple of the speed, against that of sound machines."""
    values = images.pixels[:]
    spectrum = (np.abs(np.fft.rfft(values * np.hanning(values.shape[-1]), axis=-1)) ** 2).mean(1)
    hertz = np.fft.rfftfreq(values.shape[-1], 1 / images.rate)
    band = (hertz > 22 * order - 4) & (hertz < 28 * order + 4)
    return spectrum[images.labels == label][:, band].sum(1)


def test_each_fault_shows_where_it_should():
    images = machines(n=800, size=1024, noise=0.1)
    assert np.median(power(images, 1, 1)) > 2 * np.median(power(images, 0, 1))  # once a turn
    assert np.median(power(images, 3, 0.5)) > 10 * np.median(power(images, 0, 0.5))  # at half the speed
    assert np.median(power(images, 1, 0.5)) < 2 * np.median(power(images, 0, 0.5))
    ringing = np.fft.irfft(
        np.where(np.abs(np.fft.rfftfreq(1024, 1 / 1024) - 270) < 90, np.fft.rfft(images.pixels[:]), 0)
    )
    hits = replace(images, pixels=(ringing - ringing.mean(-1, keepdims=True)) ** 2, digest="")  # the envelope
    assert np.median(power(hits, 2, 3.58)) > 10 * np.median(power(hits, 0, 3.58))


def test_labels_are_given_recording_after_recording():
    images = machines(n=200, size=32, labelled=30)
    known = images.labels >= 0
    assert known.sum() == 30
    assert len(set(images.clusters[known])) == 6
    assert (machines(n=200, size=32, labelled=30, split="test").labels >= 0).all()


def test_the_test_part_is_that_of_the_source():
    assert opening.test_part_of("machines?n=40") == "machines?n=40&split=test"
    assert len(opening.open_images("machines:heavy?n=40&split=test&size=64")) == 40


@pytest.mark.parametrize(
    ("variant", "settings", "message"),
    [
        ("slow", {}, "there are no machines 'slow'; choose one of '', 'heavy', 'fast'"),
        ("", {"split": "val"}, "machines have no split 'val'; choose one of train, test"),
        ("", {"n": 0}, "n of the machines is 0, wanted a whole number from 1 to 10000000"),
        ("", {"size": 31}, "size of the machines is 31, wanted a whole number from 32 to 16384"),
        ("", {"noise": -1}, "noise of the machines is -1, wanted a number from 0 to 10"),
        ("", {"seed": "x"}, "seed of the machines is 'x'"),
        ("", {"labelled": 41, "n": 40}, "labelled of the machines is 41, wanted a whole number from 1 to 40"),
        ("", {"n": 10_000_000, "size": 16384}, "need .* GB of memory, this machine has"),
    ],
)
def test_settings_out_of_range_are_refused(variant: str, settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        machines(variant, **settings)
