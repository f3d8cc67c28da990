"""The prior: the order of methods, images by hand, labels from drawn curves, and what it refuses."""

import json
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from site_bundles import write_bundle

import kogen
from kogen.cli import main
from kogen.results.pooling.prior import needed_images, needed_labels, own_variances

MODELS = {"byol": 0.80, "simclr": 0.72, "random": 0.45}


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    how = {"seeds": 2, "luck": 0.01, "spread": 0.01, "budgets": {"10%": 0.15, "50%": 0.0}}
    bundles = [write_bundle(folder / f"s{i}.zip", MODELS, seed=i, n=400 + i, **how) for i in range(5)]
    kogen.pool(bundles, out=folder / "pool")
    return folder / "pool"


def test_the_first_to_try_is_the_best_and_the_untrained_network_is_no_candidate(pool: Path):
    found = kogen.prior(pool)
    ranking = found["ranking"]
    assert [row["model"] for row in ranking] == ["byol", "simclr"]
    assert ranking[0]["best"] > 0.95
    assert ranking[0]["behind"] == 0
    assert found["beats_untrained"] is True
    assert found["words"][0].startswith("Try byol first: at a site like those of the pool")
    assert json.loads((pool / "prior.json").read_text(encoding="utf-8"))["words"] == found["words"]
    assert list(found.to_pandas()["model"]) == ["byol", "simclr"]


def test_labels_follow_the_curves(pool: Path):
    found = kogen.prior(pool, margin=8)
    assert {row["labels"] for row in found["labels"]} == {500.0}  # a tenth costs 15 points, half of them nothing
    assert {row["model"] for row in found["labels"]} == {"byol"}
    assert sum("500 labels of 1," in words for words in found["words"]) == 5


def test_images_are_what_the_variances_say():
    effects = pd.DataFrame({"site": ["a", "a", "b"], "item_error": [2.0, 1.0, 3.0], "n": [100, 100, 50]})
    effects = effects.assign(seed_error=[0.2, 0.2, 2.0], seeds=[2, 2, 2])
    found = needed_images(effects, 2.0, 4)
    room = (2 / 2.8) ** 2 - 0.04 * 2 / 4
    assert found.possible == 1
    assert found.most is None
    assert needed_images(effects[:2], 2.0, 4).images == ceil(250 / room)
    assert needed_images(effects[:0], 2.0, 4).sites == 0


def test_the_images_that_are_said_tell_methods_apart_four_times_of_five():
    rng = np.random.default_rng(0)
    effects = pd.DataFrame({"site": ["a"], "item_error": [5.0], "n": [100], "seed_error": [0.6], "seeds": [2]})
    found = needed_images(effects, 2.0, 8)
    assert found.images is not None
    error = np.sqrt(25 * 100 / found.images + 0.36 * 2 / 8)
    told = rng.normal(2.0, error, 20_000) > 1.96 * error
    assert told.mean() == pytest.approx(0.8, abs=0.015)


def test_labels_that_fall_back_behind_the_margin_are_not_enough():
    rows = {"site": "a", "model": "m", "labels": [10.0, 20, 40, 80], "all_labels": 80.0, "loss": [0.5, 3.0, 0.8, 0.0]}
    losses = pd.DataFrame(rows)
    (row,) = needed_labels(losses, ["other", "m"], 1.0)
    assert (row.model, row.labels) == ("m", 40)
    (row,) = needed_labels(losses, ["m"], 0.5)
    assert row.labels is None
    assert needed_labels(losses, ["other"], 1.0) == []


def test_own_variances_are_those_that_differences_were_made_of():
    own = {"a": 1.0, "b": 2.0, "c": 4.0}
    rows = [("s", one, two, np.sqrt(own[one] + own[two])) for one, two in (("a", "b"), ("a", "c"), ("b", "c"))]
    effects = pd.DataFrame(rows, columns=["site", "first", "second", "error"])
    np.testing.assert_allclose(own_variances(effects, ["s"], ["a", "b", "c"]), [[1, 2, 4]])
    np.testing.assert_allclose(own_variances(effects[:1], ["s"], ["a", "b"]), [[1.5, 1.5]])


def test_small_pools_and_folders_without_one_are_refused(tmp_path: Path):
    bundles = [write_bundle(tmp_path / f"s{i}.zip", MODELS, seed=i, n=100 + i) for i in range(2)]
    kogen.pool(bundles, out=tmp_path / "pool")
    with pytest.raises(ValueError, match="has 2 sites, which say nothing of another one: pool 3 or more"):
        kogen.prior(tmp_path / "pool")
    with pytest.raises(ValueError, match=r"holds no pool \(no pool.json\)"):
        kogen.prior(tmp_path)


def test_sites_of_one_seed_say_nothing_of_training(tmp_path: Path):
    bundles = [write_bundle(tmp_path / f"s{i}.zip", MODELS, seed=i, n=300 + i) for i in range(4)]
    pooled = kogen.pool(bundles, out=tmp_path / "pool")
    assert any("one seed alone" in words for words in pooled["words"])
    found = kogen.prior(tmp_path / "pool", lang="ja")
    assert all(row["images"] is None and row["sites"] == 0 for row in found["images"])
    assert found["labels"] == []


def test_the_command_line_tells_it(pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--json", "prior", str(pool), "--seed-counts", "2", "--out", str(tmp_path / "p.json")])
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["event"] == "prior"
    assert [row["seeds"] for row in told["facts"]["images"]] == [2]
    with pytest.raises(ValueError, match="is there: choose another --out"):
        kogen.prior(pool, out=tmp_path / "p.json")
