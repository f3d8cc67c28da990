"""Surfaces: the same from the same seed, no trace of a defect at 0, similar sets that differ, and hard enough."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kogen.data.datasets import _surface_drawing
from kogen.data.datasets.surfaces import PRODUCTION_LINES, surfaces
from kogen.data.images import Images
from kogen.data.open import open_images
from kogen.evaluation.features import Features
from kogen.evaluation.probes.linear import linear

VARIANTS = ["", "line2", "night"]


def pixels(*args, **settings) -> np.ndarray:
    return np.asarray(surfaces(*args, **settings).pixels[:])


def test_shape_classes_and_lots():
    images = surfaces(n=60)
    assert images.pixels.shape == (60, 1, 64, 64)
    assert images.pixels.dtype == np.uint8
    assert images.classes == ("clean", "scratch", "pit", "stain", "missing_print")
    lots, sizes = np.unique(images.clusters, return_counts=True)
    assert sizes.tolist() == [20, 20, 20]
    for lot in lots:
        assert np.bincount(images.labels[images.clusters == lot]).tolist() == [4, 4, 4, 4, 4]
    assert len(surfaces(size=16)) == 2000
    assert len(surfaces(size=16, split="test")) == 600


def test_an_image_does_not_depend_on_how_many_are_drawn():
    many = surfaces(n=270, size=16)
    for n in (7, 255):
        few = surfaces(n=n, size=16)
        assert (few.ids == many.ids[:n]).all()
        assert (few.labels == many.labels[:n]).all()
        assert (few.clusters == many.clusters[:n]).all()


def test_luck_comes_from_the_seed_alone():
    np.random.seed(0)  # noqa: NPY002  a global seed must not matter
    first = pixels(n=20)
    np.random.seed(1)  # noqa: NPY002
    assert (pixels(n=20) == first).all()
    assert (pixels(n=20, seed=1) != first).any(axis=(1, 2, 3)).all()


def test_splits_and_variants_share_no_image_and_no_lot():
    sets = [surfaces(v, n=200, size=16, split=s, visible=0) for v in VARIANTS for s in ("train", "test")]
    ids = np.concatenate([images.ids for images in sets])
    assert len(np.unique(ids)) == len(ids)
    assert len(np.unique(np.concatenate([images.clusters for images in sets]))) == 6 * 10


@pytest.mark.parametrize("variant", VARIANTS)
def test_at_zero_no_defect_leaves_a_trace(variant):
    images = surfaces(variant, n=100, visible=0)
    samples = _surface_drawing.sample_surfaces((0, 0, VARIANTS.index(variant)), np.arange(100), 64)
    assert (samples.labels == images.labels).all()
    clean = replace(samples, labels=np.zeros(100, np.int64))
    assert (_surface_drawing.draw_surfaces(PRODUCTION_LINES[variant], clean, 1.0) == images.pixels[:, 0]).all()


def test_the_dial_turns_defects_up_and_leaves_clean_images_alone():
    """The mean difference to the drawing without defects rises with the dial, for each class of defect."""
    none, *some = (pixels(n=200, visible=v, noise=0).astype(int) for v in (0, 0.3, 1))
    labels = surfaces(n=200, size=16).labels
    weak, strong = (np.abs(s - none).mean(axis=(1, 2, 3)) for s in some)
    assert (strong[labels == 0] == 0).all()
    assert (weak[labels > 0] < strong[labels > 0]).all()
    for label in range(1, 5):
        assert strong[labels == label].mean() > 2 * weak[labels == label].mean() > 0


@pytest.mark.parametrize("label", [1, 2, 3, 4])
def test_a_defect_stands_out_where_it_is(label):
    """At full strength the changed pixels differ by far more than the sensor's noise (0.02 * 255 = 5)."""
    with_it, without = (pixels(n=200, visible=v, noise=0).astype(int)[:, 0] for v in (1, 0))
    labels = surfaces(n=200, size=16).labels
    most = np.abs(with_it - without)[labels == label].max(axis=(1, 2))
    assert np.median(most) > 15


def test_night_is_darker_and_noisier_and_line2_is_another_thing():
    line1, line2, night = (pixels(v, n=600, size=16, visible=0).mean() for v in VARIANTS)  # 30 lots each
    assert night < 0.85 * line1
    assert abs(line2 - line1) > 5
    line1, night = (pixels(v, n=200, visible=0).astype(np.float64) for v in ("", "night"))
    steps = [np.abs(np.diff(s, axis=3)).mean() / s.mean() for s in (line1, night)]
    assert steps[1] > 1.3 * steps[0]


def test_knobs_do_what_they_say():
    base = pixels(n=40, visible=0, noise=0, blur=0).astype(float)
    assert pixels(n=40, visible=0, noise=0, blur=0, light=0.3).mean() < 0.7 * base.mean()
    detail = [np.abs(np.diff(s.astype(float), axis=3)).mean() for s in (base, pixels(n=40, visible=0, noise=0, blur=2))]
    assert detail[1] < 0.6 * detail[0]
    noisy = pixels(n=40, visible=0, noise=0.05, blur=0).astype(float) - base
    assert 0.04 < noisy.std() / 255 < 0.065
    left, right = (pixels(n=40, visible=0, direction=d, slope=0.8)[..., :16].mean() for d in (180, 0))
    assert left > 1.3 * right
    drawn = [pixels(n=20, material=m) for m in _surface_drawing.MATERIALS]
    assert len({d.tobytes() for d in drawn}) == 4


def test_some_lots_are_labelled_and_the_images_stay_the_same():
    whole, some = surfaces(n=100), surfaces(n=100, labelled="33")
    known = some.labels >= 0
    assert known.sum() == 33
    assert (some.labels[known] == whole.labels[known]).all()
    assert (np.asarray(some.pixels[:]) == np.asarray(whole.pixels[:])).all()
    lots = [known[some.clusters == lot].mean() for lot in np.unique(some.clusters)]
    assert sum(0 < share < 1 for share in lots) <= 1  # the last one that was begun
    other = surfaces(n=100, labelled=33, seed=1)
    assert set(some.clusters[known]) != set(other.clusters[other.labels >= 0])
    assert (surfaces(n=20, split="test", labelled=3).labels >= 0).all()
    with pytest.raises(ValueError, match="labelled of the surfaces is 101, wanted a whole number from 1 to 100"):
        surfaces(n=100, labelled=101)


def test_settings_may_come_as_strings():
    assert (pixels("line2", n="30", size="16", visible="0.2", light="0.4", seed="3", material="cast, board")
            == pixels("line2", n=30, size=16, visible=0.2, light=0.4, seed=3, material="cast,board")).all()  # fmt: skip
    opened = open_images("surfaces:night?n=30&size=32&split=test&visible=0.5")
    assert (opened.ids == surfaces("night", n=30, size=32, split="test", visible=0.5).ids).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variant": "line3"}, "there are no surfaces 'line3'; choose one of '', 'line2', 'night'"),
        ({"split": "val"}, "surfaces have no split 'val'; choose one of train, test"),
        ({"material": "brushed,wood"}, "no material 'wood'; choose from brushed, cast, fabric, board"),
        ({"n": "many"}, "n of the surfaces is 'many', wanted a whole number from 1 to"),
        ({"n": 0}, "n of the surfaces is 0, wanted a whole number from 1 to"),
        ({"n": 2.5}, r"n of the surfaces is 2.5, wanted a whole number"),
        ({"seed": -1}, "seed of the surfaces is -1, wanted a whole number from 0"),
        ({"size": 8}, "size of the surfaces is 8, wanted a whole number from 16 to 1024"),
        ({"visible": 4.1}, "visible of the surfaces is 4.1, wanted a number from 0 to 4"),
        ({"light": "bright"}, "light of the surfaces is 'bright', wanted a number from 0.01 to 1"),
        ({"noise": float("nan")}, "noise of the surfaces is nan, wanted a number from 0 to 0.5"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        surfaces(**settings)


def test_two_thousand_are_drawn_in_seconds():
    start = time.process_time()  # not the wall's: other tests run beside this one
    surfaces()
    assert time.process_time() - start < 10


def responses(images: Images) -> Features:
    """Features of an untrained network of two layers: mean, deviation and greatest response of 128 filters."""
    rng = torch.Generator().manual_seed(0)
    first, second = torch.randn(32, 1, 5, 5, generator=rng) / 5, torch.randn(128, 32, 3, 3, generator=rng) / 17
    parts = []
    for batch in torch.tensor(np.asarray(images.pixels[:])).split(200):
        x = F.relu(F.conv2d(batch.float() / 25 - 5, first, stride=2, padding=2))
        x = F.relu(F.conv2d(x, second, stride=2, padding=1)).flatten(2)
        parts.append(torch.cat([x.mean(2), x.std(2), x.amax(2)], dim=1))
    return Features(torch.cat(parts).numpy(), images.labels, images.classes, images.ids, images.clusters)


def accuracy(visible: float) -> float:
    train, test = (responses(surfaces(n=n, split=s, visible=visible)) for n, s in ((1200, "train"), (600, "test")))
    return float((linear(train, test, strengths=[1.0, 0.3, 0.1]).probability.argmax(axis=1) == test.labels).mean())


def test_a_probe_falls_to_chance_with_the_dial():
    """600 images, five classes: chance is 20 % with a standard error of 1.6 points."""
    clear, gone = accuracy(1), accuracy(0)
    assert 0.35 < clear < 0.7  # an untrained network sees something, and leaves room for trained ones
    assert abs(gone - 0.2) < 0.05


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("n=1,2", r"n of 'surfaces\?n=1,2' is \(1, 2\), wanted a whole number or a text"),
        ("n=true", "n of .* is True, wanted a whole number or a text"),
        ("n=abc", "n of the surfaces is 'abc', wanted a whole number from 1 to"),
        ("n=1e999", "n of the surfaces is '1e999', wanted a whole number"),
        (f"n={'9' * 5000}", r"n of the surfaces is '9+, wanted a whole number"),
        ("seed=-1", "seed of the surfaces is -1, wanted a whole number from 0"),
        ("visible=nan", "visible of the surfaces is 'nan', wanted a number from 0 to 4"),
        ("material=5", "surfaces have no material '5'"),
        ("material=('cast',1)", "material of .* is .*, wanted a text"),
        ("split=1,2", "split of .* wanted a text"),
        ("n=10000000&size=1024", r"10,000,000 surfaces of 1024 pixels need [\d,.]+ GB of memory, this machine has"),
    ],
)
def test_settings_of_another_type_or_beyond_the_memory(query: str, message: str):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        open_images(f"surfaces?{query}")
    assert time.perf_counter() - start < 5
