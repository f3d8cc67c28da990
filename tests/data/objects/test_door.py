"""Behind the door everything is as of files: ids, weights, studies that are resumed, and what the command line says."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import kogen
from kogen.cli import main
from kogen.data.image_facts import content_id
from kogen.data.objects.door import open_door

SMALL = {"epochs": 2, "image_size": 16, "backbone": "tiny?width=8", "precision": "32"}
QUICK = SMALL | {"epochs": 1, "seeds": 1, "methods": ("byol", "random"), "batch_size": 32, "costs": "none"}


def draw(count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Striped (bad) and plain (ok) images (N, 18, 18, 3) and their labels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(60, 160, (count, 18, 18, 3)).astype(np.uint8)
    pixels[count // 2 :, ::4] += 90
    return pixels, ["ok"] * (count // 2) + ["bad"] * (count - count // 2)


def write(folder: Path, pixels: np.ndarray, labels: list[str]) -> Path:
    """The images as PNG in one folder, in their order, and a table of labels beside it."""
    folder.mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    names = [f"{number:03d}.png" for number in range(len(pixels))]
    pd.DataFrame({"path": names, "label": labels}).to_csv(folder.with_suffix(".csv"), index=False)
    return folder


def test_an_array_trains_the_weights_that_its_pngs_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pixels, labels = draw(48, 0)
    folder = write(tmp_path / "imgs", pixels, labels)
    tensors = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    monkeypatch.chdir(folder)
    ways = {
        "files": (folder, folder.with_suffix(".csv")),
        "array": (pixels, labels),
        "tensor": (tensors, labels),
        "list": ([Image.fromarray(image) for image in pixels], labels),
        "dataset": (torch.utils.data.TensorDataset(tensors), labels),
        "frame": (pd.read_csv(folder.with_suffix(".csv")), None),
    }
    for method in ("byol", "supervised"):
        for name, (images, said) in ways.items():
            kogen.pretrain(images, labels=said, method=method, out=tmp_path / f"{method}-{name}", **SMALL)
        runs = [tmp_path / f"{method}-{name}" for name in ways]
        assert len({(run / "weights.safetensors").read_bytes() for run in runs}) == 1
        assert len({(run / "plan.json").read_bytes() for run in runs}) == 1


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of arrays."""
    folder = tmp_path_factory.mktemp("door") / "study"
    shifts = {"dark": (draw(20, 2)[0] // 2, draw(20, 2)[1])}
    kogen.pilot(draw(48, 0), test=draw(20, 1), shifts=shifts, out=folder, **QUICK)
    return folder


def test_a_study_of_arrays_says_digest_and_shape_and_items_are_those_of_files(study: Path):
    asked = tomllib.loads((study / "study.toml").read_text())
    assert asked["source"].startswith("object:array-48x18x18x3-uint8-")
    assert asked["test"].startswith("object:array-20x18x18x3-uint8-")
    rows = pd.read_parquet(study / "predictions.parquet")
    expected = {content_id(image) for image in draw(20, 1)[0]}
    assert set(rows.item[rows.dataset == "reference"]) == expected


def test_equal_content_resumes_and_other_content_is_another_question(study: Path):
    before = {path: path.stat().st_mtime_ns for path in study.glob("runs/*/weights.safetensors")}
    pixels, labels = draw(48, 0)
    again = (torch.from_numpy(pixels).permute(0, 3, 1, 2), np.array(labels))
    shifts = {"dark": (draw(20, 2)[0] // 2, draw(20, 2)[1])}
    kogen.pilot(again, test=draw(20, 1), shifts=shifts, out=study, **QUICK)
    assert {path: path.stat().st_mtime_ns for path in study.glob("runs/*/weights.safetensors")} == before
    pixels[3, 0, 0] ^= 1
    with pytest.raises(ValueError, match=r"asks another question than this command: .*object:array-48x18x18x3"):
        kogen.pilot((pixels, labels), test=draw(20, 1), shifts=shifts, out=study, **QUICK)


def test_the_command_line_says_that_objects_are_to_be_given_again(study: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["pilot", str(study / "study.toml"), "--out", str(study)])
    said = " ".join(capsys.readouterr().err.split())
    assert "stands for an object that was given in Python, and it is not here: give it again" in said
    kogen.report(study)  # needs no images


def test_verbs_that_are_given_the_study_alone_find_objects_that_are_held(study: Path, tmp_path: Path):
    run = next(run for run in study.glob("runs/*") if json.loads((run / "plan.json").read_text())["model"] == "byol")
    out = tmp_path / "model.safetensors"
    with pytest.raises(ValueError, match=r"by `with kogen.hold\(...\)`"):
        kogen.export(run, head="linear", out=out)
    with kogen.hold(draw(48, 0), draw(20, 1), (draw(20, 2)[0] // 2, draw(20, 2)[1])):
        assert "classified as the study's table says" in kogen.export(run, head="linear", out=out)
    done = kogen.predict(draw(20, 1)[0], model=out, out=tmp_path / "p.csv")
    assert len(pd.read_csv(done)) == 20


def test_other_verbs_take_objects_too(study: Path, tmp_path: Path):
    audit = kogen.audit(study)
    assert audit["passed"]
    assert audit["commands"][1].startswith(
        "# kogen pilot wants these again, from Python: kogen.pilot(...) with object:array-48x"
    )
    cost = kogen.estimate(draw(48, 0), test=draw(20, 1), **QUICK)
    assert cost is not None
    assert kogen.views(draw(48, 0)[0], image_size=16, out=tmp_path / "views.png").exists()
    runs = [run for run in study.glob("runs/*") if (run / "summary.json").exists()]
    tests = {"a": draw(20, 1), "b": draw(20, 3)}
    judged = kogen.evaluate(runs, train=draw(48, 0), tests=tests, costs="none", out=tmp_path / "judged")
    assert judged["sets"] == ["a", "b"]
    asked = pd.read_parquet(study / "predictions.parquet").query("dataset == 'reference' and protocol == 'linear'")
    again = judged.to_pandas("predictions").query("dataset == 'a' and protocol == 'linear'")
    both = asked.merge(again, on=["run", "item"])
    assert len(both) == len(asked) == len(again)
    assert (both.predicted_x.astype(str) == both.predicted_y.astype(str)).all()


@pytest.mark.parametrize("value", [5j, iter([1]), object()])
def test_objects_of_no_known_kind_are_refused_by_name(value: object):
    with pytest.raises(ValueError, match=r"source is a builtins\.\w+: wanted a path or a name of a data source"):
        open_door(value, "source")
