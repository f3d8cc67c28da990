"""Images that a transfer set shares with other sets: counted, and refused where the labels are the same, too."""

import numpy as np
import pytest

from kogen.data.images import Images, from_array
from kogen.study.shared_images import count_shared, refuse_same_task

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3, 16, 16)).astype(np.uint8)
KNOWN = {"reference": [from_array(PIXELS[:10], np.arange(10) % 2, ("a", "b"))]}


def images(places: np.ndarray, labels: np.ndarray) -> Images:
    return from_array(PIXELS[places], labels, ("p", "q", "r"))


def test_shared_images_are_counted_by_set_and_over_both_parts():
    parts = [images(np.arange(8, 14), np.zeros(6, int)), images(np.array([0, 19]), np.array([0, 1]))]
    assert count_shared(parts, KNOWN, {}) == {"reference": 3}
    assert count_shared(parts[:1], {"other": [images(np.array([19]), np.array([0]))]}, {}) == {}
    ids = parts[1].ids
    assert count_shared(parts, KNOWN, {str(ids[1]): str(ids[0])}) == {"reference": 4}  # a near copy of one there


def test_the_same_images_with_the_same_labels_are_refused_whatever_these_are_called():
    places = np.arange(8)
    with pytest.raises(ValueError, match="8 of 8 of its images are also in the set 'reference'"):
        refuse_same_task([images(places, 2 - places % 2)], KNOWN, {})
    refuse_same_task([images(places, places // 4)], KNOWN, {})  # another task on the same images
    refuse_same_task([images(places, places % 3)], KNOWN, {})
    refuse_same_task([images(np.arange(5, 15), np.arange(10) % 2)], KNOWN, {})  # half of them


def test_images_of_one_class_say_nothing_of_the_task():
    refuse_same_task([images(np.array([0, 2, 4]), np.zeros(3, int))], KNOWN, {})
