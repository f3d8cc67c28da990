"""Where the sets of a study come from: what is a name, what a data set brings of its own."""

from kogen.config.study import make_study
from kogen.study.set_sources import is_named, own_part, shifts_of, sources_of_tests


def test_a_query_and_a_path_are_no_name():
    assert is_named("line 1=imgs/test")
    assert not is_named("surfaces?split=test")
    assert not is_named("/data/a=b/val")


def test_surfaces_bring_sets_of_their_own_and_boxes_none():
    study = make_study({"source": "surfaces?visible=3"}, "here")
    assert own_part(study) is not None
    assert list(shifts_of(study)) == ["line 2", "night shift"]
    assert list(sources_of_tests(study)) == ["reference", "line 2", "night shift"]
    boxes = make_study({"source": "boards.zip", "task": "detect", "shifts": {"b": "b.zip"}}, "here")
    assert own_part(boxes) is None
    assert sources_of_tests(boxes) == {"b": "b.zip"}
