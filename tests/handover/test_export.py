"""Export with a head: the file answers as the study's table says, image by image, and its card says what it is."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handover import lone_run, rows_of, small_study, write_images
from small import blobs

import kogen
from kogen.data.cache_settings import CacheSettings
from kogen.data.open import open_images
from kogen.handover.export import open_model

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module", params=[1, 3], ids=["gray", "colour"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_study(tmp_path_factory.mktemp("study"), request.param)


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx"])
def test_a_model_says_of_every_image_what_the_study_says(run: Path, name: str, tmp_path: Path):
    said = kogen.export(run, head="linear", out=tmp_path / name)
    assert "36 of 36 images of the reference are classified as the study's table says" in said
    wanted = rows_of(run)
    for part in ("test", "line2"):
        kogen.predict(run.parents[2] / part, model=tmp_path / name, out=tmp_path / f"{part}.csv")
        found = pd.read_csv(tmp_path / f"{part}.csv").set_index("item")
        mine = wanted.loc[found.index]
        assert len(found) == 36
        assert found.predicted.tolist() == mine.predicted.tolist()
        shares = found[["p_bad", "p_odd", "p_ok"]].to_numpy()
        np.testing.assert_allclose(shares, np.stack(list(mine.probabilities)), atol=1e-4)
        right = [row[f"p_{label}"] for (_, row), label in zip(found.iterrows(), mine.label, strict=True)]
        np.testing.assert_allclose(right, mine.score, atol=1e-4)


def test_the_export_says_how_images_are_made_and_the_card_says_what_it_is(run: Path, tmp_path: Path):
    said = kogen.export(run, head="linear", out=tmp_path / "model.onnx")
    for words in ("mean [", "std [", "size 16 x 16, whole image to a square, bicubic", "to a square of at most 128 px"):
        assert words in said
    assert "onnxruntime and torch differ by at most" in said
    card = (tmp_path / "model.md").read_text()
    verdict = kogen.report(run.parents[1])
    assert f"> {verdict['words'][0]}" in card
    for words in (
        "## Preprocessing",
        "## Limits",
        "## Intended use",
        "| line2 | shift | 36 |",
        "Steps 1 to 3 come before",
    ):
        assert words in card
    assert "Judged on shifts: line2." in card
    assert str(run.parents[2]) not in card
    kogen.export(run, head="linear", out=tmp_path / "model.onnx")  # both files are kogen's own


def test_files_of_others_stay(run: Path, tmp_path: Path):
    for name in ("model.md", "model.safetensors"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(ValueError, match=rf"{name} was not written by kogen"):
            kogen.export(run, head="linear", out=tmp_path / "model.safetensors")
        (tmp_path / name).unlink()


def test_what_cannot_be_exported_is_said(run: Path, tmp_path: Path):
    out = tmp_path / "model.safetensors"
    with pytest.raises(ValueError, match="unknown head 'knn': write linear, tuned, tune:head"):
        kogen.export(run, head="knn", out=out)
    with pytest.raises(ValueError, match="lies in a study, which says what its head learns from: leave out --train"):
        kogen.export(run, head="linear", train=str(run.parents[2] / "test"), out=out)
    with pytest.raises(ValueError, match=r"--format onnx and --out .* do not fit: call it model.onnx"):
        kogen.export(run, head="linear", format="onnx", out=out)
    with pytest.raises(ValueError, match="--format timm: with --head a model is written as safetensors or onnx"):
        kogen.export(run, head="linear", format="timm", out=out)
    with pytest.raises(ValueError, match="--format onnx writes a whole classifier: name its head, --head linear"):
        kogen.export(run, format="onnx", out=out)
    assert not list(tmp_path.iterdir())


def test_without_the_packages_it_says_what_to_install(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"to write ONNX takes the packages .*: pip install 'kogen\[onnx\]'"):
        kogen.export(run, head="linear", out=tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "model.onnx").write_bytes(b"\x08")
    with pytest.raises(ValueError, match=r"to read ONNX takes the packages .*: pip install 'kogen\[onnx\]'"):
        open_model(tmp_path / "model.onnx")


def test_images_that_changed_since_are_refused(tmp_path: Path):
    run = small_study(tmp_path)
    for name, what in (("test", "reference"), ("train", "train")):
        place = tmp_path / name / "ok" / "3.png"
        before = place.read_bytes()
        place.write_bytes((tmp_path / "line2" / "ok" / "3.png").read_bytes())
        with pytest.raises(ValueError, match=f"images or labels of .*{what}.* are others than .* was judged on") as got:
            kogen.export(run, head="linear", out=tmp_path / "model.safetensors")
        assert "put them back, or run the study again at another --out of `kogen pilot`" in str(got.value)
        assert "delete" not in str(got.value)  # the table is part of a finished study
        place.write_bytes(before)
    kogen.export(run, head="linear", out=tmp_path / "model.safetensors")


def test_a_lone_run_needs_labels(tmp_path: Path):
    run = lone_run(tmp_path / "run", blobs(channels=1))
    with pytest.raises(ValueError, match="lies in no study, so nobody knows what its head learns from: name it with"):
        kogen.export(run, head="linear", out=tmp_path / "model.safetensors")
    train = write_images(tmp_path / "train", 10, 3)
    kogen.export(run, head="linear", train=str(train), out=tmp_path / "model.safetensors")
    card = (tmp_path / "model.md").read_text()
    assert "this run was not judged in a study" in card
    assert "* not checked: the run lies in no study, so there are no answers to compare with" in card
    probability = open_model(tmp_path / "model.safetensors").probability(open_images(train))
    assert probability.shape == (30, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)


def test_16_bits_are_handed_over(tmp_path: Path):
    train = write_images(tmp_path / "train", 10, 3, bits=16)
    images = open_images(train, CacheSettings(128))
    assert images.pixels.dtype == np.uint16
    run = lone_run(tmp_path / "run", images)
    for name in ("model.safetensors", "model.onnx"):
        kogen.export(run, head="linear", train=str(train), out=tmp_path / name)
        assert "Black and white of 16 bits" in (tmp_path / "model.md").read_text()
    exact, onnx = (open_model(tmp_path / name).probability(images) for name in ("model.safetensors", "model.onnx"))
    np.testing.assert_allclose(onnx, exact, atol=1e-4)
