"""TensorBoard: its own reader gets the numbers of training.parquet back, of a run that was stopped and went on."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tracked import train_tracked, wanted_values

from kogen.tracking.session import TrackTo, track

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
)


def read_back(folder: Path):
    found = accumulator.EventAccumulator(str(folder), {"scalars": 0, "images": 0, "tensors": 0})
    found.Reload()
    return found


def test_the_reader_gets_the_table_back_as_one_run(tmp_path: Path):
    out = train_tracked(tmp_path / "run", "tensorboard", stops=1)
    (folder,) = (out / "tracking" / "tensorboard").iterdir()
    assert len(list(folder.iterdir())) == 2  # a file each time it began: one run in TensorBoard
    found, wanted = read_back(folder), wanted_values(out)
    assert set(found.Tags()["scalars"]) == set(wanted)
    for name, values in wanted.items():
        scalars = found.Scalars(name)
        assert [one.step for one in scalars] == sorted(values)
        np.testing.assert_allclose([one.value for one in scalars], [values[one.step] for one in scalars], rtol=1e-6)
    plan = found.Tensors("plan/text_summary")
    assert len(plan) == 1
    told = json.loads(plan[0].tensor_proto.string_val[0])
    assert told["id"] == json.loads((out / "plan.json").read_text())["id"]


def test_a_picture_is_shown_and_of_a_page_the_place_is_said(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "views.png")
    (tmp_path / "report.html").write_text("<p>")
    with track(TrackTo(("tensorboard",), tmp_path), "ab", "study", {}) as session:
        session.log_artefacts([tmp_path / name for name in ("views.png", "report.html", "absent.png")])
    (folder,) = (tmp_path / "tracking" / "tensorboard").iterdir()
    found = read_back(folder)
    (image,) = found.Images("views.png")
    (tmp_path / "back.png").write_bytes(image.encoded_image_string)
    assert np.array_equal(np.array(Image.open(tmp_path / "back.png")), pixels)
    (text,) = found.Tensors("report.html/text_summary")
    assert text.tensor_proto.string_val[0].decode() == str(tmp_path / "report.html")
