"""Matching: COCO's rule in plain loops, for any overlaps, crowds and sizes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kogen.boxes.image_boxes import FoundBoxes, ImageBoxes
from kogen.boxes.matching import OVERLAPS, match_boxes, match_class, overlaps


def loops(overlap: np.ndarray, optional: np.ndarray, again: np.ndarray, least: float) -> list[int]:
    """COCO's own loops for one size and one overlap: true boxes that need not be found stand behind all others."""
    order = np.argsort(optional, kind="stable")
    taken, match = set[int](), []
    for row in overlap:
        best, mine = min(least, 1 - 1e-10), -1
        for true in order:
            if true in taken and not again[true]:
                continue
            if mine > -1 and not optional[mine] and optional[true]:
                break
            if row[true] < best:
                continue
            best, mine = row[true], int(true)
        if mine > -1:
            taken.add(mine)
        match.append(mine)
    return match


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_matches_are_those_of_plain_loops(data: st.DataObject):
    d, g = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 5))
    some = st.sampled_from([0.0, 0.3, 0.5, 0.55, 0.6, 0.74, 0.9, 1.0])
    overlap = np.array(data.draw(st.lists(some, min_size=d * g, max_size=d * g)), float).reshape(d, g)
    flags = st.lists(st.booleans(), min_size=g, max_size=g)
    again = np.array(data.draw(flags), bool)
    optional = np.array([data.draw(flags) for _ in range(2)], bool).reshape(2, g) | again
    found = match_boxes(overlap, optional, again, OVERLAPS)
    assert found.shape == (2, len(OVERLAPS), d)
    for size in range(2):
        for level, least in enumerate(OVERLAPS):
            assert found[size, level].tolist() == loops(overlap, optional[size], again, least)


def test_overlaps_are_shares_of_the_union_and_of_the_found_box_for_a_crowd():
    found = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], np.float32)
    true = np.array([[0, 0, 10, 5], [5, 5, 15, 15], [0, 0, 40, 40]], np.float32)
    plain = overlaps(found, true, np.zeros(3, bool))
    np.testing.assert_allclose(plain, [[0.5, 25 / 175, 100 / 1600], [0, 0, 100 / 1600]])
    np.testing.assert_allclose(overlaps(found, true, np.array([False, False, True]))[:, 2], 1)


def boxes(*corners: tuple[float, ...], **flags: list[bool]) -> ImageBoxes:
    array = np.array(corners, np.float64).reshape(-1, 4)
    n = len(array)
    area = np.prod(array[:, 2:] - array[:, :2], axis=1)
    crowd, difficult = (np.array(flags.get(name, [False] * n), bool) for name in ("crowd", "difficult"))
    return ImageBoxes(array, np.zeros(n, np.int64), crowd, difficult, area)


def seen(*corners: tuple[float, ...]) -> FoundBoxes:
    array = np.array(corners, np.float64).reshape(-1, 4)
    return FoundBoxes(array, np.zeros(len(array), np.int64), np.linspace(0.9, 0.5, len(array)))


def test_a_difficult_box_is_neither_right_nor_wrong_to_find_any_number_of_times():
    box = (0, 0, 50, 50)
    found = match_class([boxes(box, difficult=[True])], [seen(box, box)], 0)
    assert not found.hit.any()
    assert not found.counts.any()
    assert found.wanted.tolist() == [[0]] * 4
    plain = match_class([boxes(box)], [seen(box, box)], 0)
    assert plain.hit[0, 0].tolist() == [True, False]
    assert plain.counts[0, 0].tolist() == [True, True]


def test_a_box_of_another_size_counts_for_that_size_alone():
    small, large = (0, 0, 10, 10), (100, 100, 250, 250)
    found = match_class([boxes(small)], [seen(small, large)], 0)
    assert found.counts[:, 0].tolist() == [[True, True], [True, False], [False, False], [False, True]]
    assert found.wanted.tolist() == [[1], [1], [0], [0]]


def test_an_image_without_boxes_and_one_where_nothing_is_found_take_part():
    found = match_class([boxes(), boxes((0, 0, 9, 9)), boxes()], [seen((0, 0, 9, 9)), seen(), seen()], 0)
    assert found.image.tolist() == [0]
    assert found.wanted[0].tolist() == [0, 1, 0]
    assert found.counts[0, 0].tolist() == [True]
    assert match_class([boxes()], [seen()], 0).hit.shape == (4, 10, 0)


def test_of_an_image_the_hundred_surest_count():
    many = seen(*[(n, 0, n + 5, 5) for n in range(120)])
    found = match_class([boxes((119, 0, 124, 5))], [many], 0)
    assert len(found.image) == 100
    assert not found.hit.any()
