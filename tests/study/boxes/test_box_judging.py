"""Detectors of a study's runs: what was stopped goes on, parts are the same for every network, NaN is explained."""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_boxes import write_rectangles

import kogen
from kogen.common.files import read_sealed_json
from kogen.common.protocols import split_protocol
from kogen.common.tables import read_table
from kogen.common.tasks import Stopped
from kogen.config.study import make_study
from kogen.detection import detectors
from kogen.study.boxes import box_judging
from kogen.study.boxes.box_judging import labelled_images
from kogen.study.splits import open_splits
from kogen.training.loop import NonFiniteLoss

NETWORK = {"backbone": "tiny?width=8&stem=half", "image_size": 64, "seeds": 1}
ASKED = {"task": "detect", "methods": ("random",), "tune_steps": (12,), "twins": "keep", **NETWORK}
SETTINGS = {"settings": {"detect": {"width": 32}}}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    return str(write_rectangles(tmp_path_factory.mktemp("data") / "rectangles", 24))


def found_in(study: Path) -> pd.DataFrame:
    return read_table(next(study.glob("runs/*/boxes.parquet")))


def test_a_detector_that_was_stopped_goes_on_bit_for_bit(source, tmp_path, monkeypatch):
    kogen.pilot(source, out=tmp_path / "whole", **ASKED, **SETTINGS)
    usual, asked = detectors.interruptible, []

    @contextmanager
    def after_five():
        with usual():
            yield lambda: len(asked.append(1) or asked) == 5

    monkeypatch.setattr(detectors, "interruptible", after_five)
    with pytest.raises(Stopped, match=r"stopped at step 5 of 12; saved"):
        kogen.pilot(source, out=tmp_path / "part", **ASKED, **SETTINGS)
    assert list((tmp_path / "part").glob("runs/*/detectors/fcos/checkpoint/state.safetensors"))
    kogen.pilot(source, out=tmp_path / "part", **ASKED, **SETTINGS)
    assert len(asked) == 12
    pd.testing.assert_frame_equal(found_in(tmp_path / "part"), found_in(tmp_path / "whole"))
    assert not list((tmp_path / "part").glob("runs/*/detectors"))  # what it found is what is kept


def test_a_detector_that_ends_in_nan_is_one_failed_run_and_the_study_goes_on(source, tmp_path, monkeypatch):
    train = box_judging.train_detector

    def broken_for_one(plan, *more):
        if plan.seed == 1:
            raise NonFiniteLoss("step 3: the term 'boxes' of the loss is nan.")
        return train(plan, *more)

    monkeypatch.setattr(box_judging, "train_detector", broken_for_one)
    asked = {**ASKED, "seeds": 2, **SETTINGS}
    found = kogen.pilot(source, out=tmp_path, **asked)
    assert [(one["model"], one["kind"], one["n"], one["total"]) for one in found["alarms"]] == [
        ("random", "broken", 1, 2)
    ]
    summaries = [read_sealed_json(place) for place in sorted(tmp_path.glob("runs/*/summary.json"))]
    (failed,) = [one for one in summaries if one["status"] == "failed"]
    (alarm,) = failed["alarms"]
    assert re.search(r"2/2 random seed 1 fcos: step 3.* is nan.*--set detect.rate=", alarm["text"])
    assert not list(tmp_path.glob("runs/*/detectors"))
    monkeypatch.setattr(box_judging, "train_detector", None)  # nothing is trained again
    assert kogen.pilot(source, out=tmp_path, **asked)["values"] == found["values"]


def test_of_two_detectors_of_a_run_the_one_that_does_not_end_in_nan_is_judged(source, tmp_path, monkeypatch):
    train = box_judging.train_detector

    def broken_for_one(plan, *more):
        if plan.settings["detector"] == "fcos":
            raise NonFiniteLoss("step 3: the term 'boxes' of the loss is nan.")
        return train(plan, *more)

    monkeypatch.setattr(box_judging, "train_detector", broken_for_one)
    found = kogen.pilot(source, out=tmp_path, probes=("faster_rcnn", "fcos"), **ASKED, **SETTINGS)
    assert (found["protocol"], [one["kind"] for one in found["alarms"]]) == ("faster_rcnn", ["broken"])


def test_where_all_detectors_end_in_nan_there_is_nothing_to_judge(source, tmp_path):
    wild = {"settings": {"detect": {"width": 32, "rate": 1e6}}}
    with pytest.raises(ValueError, match=r"every run of .* broke off: see the alarms above"):
        kogen.pilot(source, out=tmp_path, **ASKED, **wild)


def test_what_a_kill_left_of_a_judged_detector_is_taken_away(source, tmp_path):
    kogen.pilot(source, out=tmp_path, **ASKED, **SETTINGS)
    (run,) = tmp_path.glob("runs/*")
    (run / "detectors" / "fcos" / "checkpoint").mkdir(parents=True)
    kogen.pilot(source, out=tmp_path, **ASKED, **SETTINGS)
    assert not (run / "detectors").exists()


def test_both_detectors_answer_and_the_first_decides(source, tmp_path):
    found = kogen.pilot(source, out=tmp_path, probes=("faster_rcnn", "fcos"), **ASKED, **SETTINGS)
    assert found["protocol"] == "faster_rcnn"
    assert [row["protocol"] for row in found["protocols"]] == ["faster_rcnn", "fcos"]
    assert set(found_in(tmp_path).protocol) == {"fcos", "faster_rcnn"}


def test_parts_of_the_boxes_are_drawn_alike_and_nested(source):
    study = make_study({"source": source, "budgets": ("25%", "50%"), **ASKED}, "here")
    sets = open_splits(study)
    few, more = (labelled_images(sets, split_protocol(f"fcos@{part}#0")) for part in ("25%", "50%"))
    assert set(few.ids) < set(more.ids) < set(sets.train.ids)
    assert set(few.labels) == set(sets.train.labels)  # the rarest classes are in the smallest part
    assert (few.ids == labelled_images(sets, split_protocol("faster_rcnn@25%#0")).ids).all()
    assert not np.array_equal(few.ids, labelled_images(sets, split_protocol("fcos@25%#1")).ids)
    with pytest.raises(
        ValueError, match=r"--budgets 1% of \d+ images with boxes is less than one of each rarest class"
    ):
        labelled_images(sets, split_protocol("fcos@1%#0"))


def test_what_cannot_be_built_is_refused_before_anything_is_trained(source, tmp_path):
    odd = {"settings": {"detect": {"width": 40}}}
    with pytest.raises(ValueError, match=r"detect: width = 40, wanted a multiple of 32"):
        kogen.pilot(source, out=tmp_path, **ASKED, **odd)
    assert not list(tmp_path.glob("runs/*/weights.safetensors"))
