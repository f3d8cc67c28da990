"""The source `object`: what is held is opened, other settings and what is not here are refused."""

import numpy as np
import pandas as pd
import pytest

from kogen.common.objects import hold, object_text
from kogen.data.open import open_images

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), dtype=np.uint8)


def test_images_and_labels_that_are_held_are_opened_together():
    with hold(PIXELS, list("ababab")) as (images, labels):
        found = open_images(images, labels=labels)
    assert (found.classes, found.labels.tolist(), found.name) == (("a", "b"), [0, 1, 0, 1, 0, 1], "array")


def test_what_does_not_fit_is_refused():
    frame = pd.DataFrame({"path": ["a.png"]})
    with hold(PIXELS, ["a"] * 5, (PIXELS, range(6)), frame) as (images, few, pair, table):
        for settings, said in (
            ({"labels": few}, "labels has 5 values for 6 images"),
            ({"labels": table}, "labels are a frame, and the images an object"),
            ({"labels": "t.csv"}, "labels are the table t.csv, and the images an object"),
            ({"columns": "label=x"}, "they are of tables and frames"),
            ({"encoding": "utf-8"}, "an object has none"),
            ({"split": "test"}, "the array has no splits"),
        ):
            with pytest.raises(ValueError, match=said):
                open_images(images, **settings)
        with pytest.raises(ValueError, match="gives labels beside a array that has its own"):
            open_images(pair, labels=object_text(range(6), "labels"))
        with pytest.raises(ValueError, match="labels alone are no images"):
            open_images(few)
        with pytest.raises(ValueError, match="labels are given beside a frame: put them into it"):
            open_images(table, labels=few)
    with pytest.raises(ValueError, match="it is not here: give it again"):
        open_images(images)
