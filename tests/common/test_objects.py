"""Objects are held while a verb runs, under a text of their content, and let go after it."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from kogen.common.objects import PREFIX, find_object, hold, object_text, with_texts

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("value", [None, "imgs/", Path("imgs"), 3, True, b"x"])
def test_what_is_no_object_stays_as_it_is(value: object):
    assert object_text(value, "source") is value


def test_an_object_is_held_inside_and_let_go_after():
    pixels = PIXELS.copy()
    with hold(pixels) as (text,):
        assert text.startswith(f"{PREFIX}array-6x9x9x3-uint8-")
        assert np.shares_memory(find_object(text).pixels, pixels)
        with hold(pixels):  # within, as a verb that calls another
            assert find_object(text)
        assert find_object(text)
    with pytest.raises(ValueError, match="was given in Python, and it is not here: give it again"):
        find_object(text)
    gone = weakref.ref(pixels)
    del pixels
    gc.collect()
    assert gone() is None


def test_shifts_and_tests_are_names_to_objects_and_other_parameters_are_none():
    with hold():
        texts = with_texts("shifts", {"night": PIXELS, "line2": "imgs/"})
        assert texts["line2"] == "imgs/"
        assert find_object(texts["night"])
        assert with_texts("settings", {"byol": {"rate": 1}}) == {"byol": {"rate": 1}}
