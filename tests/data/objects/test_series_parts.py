"""Series from Python: values with labels, clusters and a rate, named by their content, and what is refused."""

import numpy as np
import pytest
import torch

from kogen.common.objects import hold, object_text
from kogen.data.open import open_images

VALUES = np.random.default_rng(0).normal(size=(6, 2, 40)).astype(np.float32)
LABELS = ["up", "down", None, "up", "down", "up"]


def opened(value, **settings):
    with hold():
        return open_images(object_text(value, "source"), **settings)


def test_series_of_a_dict():
    value = {
        "series": VALUES,
        "labels": LABELS,
        "clusters": [*"aabbc", None],
        "splits": ["train"] * 4 + ["test"] * 2,
    }
    images = opened(value | {"rate": 50, "channel_names": ["u", "v"], "groups": list("xxyyzz")})
    assert (images.kind, images.rate, images.channel_names) == ("series", 50, ("u", "v"))
    np.testing.assert_array_equal(images.pixels[:], VALUES)
    assert images.labels.tolist() == [1, 0, -1, 1, 0, 1]
    assert images.clusters.tolist() == [*"aabbc", images.ids[5]]
    assert images.groups is not None
    assert images.groups.tolist() == list("xxyyzz")
    assert len(opened(value, split="test")) == 2


def test_tensors_and_numbers_with_names():
    images = opened({"series": torch.from_numpy(VALUES), "labels": [1, 0, -1, 1, 0, 1], "class_names": ["n", "m"]})
    assert images.classes == ("n", "m")
    assert images.labels.tolist() == [1, 0, -1, 1, 0, 1]


def test_the_text_names_the_content():
    with hold():
        texts = [
            object_text(value, "source")
            for value in (
                {"series": VALUES},
                {"series": VALUES.copy()},
                {"series": VALUES, "rate": 5},
                {"series": VALUES, "labels": LABELS},
                {"series": VALUES[::-1]},
            )
        ]
    assert texts[0] == texts[1]
    assert texts[0].startswith("object:series-6x2x40-")
    assert len(set(texts)) == 4


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"series": VALUES, "label": LABELS}, "source has the key 'label' beside series: did you mean 'labels'"),
        ({"series": [1, 2]}, r"series of source are a list: wanted an array \(N, C, T\)"),
        ({"series": VALUES[0]}, r"series of shape \(2, 40\)"),
        ({"series": VALUES, "labels": LABELS[:3]}, "labels of source"),
        ({"series": VALUES, "rate": -1}, "rate of source is -1: wanted samples a second"),
        ({"series": VALUES, "class_names": ["a"]}, "class_names and no labels"),
        ({"series": VALUES, "channel_names": ["a"]}, "1 channel_names for 2 channels"),
    ],
)
def test_what_does_not_fit_is_refused(value, message: str):
    with pytest.raises(ValueError, match=message):
        opened(value)


def test_labels_beside_series():
    with hold():
        bare, own = (
            object_text(value, "source") for value in ({"series": VALUES}, {"series": VALUES, "labels": LABELS})
        )
        labels = object_text(LABELS, "labels")
        assert open_images(bare, labels=labels).labels.tolist() == [1, 0, -1, 1, 0, 1]
        with pytest.raises(ValueError, match="labels= gives labels beside series that have their own"):
            open_images(own, labels=labels)
        few = object_text(LABELS[:2], "labels")
        with pytest.raises(ValueError, match="labels"):
            open_images(bare, labels=few)
