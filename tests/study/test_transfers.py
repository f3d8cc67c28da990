"""Transfer sets: probes learn labels of their own on a study's networks; what cannot be judged is refused early."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from shared_work import QUICK, small_sets

import kogen
from kogen.common.files import read_json
from kogen.results.answers.transfer_leads import read_leads

CLASSES = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}


def write_colours(root: Path, count: int = 12, split: bool = True) -> str:
    """Plain coloured images with noise, of other classes than the study's; two thirds to learn from."""
    rng = np.random.default_rng(5)
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
        "loose": write_colours(root / "loose", split=False),
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
    with pytest.raises(ValueError, match=r"trained on 24 of 24 images of the set 'same'|images of the set 'same'"):
        ask(transfers={"same": places["a"]})
    assert not list(tmp_path.glob("study/runs/*"))
