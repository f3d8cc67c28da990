"""The card quotes the values of its own model, head and part of the images, or says that these were not judged."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from handover import SMALL, write_images

import kogen
from kogen.common.files import read_json
from kogen.handover.card import limits, study_text, values_of
from kogen.handover.exported_model import Origin
from kogen.training import tune

ASKED = {"methods": ("byol",), "seeds": 1, "epochs": 1, "batch_size": 16, "tune_steps": (2,), **SMALL}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of BYOL on all images and on half of them, fine-tuned, and judged with half of the labels too."""
    root = tmp_path_factory.mktemp("parts")
    train, test = write_images(root / "train", 20, 0), write_images(root / "test", 12, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "BATCH", 16)
        patch.setattr(tune, "PASS_STEPS", 2)
        more = {"probes": ("linear", "tune:all"), "pools": ("50%", "100%"), "budgets": ("50%", "100%"), "draws": 1}
        kogen.pilot(train, test=str(test), out=root / "study", **more, **ASKED)
        yield root / "study"


def run_of(study: Path, pool: str) -> Path:
    """The run on a part of the images; "" for all of them."""
    return next(run for run in (study / "runs").iterdir() if read_json(run / "plan.json").get("pool", "") == pool)


def accuracy_of(run: Path, head: str) -> float:
    """Right answers in percent of a run with all labels."""
    rows = pd.read_parquet(run / "predictions.parquet")
    return 100 * rows[(rows.protocol == head) & rows.budget.isna()].correct.mean()


@pytest.mark.parametrize(("pool", "head"), [("50%", "linear"), ("", "linear"), ("", "tune:all")])
def test_the_card_quotes_the_model_of_its_run_and_head(study: Path, tmp_path: Path, pool: str, head: str):
    run = run_of(study, pool)
    said = kogen.export(run, head=head, out=tmp_path / "model.safetensors")
    card = (tmp_path / "model.md").read_text()
    assert f"| reference | reference | 36 | {accuracy_of(run, head):.4g} |" in card
    assert "36 of 36 images of the reference are classified as the study's table says" in said
    assert (f"# byol on 50%, run {run.name}" in card) == (pool != "")
    assert (", pre-trained on 50% of the images, with a head" in card) == (pool != "")
    another = "That is said of networks of all images, judged by linear. The values below are those of byol"
    assert (another in card) == (pool != "" or head != "linear")


def test_what_the_study_never_judged_is_not_checked_and_not_quoted(study: Path, tmp_path: Path):
    said = kogen.export(run_of(study, "50%"), head="tune:all", out=tmp_path / "model.safetensors")
    card = (tmp_path / "model.md").read_text()
    unchecked = "not checked: the study has no rows of byol on 50% with the head tune:all"
    assert unchecked in said
    assert f"## Checked when it was written\n\n* {unchecked}\n" in card
    assert "it was not judged. The study's verdict has no values of byol on 50% with the head tune:all" in card
    assert "| reference |" not in card
    assert "No set, no shift and no floor was judged." in card


def origin_of(**other: Any) -> Origin:
    """What a file says of itself."""
    known = {"head": "linear", "run": "1", "name": "a", "seed": 0, "images": "", "labels": "", "labelled": 9}
    return Origin(**(known | {"stored_side": 16, "bits": 8, "pixels": "uint8"} | other))


def test_floors_are_those_of_this_model_and_head():
    def row(model: str, protocol: str, value: float, lo: float) -> dict[str, Any]:
        about = {"model": model, "protocol": protocol, "dataset": "test", "metric": "accuracy", "n": 30}
        return about | {"value": value, "lo": lo, "hi": 99.0, "floor": 50.0}

    verdict = {
        "metric": {"name": "accuracy", "higher_is_better": True},
        "protocol": "knn",
        "roles": {"test": "reference"},
        "words": ["Take b."],
        "metrics": [row("a", "knn", 70.0, 60.0), row("a", "linear", 55.0, 45.0), row("b", "knn", 51.0, 40.0)],
        "floors": [{"model": "a", "dataset": "test", "clear": True}, {"model": "b", "dataset": "test", "clear": False}],
        "pools": {"values": [{"dataset": "test", "model": "a", "pool": "50%", "value": 61.0, "lo": 57.0, "hi": 65.0}]},
    }
    told = {}
    for other in ({}, {"head": "knn"}, {"head": "knn", "pool": "50%"}, {"pool": "50%"}):
        origin = origin_of(**other)
        rows = values_of(origin, verdict)
        told[origin.title, origin.head] = [row["value"] for row in rows], limits(origin, verdict, rows)[-1]
    means = "Values are means over the seeds of its study; this file is one of them."
    assert told == {
        ("a", "linear"): ([55.0], "Not clearly above a constant answer on test."),
        ("a", "knn"): ([70.0], means),
        ("a on 50%", "knn"): ([61.0], means),
        ("a on 50%", "linear"): ([], "No set, no shift and no floor was judged."),
    }
    assert "Nothing of this model: it was not judged." in study_text(origin_of(pool="50%"), verdict, [])
