"""Transfer sets: probes learn labels of their own on a study's networks; what cannot be judged is refused early."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shared_work import QUICK, small_sets

import kogen
from kogen.common.files import read_json, write_json
from kogen.results.answers.transfer_leads import read_leads

CLASSES = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}


def write_colours(root: Path, count: int = 12, split: bool = True, seed: int = 5) -> str:
    """Plain coloured images with noise, of other classes than the study's; two thirds to learn from."""
    rng = np.random.default_rng(seed)
    for name, colour in CLASSES.items():
        for i in range(count):
            part = ("test" if i % 3 == 0 else "train") if split else ""
            (root / part / name).mkdir(parents=True, exist_ok=True)
            pixels = np.clip(np.array(colour) + rng.integers(-30, 30, (20, 20, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / part / name / f"{i}.png")
    return str(root)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("sets")
    return small_sets(root) | {
        "colours": write_colours(root / "colours"),
        "loose": write_colours(root / "loose", split=False, seed=6),
    }


@pytest.fixture(scope="module")
def study(places: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study") / "study"
    kogen.pilot(places["a"], test=places["b"], transfers={"colours": places["colours"]}, out=out, **QUICK)
    return out


def test_each_run_is_judged_on_the_test_part_of_the_transfer_set_by_its_own_classes(study: Path):
    rows = pd.read_parquet(study / "transfer" / "colours" / "predictions.parquet")
    assert set(rows.dataset) == {"colours"}
    assert set(rows.label) == set(CLASSES)
    assert len(rows) == 4 * 12  # runs x images of the test part
    assert rows.probabilities.map(len).eq(3).all()
    assert rows.correct.mean() > 0.8  # colours are easy, also for a network without training
    assert set(pd.read_parquet(study / "predictions.parquet").label) == {"ok", "bad"}
    data = read_json(study / "transfer" / "colours" / "data.json")
    assert {row["name"]: row["images"] for row in data["sets"]} == {"train": 24, "colours": 12}


def test_the_page_and_the_verdict_say_what_becomes_of_the_lead(study: Path):
    found = read_leads(study)
    assert found is not None
    assert [one.dataset for one in found.sets] == ["colours"]
    page = (study / "report.html").read_text()
    kogen.report(study, lang="ja")
    japanese = (study / "report.html").read_text()
    assert "Does the lead survive on other tasks?" in page
    assert "別の課題でもリードは保たれるか" in japanese
    assert (study / "transfer" / "colours" / "report.html").exists()


def test_a_transfer_set_is_added_to_a_finished_study_and_nothing_is_trained_again(
    study: Path, places: dict[str, str], capsys: pytest.CaptureFixture[str]
):
    before = {file: file.stat().st_mtime_ns for file in study.glob("runs/*/weights.safetensors")}
    sets = {"colours": places["colours"], "loose": places["loose"]}
    asked: dict[str, Any] = {"transfers": sets, "transfer_metrics": {"loose": "macro_f1"}}
    kogen.pilot(places["a"], test=places["b"], out=study, **asked, **QUICK)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert f"--transfer loose={places['loose']}" in capsys.readouterr().err
    found = read_leads(study)
    assert found is not None
    assert {one.dataset: one.metric.name for one in found.sets} == {"colours": "accuracy", "loose": "macro_f1"}
    again = {file: file.stat().st_mtime_ns for file in study.glob("transfer/*/runs/*/predictions.parquet")}
    assert len(again) == 8
    kogen.pilot(places["a"], test=places["b"], out=study, **asked, **QUICK)
    assert {file: file.stat().st_mtime_ns for file in again} == again


def relabelled(source: str, target: Path) -> str:
    """The images of a folder under classes that have nothing to do with its own."""
    for place, file in enumerate(sorted(Path(source).rglob("*.png"))):
        folder = target / ("even" if place % 2 else "odd")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / f"{place}.png")
    return str(target)


def renamed(source: str, target: Path) -> str:
    """The images of a folder under the same classes, which are called otherwise."""
    for folder in Path(source).iterdir():
        shutil.copytree(folder, target / f"class {folder.name}")
    return str(target)


@pytest.mark.parametrize("twins", ["together", "keep"])
def test_a_set_that_is_there_already_is_no_other_task(places: dict[str, str], tmp_path: Path, twins: str):
    asked: dict[str, Any] = {"test": places["b"], "twins": twins, "out": tmp_path / "study"}
    for source, known in (
        (places["b"], "reference"),
        (places["a"], "train"),
        (renamed(places["b"], tmp_path / "c"), "r"),
    ):
        with pytest.raises(
            ValueError, match=rf"--transfer again=.*also in the set '{known}.*labelled there in the same"
        ):
            kogen.pilot(places["a"], transfers={"again": source}, **asked, **QUICK)
    sets = {"colours": places["colours"], "twice": places["colours"]}
    with pytest.raises(ValueError, match=r"--transfer twice=.*also in the set 'colours'"):
        kogen.pilot(places["a"], transfers=sets, **asked, **QUICK)


def test_a_set_with_images_of_the_study_is_judged_with_a_caution(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    mixed = Path(write_colours(tmp_path / "mixed", seed=7))
    for place, file in enumerate(sorted(Path(places["b"]).rglob("*.png"))[:5]):
        shutil.copyfile(file, mixed / "train" / "red" / f"b{place}.png")
    out = tmp_path / "study"
    kogen.pilot(places["a"], test=places["b"], transfers={"mixed": str(mixed)}, out=out, **QUICK)
    assert "5 of the 41 images of mixed are also in the set 'reference'" in capsys.readouterr().err
    assert read_json(out / "transfer" / "mixed" / "data.json")["shared"] == {"reference": 5}
    found = read_leads(out)
    assert found is not None
    assert (found.sets[0].shared, found.sets[0].total) == ({"reference": 5}, 41)
    assert "Of the 41 images of mixed, 5 are also among those of" in (out / "report.html").read_text()
    assert "5 of the 41 images of mixed" in (out / "transfer" / "mixed" / "report.html").read_text()


def test_one_model_has_no_lead_and_its_values_are_shown(places: dict[str, str], tmp_path: Path):
    asked: dict[str, Any] = QUICK | {"methods": ("random",), "test": places["b"], "out": tmp_path / "study"}
    kogen.pilot(places["a"], transfers={"colours": places["colours"]}, **asked)
    found = read_leads(tmp_path / "study")
    assert found is not None
    assert (found.other, found.sets[0].lead) == (None, None)
    page = (tmp_path / "study" / "report.html").read_text()
    assert "random is the one model here, so there is no lead that could survive" in page
    assert "transfer/NAME/report.html" in page
    assert kogen.audit(tmp_path / "study")["passed"]


def test_what_a_candidate_was_trained_on_is_known_on_transfer_sets_too(places: dict[str, str], tmp_path: Path):
    quick = {name: QUICK[name] for name in ("epochs", "image_size", "backbone", "batch_size", "precision")}
    kogen.pretrain(
        f"{places['colours']}/test/red", method="simclr", out=tmp_path / "trained", **quick | {"batch_size": 4}
    )
    asked: dict[str, Any] = QUICK | {"methods": ("random",), "test": places["b"], "out": tmp_path / "study"}
    asked |= {"candidates": {"mine": str(tmp_path / "trained")}}
    kogen.pilot(places["a"], transfers={"colours": places["colours"]}, **asked)
    sets = read_json(tmp_path / "study" / "transfer" / "colours" / "data.json")["sets"]
    assert {row["name"]: row["twins_in_train"] for row in sets} == {"train": None, "colours": 4}


def test_the_audit_reads_transfer_sets(study: Path, tmp_path: Path):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    assert kogen.audit(copy)["passed"]
    leads = read_json(copy / "transfer.json")
    write_json(copy / "transfer.json", leads | {"decided": 99})
    place = copy / "transfer" / "colours"
    verdict = read_json(place / "verdict.json")
    verdict["values"][0]["value"] = 12.5
    write_json(place / "verdict.json", verdict)
    (place / "data.json").write_text((place / "data.json").read_text().replace('"images": 12', '"images": 13'))
    found = kogen.audit(copy)
    assert not found["same"]
    assert {one["file"] for one in found["differences"]} == {"transfer.json", "transfer/colours/verdict.json"}
    assert "transfer/colours" in {one["place"] for one in found["problems"]}
    assert "colours, reference" in {one["name"] for one in found["sets"]}


def test_a_transfer_set_without_answers_and_runs_without_them_are_told(study: Path, tmp_path: Path):
    copy = tmp_path / "study"
    shutil.copytree(study, copy)
    place = copy / "transfer" / "colours"
    runs = sorted(place.glob("runs/*"))
    shutil.rmtree(runs[0])
    (place / "predictions.parquet").unlink()
    kogen.report(copy)
    assert "Runs that are not judged on colours yet: 1" in (copy / "report.html").read_text()
    assert "Runs that are not judged here yet: 1" in (place / "report.html").read_text()
    for run in runs[1:]:
        shutil.rmtree(run)
    kogen.report(copy)
    assert "no run is judged there yet: colours" in (copy / "report.html").read_text()


def test_what_cannot_be_judged_is_refused_before_anything_is_trained(places: dict[str, str], tmp_path: Path):
    def ask(**more: Any) -> None:
        kogen.pilot(places["a"], test=places["b"], out=tmp_path / "study", **QUICK | more)

    with pytest.raises(ValueError, match=r"--transfer '\.\./x': the name becomes a folder"):
        ask(transfers={"../x": places["colours"]})
    with pytest.raises(
        ValueError, match=r"--transfer-metric dogs=accuracy: no transfer set is called so: did you mean 'dog'"
    ):
        ask(transfers={"dog": places["colours"]}, transfer_metrics={"dogs": "accuracy"})
    with pytest.raises(ValueError, match=r"--transfer-metric dogs=accuracy: .* there is none; name one with"):
        ask(transfer_metrics={"dogs": "accuracy"})
    with pytest.raises(ValueError, match=r"--transfer train=\.\.\.: the name 'train' is taken by another set"):
        ask(transfers={"train": places["colours"]})
    with pytest.raises(ValueError, match="macro_f2"):
        ask(transfers={"dog": places["colours"]}, transfer_metrics={"dog": "macro_f2"})
    flat = tmp_path / "flat"
    flat.mkdir()
    for i in range(4):
        Image.fromarray(np.full((20, 20, 3), 40 * i, np.uint8)).save(flat / f"{i}.png")
    with pytest.raises(ValueError, match=r"--transfer flat=.*flat: .*label"):
        ask(transfers={"flat": str(flat)})
    gray = tmp_path / "gray"
    for name in ("ok", "bad"):
        (gray / name).mkdir(parents=True)
        for i in range(4):
            noise = np.random.default_rng([i, len(name)]).integers(0, 255, (20, 20)).astype(np.uint8)
            Image.fromarray(noise).save(gray / name / f"{i}.png")
    with pytest.raises(ValueError, match=r"--transfer dog has 3 channels, wanted 1: only gray"):
        kogen.pilot(str(gray), transfers={"dog": places["colours"]}, out=tmp_path / "study", **QUICK)
    with pytest.raises(ValueError, match=r"--transfer gone=.*gone"):
        ask(transfers={"gone": str(tmp_path / "gone")})
    with pytest.raises(ValueError, match=r"--transfer reference=.*: the name 'reference' is taken by another set"):
        ask(transfers={"reference": places["colours"]})
    with pytest.raises(ValueError, match=r"trained on \d+ of \d+ images of the set 'other'"):
        ask(transfers={"other": relabelled(places["a"], tmp_path / "other")})
    assert not list(tmp_path.glob("study/runs/*"))
