"""Called boxes: each is found, missed or false at a number of false alarms an image; files of pictures never meet."""

from drawn_boxes import BOXES, run_that_misses

from kogen.results.boxes.called_boxes import call_boxes, choose_images, gallery_place, picture_place


def test_each_box_is_found_missed_or_false():
    run = run_that_misses(2)
    called = call_boxes(run)
    assert [len(one.missed) for one in called] == [0, 0, len(BOXES.boxes[2]), 0, 0, 0]
    assert [len(one.false) for one in called] == [0, 0, 1, 0, 0, 0]
    assert [len(one.found) for one in called] == [len(b) if n != 2 else 0 for n, b in enumerate(BOXES.boxes)]
    assert choose_images(called) == [2]
    assert [len(one.false) for one in call_boxes(run, rate=0.1)] == [0] * 6  # of a lower rate it is not called
    assert [one.is_right for one in called] == [True, True, False, True, True, True]


def test_files_of_a_gallery_have_names_of_their_own():
    assert gallery_place("fcos", "a b") != gallery_place("fcos", "a-b")
    assert "/" not in gallery_place("fcos", "../x").partition("/")[2]
    assert picture_place(3, "ab12#2") == "03-ab12-2.jpg"
