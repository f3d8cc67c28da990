"""A study of anomalies from images to its page: the road that the pilot goes, and what the page says."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from inspections import write_mvtec

import kogen
from kogen.common.protocols import DETECTORS
from kogen.common.tables import read_table
from kogen.reporting.study.anomaly_section import anomalies_section
from kogen.reporting.study.runs import read_runs
from kogen.reporting.study.verdict import read_verdict

SMALL = {"backbone": "tiny?width=8", "image_size": 32, "epochs": 1, "seeds": 1, "batch_size": 16, "costs": "none"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return write_mvtec(tmp_path_factory.mktemp("data") / "bottle", good=24, bad=8, test_good=8)


@pytest.fixture(scope="module")
def study(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    asked = {"task": "anomaly", "methods": ("byol", "random"), "views": "inspection", "corrupt": "gaussian:5", **SMALL}
    kogen.pilot(f"mvtec:{parts}", out=folder, twins="keep", **asked)
    return folder


def test_the_verdict_is_by_auroc_of_anomalies(study):
    verdict = read_verdict(study)
    assert (verdict.protocol, verdict.metric.name, verdict.metric.positive) == ("patch_memory", "auroc", "anomaly")
    assert sorted(row.protocol for row in verdict.protocols) == sorted(DETECTORS)
    assert sorted(verdict.sets) == ["reference", "reference~gaussian5"]
    assert all(row["value"] > 90 for row in verdict.values if row["dataset"] == "reference")
    rows = read_table(study / "predictions.parquet")
    assert len(rows) == 2 * 2 * 3 * 16  # models, sets, detectors, images
    assert set(rows.label) == {"good", "anomaly"}
    assert set(rows.group) == {"good", "hole", "stain"}
    recall = [row for row in verdict.recall if row["by"] == "group" and row["dataset"] == "reference"]
    assert {row["name"] for row in recall} == {"good", "hole", "stain"}


def test_pixels_are_measured_against_masks(study):
    verdict = read_verdict(study)
    part = anomalies_section(study, verdict, read_runs(study))
    assert part is not None
    table = part["pixels"]["reference"]
    assert (table["protocol"], table["images"], len(table["rows"])) == ("patch_memory", 8, 2)
    for row in table["rows"]:
        auroc, pro = row["cells"]
        assert auroc["value"] > 90
        assert pro["lo"] <= pro["value"] <= pro["hi"]
    assert [kind["kind"] for kind in part["gallery"]["reference"]] == ["highest_good", "lowest_bad", "highest_bad"]
    images = [image for kind in part["gallery"]["reference"] for image in kind["images"]]
    assert len(images) == 12
    assert all(image["picture"].startswith("data:image/jpeg") for image in images)
    assert all("good" in image["path"] for image in images[:4])


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_says_what_is_right_of_anomalies(study, lang):
    kogen.report(study, lang=lang)
    page = (study / "report.html").read_text()
    body = page[: page.index("<script")] + re.sub(r"(?s)<script.*?</script>", "", page[page.index("<script") :])
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))
    wanted = {"en": ("learnt from good images alone", "pixel AUROC", "Defects with the lowest scores"),
              "ja": ("良品画像だけから学習", "画素 AUROC", "スコアが最も低い欠陥")}[lang]  # fmt: skip
    for words in wanted:
        assert words in said
    assert "linear" not in said.replace("probe: linear", "").lower() or lang == "ja"
    assert said.count("data:image") == 0


def test_a_study_that_tells_classes_apart_has_no_such_part(study):
    verdict = read_verdict(study)
    from dataclasses import replace

    assert anomalies_section(study, replace(verdict, protocol="linear"), []) is None


def test_asked_again_nothing_is_done_and_the_audit_passes(study, parts):
    before = {place: place.stat().st_mtime_ns for place in study.glob("runs/*/predictions.parquet")}
    asked = {"task": "anomaly", "methods": ("byol", "random"), "views": "inspection", "corrupt": "gaussian:5", **SMALL}
    kogen.pilot(f"mvtec:{parts}", out=study, twins="keep", **asked)
    assert before == {place: place.stat().st_mtime_ns for place in study.glob("runs/*/predictions.parquet")}
    audit = kogen.audit(study)
    assert audit["passed"], audit.get("faults", audit)


def test_evaluate_gives_the_pilots_rows(study, parts, tmp_path):
    runs = sorted(place.parent for place in study.glob("runs/*/plan.json"))
    sets = {"reference": f"mvtec:{parts}?split=test"}
    kogen.evaluate(
        runs, train=f"mvtec:{parts}?split=train", tests=sets, task="anomaly", twins="keep", out=tmp_path / "e"
    )
    mine, theirs = (read_table(place / "predictions.parquet") for place in (tmp_path / "e", study))
    theirs = theirs[theirs.dataset == "reference"]
    order = ["model", "seed", "protocol", "item"]
    mine, theirs = (rows.sort_values(order, ignore_index=True) for rows in (mine, theirs))
    assert np.array_equal(np.stack(mine.probabilities), np.stack(theirs.probabilities))
    columns = ["label", "predicted", "correct", "score", "group", *order]
    pd.testing.assert_frame_equal(mine[columns], theirs[columns])
    question = (tmp_path / "e/study.toml").read_text()
    assert 'task = "anomaly"' in question
    assert json.loads((tmp_path / "e/verdict.json").read_text())["metric"]["positive"] == "anomaly"


def test_a_private_study_keeps_no_picture(parts, tmp_path):
    asked = {"task": "anomaly", "methods": ("random",), "probes": ("patch_memory",), **SMALL}
    kogen.pilot(f"mvtec:{parts}", out=tmp_path / "s", twins="keep", private=True, **asked)
    assert not [*(tmp_path / "s").rglob("*.jpg")]
    assert "data:image/jpeg" not in (tmp_path / "s/report.html").read_text()
    assert (tmp_path / "s").joinpath("predictions.parquet").exists()


def test_without_masks_the_page_says_so(parts, tmp_path):
    root = tmp_path / "plain"
    shutil.copytree(parts, root)
    shutil.rmtree(root / "ground_truth")
    asked = {"task": "anomaly", "methods": ("random",), "probes": ("knn_distance",), **SMALL}
    kogen.pilot(root, out=tmp_path / "s", twins="keep", **asked)  # the folder itself: classes and splits by its folders
    said = (tmp_path / "s/report.html").read_text()
    assert "no set has masks" in said
    assert not [*(tmp_path / "s").rglob("pixels.parquet")]


def test_the_estimate_knows_detectors(parts):
    cost = kogen.estimate(f"mvtec:{parts}", task="anomaly", methods=("random",), twins="keep", **SMALL)
    assert 0 < cost.minutes < 5


def test_false_alarms_of_the_other_class_are_not_known(study):
    with pytest.raises(ValueError, match=r"nothing says at which probability to call an image"):
        kogen.report(study, metric="recall_at_false_alarm?positive=good")
    verdict = kogen.report(study, metric="recall_at_false_alarm")
    assert verdict["metric"]["positive"] == "anomaly"
