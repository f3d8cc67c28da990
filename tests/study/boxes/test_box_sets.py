"""The sets of a study of boxes: labels that only sort, groups that are new, classes that nobody can learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_boxes import rectangles, write_rectangles

from kogen.config.study import make_study
from kogen.data.boxes.box_images import BoxImages
from kogen.data.cache_settings import CacheSettings
from kogen.study.boxes.box_sets import (
    NO_BOX,
    UNSEEN,
    carry_boxes,
    count_in,
    open_box_set,
    part_unseen_groups,
    require_boxes,
    with_boxes,
)
from kogen.study.splits import data_quality, open_splits


def grouped(boxes: BoxImages, groups: list[str]):
    return replace(carry_boxes(boxes), groups=np.array(groups, object), digest="")


def test_images_carry_their_boxes_through_subsets_and_back():
    boxes = rectangles(12, wide=2)
    images = carry_boxes(boxes)
    assert images.classes == ("bright", "black", NO_BOX)
    assert images.labels[0] == 2  # nothing is on the first image
    counts = np.bincount(np.concatenate([one.classes for one in boxes.boxes]), minlength=2)
    rare = int(counts.argmin())
    assert all(label == rare for label, one in zip(images.labels, boxes.boxes, strict=True) if rare in one.classes)
    order = np.array([5, 0, 7])
    back = with_boxes(images.subset(order))
    assert back.classes == boxes.classes
    np.testing.assert_array_equal(back.sizes, boxes.sizes[order])
    for one, row in zip(back.boxes, order, strict=True):
        np.testing.assert_array_equal(one.corners, boxes.boxes[row].corners)
    assert images.quality()["classes"] == {"bright": int(counts[0]), "black": int(counts[1])}


def test_another_box_is_another_digest():
    boxes = rectangles(6)
    moved = list(boxes.boxes)
    moved[3] = replace(moved[3], corners=moved[3].corners + np.float32(1))
    first, second = carry_boxes(boxes), carry_boxes(replace(boxes, boxes=tuple(moved)))
    assert (first.labels == second.labels).all()
    assert first.digest != second.digest
    renamed = carry_boxes(replace(boxes, classes=("bright", "dark")))
    assert first.digest != renamed.digest


def test_classes_are_counted_as_train_counts_them():
    boxes = rectangles(6)
    turned = count_in(boxes, ("black", "bright"), "the set")
    for old, new in zip(boxes.boxes, turned.boxes, strict=True):
        assert [boxes.classes[k] for k in old.classes] == [turned.classes[k] for k in new.classes]
    with pytest.raises(ValueError, match=r"the set 'x' has boxes of a class that train does not have, black: "):
        count_in(boxes, ("bright", "blank"), "the set 'x'")


def test_images_without_a_box_to_be_found_are_refused():
    images = carry_boxes(rectangles(6))
    require_boxes(images)
    with pytest.raises(ValueError, match=r"none of the 1 images to learn from has a box that is to be found"):
        require_boxes(images.subset(np.array([0])))


def test_test_images_of_new_groups_are_a_set_of_their_own():
    train = grouped(rectangles(8), ["a", "b"] * 4)
    test = grouped(rectangles(20, seed=1), ["a"] * 10 + ["c"] * 10)
    tests, opened, notes = part_unseen_groups(train, {"reference": test}, {"reference": "part of x"})
    assert {name: set(images.groups) for name, images in tests.items()} == {"reference": {"a"}, UNSEEN: {"c"}}
    assert opened[UNSEEN] == "part of x"
    assert notes == [
        "10 of 20 images of reference are of groups that training has not seen (c): they are the set 'unseen groups', "
        "the others are reference"
    ]
    few = grouped(rectangles(20, seed=1), ["a"] * 17 + ["c"] * 3)
    tests, _, notes = part_unseen_groups(train, {"reference": few}, {"reference": "x"})
    assert list(tests) == ["reference"]
    assert notes == ["3 of 20 images of reference are of groups that training has not seen"]
    with pytest.raises(ValueError, match=r"the name 'unseen groups' is taken by another set"):
        part_unseen_groups(train, {"reference": test, UNSEEN: test}, {"reference": "x"})


def test_a_class_that_nobody_can_learn_is_said():
    boxes = rectangles(12)
    bright = [np.flatnonzero(one.classes == 0) for one in boxes.boxes]
    train = carry_boxes(replace(boxes, boxes=tuple(o.take(r) for o, r in zip(boxes.boxes, bright, strict=True))))
    _, _, notes = part_unseen_groups(train, {"reference": carry_boxes(boxes)}, {"reference": "x"})
    assert notes == ["classes with boxes in reference and none to learn from, which count as not found: black"]


def test_a_study_opens_its_splits(tmp_path: Path):
    source = write_rectangles(tmp_path / "lines", 60, groups=2, splits=True)
    sets = open_splits(make_study({"source": str(source), "task": "detect", "twins": "keep"}, "here"))
    assert {name: len(images) for name, images in sets.tests.items()} == {"reference": 8, UNSEEN: 7}
    assert sets.roles() == {"reference": "reference", UNSEEN: "shift"}
    assert len(sets.train) == 45
    quality = data_quality(sets)
    boxes = with_boxes(sets.train)
    assert sum(quality["sets"][0]["classes"].values()) == boxes.count
    assert any("boxes: bright" in note for note in quality["sets"][0]["notes"])
    assert "'unseen groups'" in quality["note"]


def test_without_a_test_set_some_images_are_held_out_and_a_shift_is_opened(tmp_path: Path):
    source, shift = write_rectangles(tmp_path / "a"), write_rectangles(tmp_path / "b", 12, seed=1)
    asked = {"source": str(source), "task": "detect", "shifts": {"night": str(shift)}}
    sets = open_splits(make_study(asked, "here"))
    assert sorted(sets.tests) == ["night", "reference"]
    assert not set(sets.pool.ids) & set(sets.tests["reference"].ids)
    assert sets.tests["night"].classes == sets.train.classes
    with pytest.raises(ValueError, match=r"has no boxes"):
        open_box_set(str(source / "images"), CacheSettings(), "x")
