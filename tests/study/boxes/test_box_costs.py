"""The cost estimate of a study of boxes counts the steps of its detectors."""

import pytest
from drawn_boxes import write_rectangles

from kogen.config.study import make_study
from kogen.study.boxes import box_costs
from kogen.study.boxes.box_costs import cost_of_study, seconds_of_detectors
from kogen.study.cost_estimate import Work
from kogen.study.plans import plans_of
from kogen.study.splits import open_splits


def test_each_detector_that_is_left_counts(tmp_path, monkeypatch):
    source = str(write_rectangles(tmp_path / "rectangles", 24))
    asked = {"task": "detect", "methods": ("random",), "tune_steps": (100,), "budgets": ("50%",), "seeds": 1}
    asked |= {"backbone": "tiny?width=8&stem=half", "image_size": 64, "settings": {"detect": {"width": 32}}}
    study = make_study({"source": source, "twins": "keep", **asked}, "here")
    sets = open_splits(study)
    plans, tests = plans_of(study, sets), sum(map(len, sets.tests.values()))
    left = [Work(0, True, 10, detectors=("fcos", "fcos@50%#0"))]
    real = cost_of_study(study, plans, sets, left)
    assert 0 < real.minutes < 10
    monkeypatch.setattr(box_costs, "time_detector", lambda plan, boxes: (2.0, 0.5))
    assert seconds_of_detectors(study, plans, sets, left) == pytest.approx(2 * (100 * 2.0 + 0.5 * tests))
    nothing = [Work(0, True, 10)]
    assert seconds_of_detectors(study, plans, sets, nothing) == 0
