"""compare: two files on the same images, a verdict, and the images that newly fail."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from handover import lone_run, small_study, write_images
from small import blobs

import kogen
from kogen.cli import main


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old model that has learnt from labels that changed places, and a new one."""
    root = tmp_path_factory.mktemp("study")
    kogen.export(small_study(root), head="linear", out=root / "new.safetensors")
    mixed = write_images(root / "mixed", 8, 9)
    for name, other in (("ok", "x"), ("bad", "ok"), ("odd", "bad"), ("x", "odd")):
        (mixed / name).rename(mixed / other)
    run = lone_run(root / "run", blobs(channels=1))
    kogen.export(run, head="linear", train=str(mixed), out=root / "old.safetensors")
    return root


def test_a_better_model_is_called_better_and_the_other_way_round_worse(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    old, new, test = models / "old.safetensors", models / "new.safetensors", models / "test"
    found = kogen.compare([old, new], test=str(test))
    assert found["verdict"] == "better"
    assert found["overall"]["lo"] > 0
    with pytest.raises(SystemExit):
        main(["compare", str(new), str(old), "--test", str(test), "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out.startswith("Worse: on 36 images the new model is right on ")
    told = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert told["verdict"] == "worse"
    assert told["overall"]["lo"] == pytest.approx(-found["overall"]["hi"])
    failing = pd.read_csv(tmp_path / "out" / "newly_failing.csv")
    assert len(failing) == told["newly_failing"] == found["newly_right"] > 0
    assert (failing.predicted_old == failing.label).all()
    assert (failing.predicted_new != failing.label).all()


def test_json_is_printed_and_a_run_is_compared_too(models: Path, capsys: pytest.CaptureFixture[str]):
    run = next((models / "study" / "runs").iterdir())
    with pytest.raises(SystemExit):
        main(["compare", str(run), str(models / "new.safetensors"), "--test", str(models / "test")])
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "not worse within the margin"  # although 36 images are too few for one point
    assert told["sentence"].startswith("Not worse: both gave the same probabilities to every image, so nothing changes")
    assert (told["newly_failing"], told["overall"]["difference"]) == (0, 0)


def test_a_file_beside_its_copy_changes_nothing(models: Path, tmp_path: Path):
    new, copied = models / "new.safetensors", tmp_path / "copied.safetensors"
    shutil.copyfile(new, copied)
    for other in (new, copied):
        found = kogen.compare([new, other], test=str(models / "test"), out=tmp_path / "out")
        assert found["verdict"] == "not worse within the margin"
        assert found["sentence"].startswith("Not worse: both are the same model, so nothing changes. Both are right on")
        assert (found["least"], found["overall"]["lo"], found["overall"]["hi"]) == (0, 0, 0)
        assert len(pd.read_csv(tmp_path / "out" / "newly_failing.csv")) == 0


def test_what_cannot_be_compared_is_said(models: Path, tmp_path: Path):
    new = models / "new.safetensors"
    with pytest.raises(ValueError, match="models given: 1; name two, first the old one, then the new"):
        kogen.compare([new], test="x")
    with pytest.raises(ValueError, match="no images to compare on: name labelled ones with --test SOURCE"):
        kogen.compare([new, new])
    flat = tmp_path / "flat"
    (models / "test" / "ok").rename(flat)
    try:
        with pytest.raises(ValueError, match="has no labels, so nothing can be compared"):
            kogen.compare([new, new], test=str(flat))
    finally:
        flat.rename(models / "test" / "ok")
    other = write_images(tmp_path / "other", 6, 4)
    (other / "ok").rename(other / "rust")
    with pytest.raises(ValueError, match=r"no model knows the classes rust \(known: bad, odd, ok\)"):
        kogen.compare([new, new], test=str(other))
