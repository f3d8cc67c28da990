"""Parts of the pool: nested draws with whole clusters, the same everywhere; runs on them, and what cannot be drawn."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small import blobs

import kogen
from kogen.common import registry
from kogen.common.files import json_digest
from kogen.config.study import make_study
from kogen.data.images import from_array
from kogen.options.study import LABELLED, UNTRAINED
from kogen.study.plans import plans_of
from kogen.study.pool_parts import draw_part, part_of_pool, part_plans
from kogen.study.splits import Splits
from kogen.training import run as training
from kogen.training.run import record_of

SMALL: dict[str, Any] = {"image_size": 16, "backbone": "tiny?width=8", "batch_size": 8, "precision": "32"}
TRAIN, TEST = "surfaces?n=60&size=16", "surfaces:?n=30&size=16&split=test"


def test_draws_are_nested_and_clusters_stay_whole() -> None:
    clusters = np.repeat([f"lot{number}" for number in range(25)], 4)
    for seed in range(20):
        rows = [draw_part(clusters, share, seed) for share in ("3%", "10%", "30%", "100%")]
        assert [len(each) for each in rows] == [4, 12, 32, 100]  # 10 and 30 images, and the rest of their last lot
        for few, many in pairwise(rows):
            assert set(few) < set(many)
        for each in rows:
            assert (np.diff(each) > 0).all()
            assert np.isin(clusters, clusters[each]).sum() == len(each)
    assert len({tuple(draw_part(clusters, "10%", seed)) for seed in range(20)}) > 10
    assert len(draw_part(np.arange(10).astype(str), "30%", 0)) == 3
    assert len(draw_part(np.arange(10).astype(str), "1%", 0)) == 1  # one cluster at least


def test_the_draw_does_not_depend_on_the_order_of_the_images_nor_on_the_process() -> None:
    clusters = np.array([f"part {number % 17}" for number in range(120)])
    mixed = np.random.default_rng(0).permutation(120)
    here = draw_part(clusters, "20%", 3)
    assert sorted(mixed[draw_part(clusters[mixed], "20%", 3)]) == here.tolist()
    code = (
        "import numpy as np; from kogen.study.pool_parts import draw_part; "
        "print(draw_part(np.array([f'part {n % 17}' for n in range(120)]), '20%', 3).tolist())"
    )
    other = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=other, capture_output=True, check=True)
    assert json.loads(done.stdout) == here.tolist()


def test_methods_that_learn_without_labels_are_trained_on_parts_for_as_many_images() -> None:
    images = blobs(200)
    sets = Splits(images, images.labelled_subset(), {}, {}, "")
    asked = {"source": "x", "methods": ("byol", "supervised", "random", "simclr"), "seeds": 2, "epochs": 10, **SMALL}
    whole = plans_of(make_study(asked, "here"), sets)
    plans = plans_of(make_study(asked | {"pools": ("30%", "100%", "10%")}, "here"), sets)
    assert [record_of(plan) for plan in plans[:8]] == [record_of(plan) for plan in whole]
    assert [(plan.seed, plan.pool, plan.method, plan.title) for plan in plans[8:]] == [
        (seed, pool, method, f"{method} on {pool}")
        for seed in range(2)
        for pool in ("10%", "30%")
        for method in ("byol", "simclr")
    ]
    for plan in plans[8:]:
        part = part_of_pool(images, plan)
        assert (plan.images, plan.data) == (len(part), part.digest)
        assert plan.images == {"10%": 20, "30%": 60}[plan.pool]
        assert abs(plan.epochs * (plan.images // 8 * 8) - 10 * 200) <= plan.images / 2
        assert (plan.mean, plan.std, plan.batch_size) == (whole[0].mean, whole[0].std, 8)
    same = {(plan.seed, plan.pool, plan.data) for plan in plans[8:]}
    assert len(same) == 4  # one draw for all methods of a seed
    assert len({record_of(plan)["id"] for plan in plans}) == len(plans)


def test_a_run_on_all_images_keeps_the_id_and_the_fingerprint_it_had() -> None:
    images = blobs(40)
    plan = plans_of(
        make_study({"source": "x", "methods": ("byol",), **SMALL}, "here"), Splits(images, images, {}, {}, "")
    )[0]
    record = record_of(plan)
    assert "pool" not in record
    before = {"precision", "weights", "depth", "init", "freeze", "pool", "code", "compile", "variant", "kind"}
    assert plan.fingerprint == json_digest(plan.model_dump(mode="json", exclude=before))


def test_what_learns_nothing_from_images_without_labels_is_known_by_name() -> None:
    recipes = {name: registry.load("methods", name).recipe for name in registry.names("methods")}
    assert {name for name, recipe in recipes.items() if not recipe.trains} == set(UNTRAINED)
    assert {name for name, recipe in recipes.items() if recipe.labels} == set(LABELLED)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (("0%",), "--images 0%: write shares of the images above 0 and up to 100%, such as 1%,10%,100%"),
        (("ten",), "--images ten: write shares"),
        (("10%", "10.0 %"), "--images 10%,10% names 10% twice: name each once"),
    ],
)
def test_shares_that_are_none_are_refused(images: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_study({"source": "x", "methods": ("byol",), "pools": images}, "here")


def test_images_are_refused_where_nothing_learns_from_them() -> None:
    with pytest.raises(ValueError, match="supervised, random learns nothing from them: add a method such as byol"):
        make_study({"source": "x", "methods": ("supervised", "random"), "pools": ("10%",)}, "here")


def test_parts_that_cannot_be_drawn_are_refused() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (100, 3, 16, 16)).astype(np.uint8)
    study = make_study({"source": "x", "methods": ("byol",), "seeds": 1, **SMALL}, "here")

    def ask(shares: tuple[str, ...], clusters: np.ndarray) -> None:
        images = from_array(pixels, np.arange(100) % 2, ("a", "b"), clusters=clusters)
        plans = plans_of(study, Splits(images, images, {}, {}, ""))
        part_plans(study.model_copy(update={"pools": shares}), plans, images)

    with pytest.raises(
        ValueError, match=r"5% of 100 images is 5, and a batch has 8: ask for 8% or more, or for --batch-size 4"
    ):
        ask(("5%",), np.arange(100))
    halves = np.repeat([0, 1], 50)
    with pytest.raises(
        ValueError, match=r"20% of 100 images is 50, as many as the share before it \(50 images\), because"
    ):
        ask(("10%", "20%"), halves)
    with pytest.raises(
        ValueError, match=r"60% of 100 images is 100, as many as all images, because clusters stay whole"
    ):
        ask(("60%",), halves)
    ask(("10%",), halves)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """A pilot with parts of the images: its folder, what was asked, and its verdict."""
    asked: dict[str, Any] = {"test": TEST, "methods": ("byol", "supervised", "random"), "seeds": 2, "epochs": 1}
    asked |= {"probes": ("knn",), "budgets": ("50%",), "draws": 1, **SMALL}
    folder = tmp_path_factory.mktemp("parts") / "study"
    return folder, asked, kogen.pilot(TRAIN, pools=("20%", "50%"), out=folder, **asked)


def test_parts_are_judged_with_all_labels_and_stay_out_of_the_judgement(study: Any) -> None:
    folder, asked, told = study
    rows = pd.read_parquet(folder / "predictions.parquet")
    parts = rows[rows.pool.notna()]
    assert parts.groupby(["model", "pool"]).size().to_dict() == {("byol", "20%"): 60, ("byol", "50%"): 60}
    assert parts.budget.isna().all()
    assert set(told["order"]["reference"]) == {"byol", "supervised", "random"}
    assert {row["model"]: row["runs"] for row in told["costs"]} == {"byol": 2, "supervised": 2, "random": 2}
    assert [(row["pool"], row["images"], row["seeds"]) for row in told["pools"]["values"]] == [
        ("20%", 20, 2),
        ("50%", 40, 2),  # 30, and the rest of their lot
        ("", 60, 2),
    ]
    (gain,) = told["pools"]["gains"]
    assert (gain["model"], gain["less"], gain["more"]) == ("byol", "50%", "")
    right = rows[rows.budget.isna() & (rows.model == "byol")].groupby(rows.pool.fillna("")).correct.mean()
    assert gain["gain"] == pytest.approx(100 * (right[""] - right["50%"]))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Would more images without labels help?" in page
    assert kogen.audit(folder)["passed"]
    assert len(told["labels"]) == 2 * 2  # byol and random, with half and with all of the labels
    whole = kogen.pilot(TRAIN, out=folder.parent / "whole", **asked)
    assert {row["model"]: row["value"] for row in whole["values"]} == {r["model"]: r["value"] for r in told["values"]}
    assert whole["judgement"] == told["judgement"]
    assert whole["pools"] is None
    assert "Would more images without labels help?" not in (folder.parent / "whole" / "report.html").read_text("utf-8")


def test_parts_are_added_to_a_finished_study(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, asked, told = study
    grown = folder.parent / "grown"
    kogen.pilot(TRAIN, out=grown, **asked)
    first = {path.name for path in (grown / "runs").iterdir()}
    trained: list[str] = []
    train = training.train_run

    def record(plan: Any, *rest: Any, **more: Any) -> Any:
        if not (rest[1] / "summary.json").exists():
            trained.append(plan.title)
        return train(plan, *rest, **more)

    monkeypatch.setattr(training, "train_run", record)
    kogen.pilot(TRAIN, pools=("50.0%",), out=grown, **asked)
    assert kogen.estimate(TRAIN, pools=("20%", "50%"), out=grown, **asked).seconds_per_step.keys() == {"byol"}
    again = kogen.pilot(TRAIN, pools=("20%", "100%"), out=grown, **asked)
    assert trained == ["byol on 50%", "byol on 50%", "byol on 20%", "byol on 20%"]
    assert {path.name for path in (grown / "runs").iterdir()} == {path.name for path in (folder / "runs").iterdir()}
    assert first < {path.name for path in (grown / "runs").iterdir()}
    assert again["pools"] == told["pools"]
    assert again["judgement"] == told["judgement"]
    assert [one["added"]["pools"] for one in json.loads((grown / "asked.json").read_text())["extensions"]] == [
        ["50%"],
        ["20%"],
    ]
    assert kogen.audit(grown)["passed"]


def test_runs_on_parts_are_evaluated_beside_those_on_all_images_or_alone(study: Any, tmp_path: Path) -> None:
    folder, _, _ = study
    asked: dict[str, Any] = {"train": TRAIN, "tests": {"night": TEST.replace(":", ":night")}, "probes": ("knn",)}
    runs = sorted((folder / "runs").iterdir())
    both = kogen.evaluate(runs, out=tmp_path / "both", **asked)
    assert set(both["methods"]) == {"byol", "supervised", "random"}
    assert {row["pool"] for row in both["pools"]["values"]} == {"", "20%", "50%"}
    plans = {run: json.loads((run / "plan.json").read_text()) for run in runs}
    alone = [run for run, plan in plans.items() if plan.get("pool") == "20%" or plan["method"] == "random"]
    told = kogen.evaluate(alone, out=tmp_path / "alone", **asked)
    assert set(told["methods"]) == {"byol on 20%", "random"}  # with no run on all images it is a model of its own
    assert told["pools"] is None


def test_methods_that_go_on_from_weights_are_trained_on_parts_too(study: Any) -> None:
    folder, asked, _ = study
    plans = {run: json.loads((run / "plan.json").read_text()) for run in (folder / "runs").iterdir()}
    first = next(run for run, plan in plans.items() if plan["method"] == "byol" and "pool" not in plan)
    out = folder.parent / "continued"
    more = asked | {"methods": ("byol",), "seeds": 1, "init": str(first), "pools": ("50%",), "budgets": ()}
    found = kogen.pilot(TRAIN, out=out, **more)
    assert set(found["methods"]) == {"byol", "byol-continued", "original"}
    assert {(row["model"], row["less"]) for row in found["pools"]["gains"]} == {
        ("byol", "50%"),
        ("byol-continued", "50%"),
    }
    assert kogen.audit(out)["passed"]
