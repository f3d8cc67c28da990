"""The sets of a study of anomalies: what is good, what is trained on, what is judged on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from inspections import save, write_mvtec
from PIL import Image
from small import blobs

import kogen
from kogen.config.study import make_study
from kogen.data.images import from_array
from kogen.study.anomaly_sets import as_anomalies, find_normal, keep_good
from kogen.study.hold_out import hold_out
from kogen.study.splits import open_splits


def named(classes: tuple[str, ...], count: int = 40, seed: int = 0):
    images = blobs(count, seed=seed)
    return replace(images, labels=images.labels % len(classes), classes=classes, digest="")


@pytest.mark.parametrize(
    ("classes", "normal", "found"),
    [(("good", "hole"), "", "good"), (("OK", "ng"), "", "OK"), (("a", "Normal"), "", "Normal"), (("a", "b"), "b", "b")],
)
def test_the_good_class_is_found_or_named(classes, normal, found):
    assert find_normal(named(classes), normal) == found


@pytest.mark.parametrize(
    ("classes", "normal", "message"),
    [
        (
            ("a", "b"),
            "",
            r"has no class called good, normal, ok, clean, there are a, b: name that of good images, --normal",
        ),
        (("ok", "good"), "", r"has several classes called good, normal"),
        (("good", "hole"), "godo", r"has no class 'godo' \(--normal\): .*good"),
    ],
)
def test_a_good_class_that_is_not_clear_is_asked_for(classes, normal, message):
    with pytest.raises(ValueError, match=message):
        find_normal(named(classes), normal)


def test_kinds_become_groups():
    images = named(("good", "hole", "stain"))
    found = as_anomalies(images, "")
    assert found.classes == ("good", "anomaly")
    assert ((found.labels == 0) == (images.labels == 0)).all()
    assert [*found.groups] == [images.classes[k] for k in images.labels]
    grouped = as_anomalies(replace(images, groups=np.full(40, "line 1", object)), "")
    assert grouped.groups[0] == f"line 1, {images.classes[images.labels[0]]}"
    unknown = as_anomalies(replace(images, labels=np.where(np.arange(40) < 5, -1, images.labels), digest=""), "")
    assert (unknown.labels[:5] == -1).all()
    assert as_anomalies(images, None) is images
    assert found.digest != images.digest


def test_defects_that_are_not_held_out_are_judged_on():
    images = as_anomalies(named(("good", "hole"), 60), "")
    pool, held_out, _ = hold_out(images)
    good, tests, notes = keep_good(pool, {"reference": held_out}, True, {})
    assert set(good.labels) == {0}
    assert (tests["reference"].labels == 1).sum() == (images.labels == 1).sum()
    assert set(good.ids) | set(tests["reference"].ids) == set(images.ids)
    assert not set(good.ids) & set(tests["reference"].ids)
    rows = [images.ids.tolist().index(item) for item in tests["reference"].ids]
    assert rows == sorted(rows)
    assert (tests["reference"].read(np.arange(5)) == images.read(np.array(rows[:5]))).all()
    assert notes[0].startswith("images with a defect that are judged on beside those held out: ")


def test_defects_of_a_lot_that_is_trained_on_are_left_out():
    images = as_anomalies(
        replace(named(("good", "hole"), 80), clusters=np.array([f"lot{n % 10}" for n in range(80)])), ""
    )
    pool, held_out, _ = hold_out(images)
    good, tests, notes = keep_good(pool, {"reference": held_out}, True, {})
    assert not set(good.clusters) & set(tests["reference"].clusters)
    assert any(note.startswith("images with a defect that are neither trained nor judged on: ") for note in notes)


def test_a_set_of_one_side_alone_is_refused():
    images = as_anomalies(named(("good", "hole"), 60), "")
    good, bad = images.subset(images.labels == 0), images.subset(images.labels == 1)
    with pytest.raises(ValueError, match=r"'shift' has .* none of the class 'anomaly'.*give images with a defect"):
        keep_good(good, {"reference": images, "shift": good}, False, {})
    with pytest.raises(ValueError, match=r"'reference' has .* none of the class 'good'.*give good images"):
        keep_good(good, {"reference": bad}, False, {})


def test_the_splits_of_mvtec(tmp_path):
    root = write_mvtec(tmp_path / "bottle")
    sets = open_splits(make_study({"source": f"mvtec:{root}", "task": "anomaly", "twins": "keep"}, "here"))
    assert (len(sets.pool), set(sets.pool.labels)) == (20, {0})
    test = sets.tests["reference"]
    assert (len(test), test.classes) == (12, ("good", "anomaly"))
    assert (test.masks != "").sum() == 6
    assert set(test.groups) == {"good", "hole", "stain"}


def test_no_masks_follow_a_set_in_memory():
    assert from_array(np.zeros((2, 1, 4, 4), np.uint8)).masks is None


def test_a_mask_that_changed_after_it_was_judged_is_noticed(tmp_path):
    root = write_mvtec(tmp_path / "bottle")
    asked: dict[str, Any] = {"task": "anomaly", "methods": ("random",), "seeds": 1, "image_size": 32, "costs": "none"}
    asked |= {"backbone": "tiny?width=8", "probes": ("mahalanobis",), "out": tmp_path / "study"}
    kogen.pilot(f"mvtec:{root}", **asked)
    mask = next(iter(sorted(root.glob("ground_truth/*/*.png"))))
    save(mask, np.roll(np.array(Image.open(mask)) > 0, 3, axis=1))
    with pytest.raises(ValueError, match=r"labels of reference than are there now \(masks count, too\)"):
        kogen.pilot(f"mvtec:{root}", **asked)
