"""Tuples and dicts: images with labels, clusters, splits, class names."""

import numpy as np
import pytest

from kogen.data.cache_settings import CacheSettings
from kogen.data.objects.door import open_door

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), dtype=np.uint8)
STORAGE = CacheSettings(progress=False)


def test_a_tuple_is_images_and_labels_and_a_dict_says_more():
    pair = open_door((PIXELS, [0, 1, None, 1, 0, -1]), "test")
    images = pair.open(STORAGE, "", None, None)
    assert (images.labels.tolist(), images.classes) == ([0, 1, -1, 1, 0, -1], ("0", "1"))
    whole = {"images": PIXELS, "labels": [1, 0, 1, 0, 1, -1], "class_names": ["ok", "bad"]}
    whole |= {"clusters": list("aabbcc"), "splits": ["train"] * 4 + ["test"] * 2, "groups": [1, 1, 2, 2, 3, 3]}
    images = open_door(whole, "source").open(STORAGE, "", None, None)
    assert images.classes == ("ok", "bad")
    assert images.labels.tolist() == [1, 0, 1, 0, 1, -1]
    assert images.clusters.tolist() == list("aabbcc")
    assert images.splits is not None
    assert images.groups is not None
    assert open_door(whole, "source").open(STORAGE, "", "test", None).labels.tolist() == [1, -1]


def test_names_in_another_unicode_form_are_the_same_classes():
    given = {"images": PIXELS, "labels": [0, 1] * 3, "class_names": ["cafe\u0301", "b"]}
    images = open_door(given, "source").open(STORAGE, "", None, None)
    assert (images.classes, images.labels.tolist()) == (("caf\u00e9", "b"), [0, 1] * 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((PIXELS, [1], [2]), r"tuple of 3: wanted \(images, labels\)"),
        ((PIXELS, [1]), "labels of source has 1 values for 6 images"),
        ({"labels": [1]}, "dict without 'images'"),
        ({"images": PIXELS, "label": [1]}, "key 'label': did you mean 'labels'"),
        ({"images": PIXELS, "clusters": ["a"]}, "clusters of source has 1 values for 6 images"),
        ({"images": PIXELS, "class_names": ["a"]}, "class_names and no labels"),
        ({"images": PIXELS, "labels": [0, 1, 2, 0, 0, 0], "class_names": ["a", "b"]}, "a label 2, and 2 class names"),
        (
            {"images": PIXELS, "labels": [0, 1] * 3, "class_names": ["a", "a"]},
            "class_names of source are not distinct: a",
        ),
        (
            {"images": PIXELS, "labels": [-1, 1] * 3, "class_names": ["", "b"]},
            "class_names of source hold an empty one",
        ),
        ({"images": PIXELS, "labels": list("abcabc"), "class_names": ["a"]}, "a label 'a': wanted whole numbers"),
        (({"images": PIXELS, "labels": range(6)}, range(6)), "gives labels beside a array that has its own"),
        ((3, [1]), "source is a builtins.int: wanted a path"),
    ],
)
def test_parts_that_do_not_fit_are_refused(given, said: str):
    with pytest.raises(ValueError, match=said):
        open_door(given, "source")
