"""Box study: shares of labelled images are the same for every start, and a run that is done is not done again."""

from pathlib import Path

import numpy as np
import pytest
from drawn_boxes import rectangles

from kogen.common.tables import read_table
from kogen.detection.box_study import draw_share, run_detector
from kogen.detection.detectors import scratch
from kogen.results.boxes.box_runs import read_runs

NETWORK = "tiny?width=8&stem=half"


def test_a_share_is_drawn_by_its_seed_alone():
    boxes = rectangles(40)
    first = draw_share(boxes, 0.25, 3)
    assert len(first) == 10
    assert first.digest == draw_share(boxes, 0.25, 3).digest != draw_share(boxes, 0.25, 4).digest
    assert draw_share(boxes, 1.0, 3) is boxes
    with pytest.raises(ValueError, match=r"a share of 0 of the images with boxes: wanted above 0 and at most 1"):
        draw_share(boxes, 0, 3)
    empty = boxes.subset(np.array([0, 0, 0, 0]))
    with pytest.raises(ValueError, match=r"the 2 images that seed 3 draws have no box: take a larger share"):
        draw_share(empty, 0.5, 3)


def test_what_is_found_lies_on_disk_and_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    train, test = rectangles(24), rectangles(6, seed=1)
    asked = {"size": 64, "epochs": 1, "share": 0.5, "settings": {"width": 32}}
    rows = run_detector(scratch(NETWORK), (train, test), tmp_path, **asked)
    assert set(rows["budget"]) == {"50%"}
    (run,) = read_runs(rows, test.classes)
    assert sorted(run.items) == sorted(test.images.ids)
    assert sum(map(len, run.true)) == test.count
    (place,) = tmp_path.glob("runs/*/boxes-*.parquet")
    assert len(read_table(place)) == len(rows)
    monkeypatch.setattr("kogen.detection.box_study.train_detector", None)
    assert run_detector(scratch(NETWORK), (train, test), tmp_path, **asked).equals(rows)
