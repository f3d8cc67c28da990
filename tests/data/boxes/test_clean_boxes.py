"""Clean boxes: each box that does not fit its image is right, or counted and said, or refused in one sentence."""

import math

import numpy as np
import pytest
from box_files import Drawn, Memory, in_format
from hypothesis import given, settings
from hypothesis import strategies as st

from kogen.data.boxes.annotations import Annotations, ListedBox, ListedImage
from kogen.data.boxes.clean_boxes import clean_boxes
from kogen.data.boxes.open_boxes import read_annotations

GOOD = [(float(n), 0.0, n + 5.0, 7.0) for n in range(30)]  # on an image of 40 x 30


def cleaned(*boxes: tuple, kind: str = "coco", size: tuple[int, int] = (0, 0), good: list = GOOD, **fields):
    listed = [ListedBox(f"annotation {n}", corners, 0, **fields) for n, corners in enumerate([*good, *boxes], 1)]
    image = ListedImage("a.png", "list.json", size, boxes=listed)
    (found,), notes = clean_boxes(Annotations(kind, [image], ("dent",)), np.array([[40, 30]]), "set")
    return found, notes


def test_what_fits_stays_as_it_is():
    found, notes = cleaned(size=(40, 30))
    assert found.corners.dtype == np.float32
    np.testing.assert_array_equal(found.corners, np.array(GOOD, np.float32))
    np.testing.assert_array_equal(found.areas, 35)
    assert notes == []


def test_a_box_over_the_edge_is_clipped_and_said():
    found, notes = cleaned((-3.5, 2, 4, 33), (39.0, 0, 40.005, 5))
    assert found.corners[-2].tolist() == [0, 2, 4, 30]
    assert found.corners[-1].tolist() == [39, 0, 40, 5]
    assert found.areas[-2] == 4 * 28
    assert notes == ["boxes clipped to their image: 1 of 32, for example a.png, annotation 31"]


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ((3, 3, 3, 9), "without an area"),
        ((9, 3, 3, 9), "without an area"),
        ((41, 3, 45, 9), "outside of their image"),
        ((-9, 3, -1, 9), "outside of their image"),
        ((3, 0, 8, 7), "that stand there twice"),
        ((3.00000001, 3, 3.00000002, 9), "outside of their image"),
    ],
)
def test_a_box_that_is_none_is_left_out_and_said(corners: tuple, said: str):
    found, notes = cleaned(corners)
    assert len(found) == 30
    assert len(notes) == 1
    assert said in notes[0]
    assert "1 of 31, for example a.png, annotation 31" in notes[0]


def test_too_many_of_them_are_refused():
    with pytest.raises(
        ValueError, match=r"set: 2 of 32 boxes cannot be used, at most 5 % may be: 1 without an area.*31"
    ):
        cleaned((3, 3, 3, 9), (41, 3, 45, 9))
    assert len(cleaned((3, 3, 3, 9), good=[])[0]) == 0  # one always may


def test_boxes_of_two_classes_at_one_place_are_two():
    boxes = [ListedBox("object 1", (0, 0, 5, 5), label) for label in (0, 1)]
    image = ListedImage("a.png", "a.xml", boxes=boxes)
    (found,), notes = clean_boxes(Annotations("voc", [image], ("a", "b")), np.array([[40, 30]]), "set")
    assert (found.classes.tolist(), notes) == ([0, 1], [])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_nan_is_refused(number: float, kind: str):
    good = [(0.0, 0.0, 0.5, 0.5)]
    with pytest.raises(ValueError, match=r"list.json: a.png, annotation 2 has a NaN or infinite number"):
        cleaned((0.1, number, 0.2, 0.3), kind=kind, good=good)


@pytest.mark.parametrize("area", [-1.0, math.inf])
def test_an_area_that_is_none_is_refused(area: float):
    with pytest.raises(ValueError, match=r"list.json: a.png, annotation 1 has the area"):
        cleaned(area=area)


def test_another_size_than_is_listed_is_refused():
    with pytest.raises(ValueError, match=r"list.json lists a.png as 41 x 30 pixels, its file has 40 x 30: boxes"):
        cleaned(size=(41, 30))
    with pytest.raises(ValueError, match=r"as 30 x 40 pixels, its file has 40 x 30, upright"):
        cleaned(size=(30, 40))


def test_corners_in_the_place_of_width_and_height_are_refused():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 20, (20, 2))
    high = low + rng.uniform(3, 10, (20, 2))
    taken = [(a, b, a + c, b + d) for (a, b), (c, d) in zip(low.tolist(), high.tolist(), strict=True)]
    with pytest.raises(ValueError, match=r"set: the boxes look like x1, y1, x2, y2: as x, y, width, height, .* of 20"):
        cleaned(*taken, good=[])
    cleaned(*taken, good=[], kind="voc")  # clipped


FORMATS = ("coco", "voc", "yolo")
CLASSES = ["a b", "<c>", "é"]


@st.composite
def drawn_sets(draw: st.DrawFn) -> list[Drawn]:
    images = []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.tuples(st.integers(8, 400), st.integers(8, 400)))
        boxes, seen = [], set()
        for label in draw(st.lists(st.sampled_from(CLASSES), max_size=4)):
            ends = [sorted(draw(st.tuples(*[st.floats(0, side, width=32)] * 2))) for side in size]
            (x1, x2), (y1, y2) = ends
            if min(x2 - x1, y2 - y1) > 0.1 and (label, x1, y1, x2, y2) not in seen:
                seen.add((label, x1, y1, x2, y2))
                boxes.append((label, x1, y1, x2, y2))
        images.append(Drawn(f"images/{number}.png", size, boxes))
    for label in CLASSES:  # VOC knows the classes that it has boxes of
        images[0].boxes.append((label, 0.0, 0.0, 8.0, 8.0))
    return images


@settings(max_examples=50, deadline=None)
@given(drawn_sets())
def test_the_three_formats_say_the_same(images: list[Drawn]):
    pixels = {image.name: b"" for image in images}
    sizes = np.array([image.size for image in images])
    found = {}
    for kind in FORMATS:
        annotations = read_annotations(Memory(pixels | in_format(kind, images, CLASSES)), None, None)
        annotations.images.sort(key=lambda image: image.name)
        assert annotations.kind == kind
        found[kind] = annotations.classes, *clean_boxes(annotations, sizes, "set")
    for classes, boxes, _ in found.values():
        for image, mine in zip(images, boxes, strict=True):
            wanted = {(label, *corners) for label, *corners in image.boxes}
            assert [classes[label] for label in mine.classes] == [box[0] for box in dict.fromkeys(image.boxes)]
            corners = np.array([box[1:] for box in dict.fromkeys(image.boxes)]).reshape(-1, 4)
            np.testing.assert_allclose(mine.corners, corners, rtol=1e-6, atol=1e-4)
            assert len(mine) == len(wanted)
