"""A study of boxes from images to its page: the road that the pilot goes, and what the page says."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from drawn_boxes import write_rectangles

import kogen
from kogen.boxes.average_precisions import all_precisions, coco_numbers
from kogen.common.tables import read_table
from kogen.reporting.study.box_section import boxes_section, draw_false_alarms
from kogen.reporting.study.runs import read_runs as runs_of
from kogen.reporting.study.verdict import read_verdict
from kogen.results.boxes.box_runs import read_runs

SMALL = {"backbone": "tiny?width=8&stem=half", "image_size": 64, "epochs": 1, "seeds": 1, "batch_size": 16}
ASKED = {"task": "detect", "tune_steps": (30,), "settings": {"detect": {"width": 32, "rate": 0.6}}, **SMALL}
PARTS = {"budgets": ("50%",), "twins": "keep"}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_rectangles(tmp_path_factory.mktemp("data") / "lines", 60, groups=2, splits=True)


@pytest.fixture(scope="module")
def study(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    kogen.pilot(str(source), out=folder, methods=("byol", "random"), **ASKED, **PARTS)
    return folder


def test_the_verdict_is_by_average_precision_on_known_and_unseen_groups(study):
    verdict = read_verdict(study)
    assert (verdict.protocol, verdict.metric.name, verdict.sets) == ("fcos", "ap", ["reference", "unseen groups"])
    assert verdict.roles == {"reference": "reference", "unseen groups": "shift"}
    rows = read_table(study / "predictions.parquet")
    assert len(rows) == 2 * 2 * 15  # models, all boxes and half of them, images of both sets
    assert sorted(rows.group.unique()) == ["line 1", "new"]
    assert {(row["dataset"], *sorted((row["first"], row["second"]))) for row in verdict.pairs} == {
        (name, "byol", "random") for name in verdict.sets
    }
    assert all(0 <= row["value"] <= 100 for row in verdict.values)


def test_values_are_those_of_coco_on_the_boxes_on_disk(study):
    verdict = read_verdict(study)
    tables = [read_table(file) for file in study.glob("runs/*/boxes.parquet")]
    rows = pd.concat(tables, ignore_index=True)
    known = {(row["model"], row["dataset"]): row["value"] for row in verdict.values}
    assert len(known) == 4
    for run in read_runs(rows[rows.budget.isna()]):
        found = coco_numbers(all_precisions(run.matches(), np.ones((1, len(run.items)))))
        assert known[run.model, run.dataset] == pytest.approx(100 * float(found["ap"][0]), abs=1e-9)


def test_parts_of_the_boxes_give_a_curve(study):
    verdict = read_verdict(study)
    mine = [row for row in verdict.labels if row["dataset"] == "reference"]
    assert {row["model"] for row in mine} == {"byol", "random"}
    assert len({row["labels"] for row in mine}) == 2
    whole = {row["model"]: row["value"] for row in verdict.values if row["dataset"] == "reference"}
    most = max(row["labels"] for row in mine)
    assert {row["model"]: row["value"] for row in mine if row["labels"] == most} == pytest.approx(whole)


def test_the_section_shows_numbers_false_alarms_and_pictures(study):
    verdict = read_verdict(study)
    part = boxes_section(study, verdict, runs_of(study), {"tune_steps": [30]})
    assert part is not None
    assert part["sentences"][0].values == {"detector": "fcos", "steps": 30}
    table = part["tables"]["reference"]
    assert table["sizes"]["columns"][:3] == ["ap", "ap50", "ap75"]
    assert table["classes"]["columns"] == ["black", "bright"]
    assert [row["model"] for row in table["sizes"]["rows"]] == verdict.order["reference"]
    images = [image for some in part["gallery"].values() for image in some]
    assert images
    assert all(image["picture"].startswith("data:image/jpeg") for image in images)
    assert all(image["path"].startswith("images/") for image in images)
    assert all(image["missed"] or image["false"] for image in images)
    figure = draw_false_alarms(study, verdict, "en")
    assert figure is not None
    assert len(figure["data"]) == 4  # a line and a band each


@pytest.mark.parametrize(
    ("lang", "title"), [("en", "What is found, and what is missed?"), ("ja", "何が見つかり、何を見逃しますか")]
)
def test_the_page_speaks_both_languages(study, lang, title, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    kogen.report(folder, lang=lang)
    page = (folder / "report.html").read_text()
    words = re.sub(r"<[^>]+>|\s+", " ", re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL))
    assert title in words
    assert 'id="alarms"' in page
    assert 'alt="missed' in page or 'alt="見逃し' in page
    assert "gets right" not in words
    assert "untrained network" not in words


def test_the_judgement_is_the_same_again_and_the_audit_passes(study):
    found = kogen.audit(study)
    assert found["passed"], found


def test_a_lottery_does_not_take_rows_of_images_for_what_boxes_say(study, tmp_path):
    rows = read_table(study / "predictions.parquet")
    rows[rows.budget.isna()].drop(columns=["budget", "draw"]).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match=r"the column label is empty.*judged by average precision, with `kogen report"):
        kogen.lottery(str(tmp_path / "rows.parquet"), out=tmp_path / "lottery", reference="reference")


def test_another_number_may_decide(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    found = kogen.report(folder, metric="ap50")
    table = pd.read_parquet(folder / "box_values.parquet")
    wanted = table[(table.number == "ap50") & (table.dataset == "reference")].set_index("model").value.to_dict()
    assert {row["model"]: row["value"] for row in found["values"] if row["dataset"] == "reference"} == wanted
    with pytest.raises(ValueError, match=r"--metric accuracy is none of --task detect: choose one of ap, ap50, ap75"):
        kogen.report(folder, metric="accuracy")


def test_who_asks_again_finds_it_done_and_what_is_missing_is_made_again(study, source, tmp_path, monkeypatch):
    folder = shutil.copytree(study, tmp_path / "study")
    run = next(folder.glob("runs/*/boxes.parquet")).parent
    before = {file: read_table(file) for file in folder.glob("runs/*/[bp]*.parquet")}
    (run / "predictions.parquet").unlink()  # as if killed between the two tables
    kogen.pilot(str(source), out=folder, methods=("byol", "random"), **ASKED, **PARTS)
    for file, rows in before.items():
        pd.testing.assert_frame_equal(read_table(file), rows)
    monkeypatch.setattr("kogen.study.boxes.box_judging.train_detector", None)
    kogen.pilot(str(source), out=folder, methods=("byol", "random"), **ASKED, **PARTS)


def test_boxes_that_are_gone_are_named(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    run = next(folder.glob("runs/*/boxes.parquet"))
    run.unlink()
    with pytest.raises(ValueError, match=r"boxes.parquet is gone, and predictions.parquet beside it"):
        kogen.report(folder)


def test_a_study_may_grow_and_its_steps_stay(study, source, tmp_path):
    folder = shutil.copytree(study, tmp_path / "study")
    with pytest.raises(ValueError, match=r"--tune-steps is \(30,\) there and \(31,\) here"):
        kogen.pilot(str(source), out=folder, methods=("byol", "random"), **(ASKED | {"tune_steps": (31,)}), **PARTS)
    changed = ASKED | {"settings": {"detect": {"width": 64, "rate": 0.6}}}
    with pytest.raises(ValueError, match=r"--set detect.width= is 32 there and 64 here"):
        kogen.pilot(str(source), out=folder, methods=("byol", "random"), **changed, **PARTS)


def test_detectors_that_learnt_nothing_yet_are_not_compared(source, tmp_path):
    short = ASKED | {"tune_steps": (2,), "methods": ("random",), "twins": "keep", "lang": "ja"}
    found = kogen.pilot(str(source), out=tmp_path, **short)
    assert found["values"][0]["value"] < 1
    keys = [one["key"] for one in found["sentences"] if one["part"] in ("headline", "sure", "next")]
    assert keys == ["do_unlearnt", "sure_value", "next_unlearnt"]
    assert found["judgement"]["action"] == "unlearnt"
    assert "枠を見つけられるようになった検出器がなく" in (tmp_path / "report.html").read_text()


def test_private_studies_keep_no_names_and_no_pictures(source, tmp_path):
    kogen.pilot(str(source), out=tmp_path, methods=("random",), private=True, **ASKED, twins="keep")
    rows = read_table(next(tmp_path.glob("runs/*/boxes.parquet")))
    assert rows.path.isna().all()
    assert not list(tmp_path.glob("runs/*/box_gallery"))
    page = (tmp_path / "report.html").read_text()
    assert "images/0" not in page
