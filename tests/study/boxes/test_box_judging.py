"""Detectors of a study's runs: what was stopped goes on, parts are the same for every network, NaN is explained."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_boxes import write_rectangles

import kogen
from kogen.common.protocols import split_protocol
from kogen.common.tables import read_table
from kogen.common.tasks import Stopped
from kogen.config.study import make_study
from kogen.detection import detectors
from kogen.study.boxes.box_judging import labelled_images
from kogen.study.splits import open_splits

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


def test_a_training_that_ends_in_nan_names_the_detector_and_its_rate(source, tmp_path):
    wild = {"settings": {"detect": {"width": 32, "rate": 1e6}}}
    with pytest.raises(ValueError, match=r"1/1 random seed 0 fcos: step \d.* nan.*--set detect.rate="):
        kogen.pilot(source, out=tmp_path, **ASKED, **wild)


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
