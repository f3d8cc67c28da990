"""Box gallery: what is found, missed and falsely called is told apart, worst images first."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_boxes import BOXES, run_that_misses
from PIL import Image

from kogen.detection.box_gallery import FALSE, FOUND, MISSED, SIDE, draw_boxes, write_box_gallery
from kogen.results.boxes.called_boxes import call_boxes


def test_pictures_show_each_kind_in_its_colour(tmp_path: Path):
    run = run_that_misses(2)
    (place,) = write_box_gallery(BOXES, run, tmp_path / "gallery")
    assert Image.open(place).size == (SIDE, SIDE // 2)
    pixels = BOXES.images.fetch(np.array([2]))[0]
    picture = np.asarray(draw_boxes(pixels, BOXES.sizes[2], run, 2, call_boxes(run)[2]))
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {MISSED, FALSE} <= colours
    assert FOUND not in colours
    x1, y1 = (BOXES.boxes[2].corners[0, :2] * SIDE / 128).round().astype(int)
    assert MISSED in {tuple(colour) for colour in picture[y1 : y1 + 3, x1 : x1 + 3].reshape(-1, 3).tolist()}


def test_a_run_on_other_images_is_refused(tmp_path: Path):
    run = replace(run_that_misses(2), items=np.array([f"{n}" for n in range(6)]))
    with pytest.raises(ValueError, match=r"judged on 6 images that the set has not, as 0"):
        write_box_gallery(BOXES, run, tmp_path)
