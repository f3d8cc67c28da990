"""The verb landscape: the same images for all, nothing computed twice, processes that share, and wrong runs refused."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small import NARROW, blobs, plan_for

from kogen.common.launch import Launch
from kogen.common.records import record_id
from kogen.data.images import Images
from kogen.loss_landscape import cost_estimate, pipeline
from kogen.loss_landscape import runs as landscape_runs
from kogen.loss_landscape.curvature_metrics import curvature_metrics
from kogen.loss_landscape.directions._plane import Plane
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.pipeline import measure_landscape, own_plane
from kogen.loss_landscape.runs import LandscapeRun, checkpoint_files, find_runs, load_method, open_run, read_record
from kogen.loss_landscape.spectrum import block_curvature
from kogen.loss_landscape.tables import read_scores
from kogen.options.landscape import LandscapeOptions
from kogen.options.model import validate
from kogen.statistics._curvature_metrics import tables
from kogen.statistics._near_convex import tables as near_convex_tables
from kogen.statistics.flatness import flatness
from kogen.training.build import build_method
from kogen.training.checkpoint import load
from kogen.training.run import train_run

SMALL: dict[str, Any] = {"planes": 2, "images": 32, "few": 16, "batch_size": 16, "steps": 3, "levels": 2, "sharp": 0}
VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"


@pytest.fixture(scope="module")
def images() -> Images:
    return blobs(96)


@pytest.fixture(scope="module")
def runs(images: Images, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name, method, seed in (("one", "supervised", 0), ("two", "supervised", 1), ("mae", "mae", 0)):
        backbone = VIT if method == "mae" else "tiny?width=4"
        plan = plan_for(images, method, seed=seed, epochs=1, backbone=backbone, settings=NARROW.get(method, {}))
        made[name] = tmp_path_factory.mktemp(name)
        train_run(plan, images, made[name], on_step=lambda *_: None)
    return made


def quiet(_: str) -> None:
    pass


def asked_for(**changes: Any) -> LandscapeOptions:
    return validate(LandscapeOptions, {"data": "images of the test", **changes}, "landscape")


def opened(run: Path, images: Images, **changes: Any) -> LandscapeRun:
    """A run with 32 frozen images in batches of 16."""
    return open_run(run, images, asked_for(**{"images": 32, "batch_size": 16} | changes))


def draw(
    runs: list[Path],
    images: Images,
    /,
    tell: Callable[[str], None] = quiet,
    models: list[str] | None = None,
    **asked: Any,
) -> dict[str, Any]:
    """The landscape of `runs` on `images` with these options."""
    return measure_landscape(runs, images, asked_for(**asked), models=models, notify=tell)


def test_runs_become_tables_and_nothing_is_computed_twice(
    runs: dict[str, Path], images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    listed = [runs["one"], runs["two"], runs["mae"]]
    told = draw(listed, images, out=tmp_path, tell=said.append, **SMALL)
    assert "Estimate" in said[0]
    table = pd.read_parquet(tmp_path / "surface.parquet")
    assert table.groupby(["run", "plane", "images"]).size().unique().tolist() == [25, 9]
    assert set(table["images"]) == {16, 32}
    geometry = pd.read_parquet(tmp_path / "geometry.parquet")
    assert {("mae", "width"), ("supervised", "convex")} <= set(zip(geometry["model"], geometry["metric"], strict=True))
    assert len(told["runs"]) == 3
    assert set(table["parts"].map(len)) == {8}
    assert told["runs"][0]["excluded"]["bias or norm"] > 0
    centre = table[(table["alpha"] == 0) & (table["beta"] == 0) & (table["model"] == "mae")]
    assert centre.groupby("images")["loss"].nunique().tolist() == [1, 1]  # every plane goes through the same weights

    def refuse(*_: Any) -> torch.Tensor:
        raise AssertionError("a stored point was computed again")

    monkeypatch.setattr(pipeline, "estimate_landscape", lambda *_, **__: "")
    monkeypatch.setattr(Objective, "__call__", refuse)
    draw(listed, images, out=tmp_path, **SMALL)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "surface.parquet"), table)


def test_two_processes_make_the_table_that_one_makes(
    runs: dict[str, Path], images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The second process brings its share first; what the first then needs it finds, and computes the rest."""
    draw([runs["one"]], images, out=tmp_path / "alone", **SMALL)
    monkeypatch.setattr(
        "kogen.loss_landscape.point_log.TAKEOVER_SECONDS", 0.0
    )  # the other process is not running: take its points over
    place = [Launch("torchrun", rank=1, size=2)]
    monkeypatch.setattr(pipeline.distributed, "find_processes", lambda _: place[0])
    assert draw([runs["one"]], images, out=tmp_path / "both", **SMALL) == {}
    assert not (tmp_path / "both" / "surface.parquet").exists()
    place[0] = Launch("torchrun", rank=0, size=2)
    draw([runs["one"]], images, out=tmp_path / "both", **SMALL)
    one, two = (pd.read_parquet(tmp_path / name / "surface.parquet") for name in ("alone", "both"))
    pd.testing.assert_frame_equal(one, two)


def test_a_probe_has_its_own_loss_and_readings(runs: dict[str, Path], images: Images, tmp_path: Path):
    asked = SMALL | {"objective": "probe", "planes": 1, "levels": 1, "sharp": 32}
    draw([runs["one"]], images, out=tmp_path, **asked)
    geometry = pd.read_parquet(tmp_path / "geometry.parquet").set_index("metric")["value"]
    assert geometry["lambda_max"] > 0
    assert geometry["sam"] > 0
    ratio = abs(geometry["lambda_min"] / geometry["lambda_max"])
    assert geometry["lambda_ratio"] == pytest.approx(ratio, rel=1e-6)
    files = list((tmp_path / "landscape").glob("probe/*.readings.json"))
    assert len(files) == 1
    before = files[0].stat().st_mtime_ns
    draw([runs["one"]], images, out=tmp_path, **asked)
    assert files[0].stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="curvature metrics that differ in batch, images"):
        draw([runs["one"]], images, out=tmp_path, **asked | {"sharp": 16})


def test_a_map_of_the_curvature_is_drawn_once_for_each_run(
    runs: dict[str, Path], images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = SMALL | {"planes": 1, "levels": 1, "map_steps": 3, "sharp": 16, "workers": 1, "moves": ("classifier",)}
    said: list[str] = []
    listed = [runs["one"], runs["two"]]
    draw(listed, images, out=tmp_path, tell=said.append, **asked)
    assert "the curvature of 2 runs" in said[0]
    table = pd.read_parquet(tmp_path / "eigenmap.parquet")
    assert table.groupby(["run", "direction", "plane"]).size().to_list() == [9, 9]
    geometry = pd.read_parquet(tmp_path / "geometry.parquet").set_index("metric")
    (share,) = near_convex_tables(table)[0].to_dict("records")
    assert 0 <= share["lo"] <= share["value"] <= share["hi"] <= 1
    assert set(geometry["standing"]) == {"not_minimum"}  # after one epoch the loss still falls along its gradient
    assert geometry.loc[["near_convex", "width"], "value"].isna().all()
    read = json.loads(next((tmp_path / "landscape").glob("pretrain/*.readings.json")).read_text())
    wanted = {row["metric"]: np.mean(row["values"]) for row in read["rows"]}
    centre = table[(table["run"] == read["identity"]["run"]) & (table["alpha"] == 0) & (table["beta"] == 0)]
    assert centre["lambda_max"].to_list() == pytest.approx([wanted["lambda_max"]], rel=0.01)  # the same weights

    def refuse(*_: Any) -> None:
        raise AssertionError("a stored point was computed again")

    monkeypatch.setattr("kogen.loss_landscape.curvature_map.extreme_eigenpairs", refuse)
    draw(listed, images, out=tmp_path, **asked)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "eigenmap.parquet"), table)


def test_the_forecast_counts_what_the_curvature_takes(
    runs: dict[str, Path], images: Images, monkeypatch: pytest.MonkeyPatch
):
    """Its unit is a product with the Hessian: readings and points of a map take about as many as it says."""
    one = opened(runs["mae"], images)
    loss, count, product = one.make_objective(32), 0.0, Hessian.__call__

    def counted(hessian: Hessian, vector: torch.Tensor) -> torch.Tensor:
        nonlocal count
        count += len(hessian.kept) / len(loss)
        return product(hessian, vector)

    monkeypatch.setattr(Hessian, "__call__", counted)
    curvature_metrics(loss)
    assert cost_estimate.METRICS_PRODUCTS / 4 < count < cost_estimate.METRICS_PRODUCTS
    options = asked_for(steps=3, levels=1, workers=1)
    few = loss.take_first(16)
    said = [cost_estimate.estimate_landscape(few, loss, loss, options, 1, many, 1, 0.0) for many in (1, 1000)]
    minutes = [float(words.split()[1]) for words in said]
    assert minutes[1] > 100 * max(minutes[0], 0.01)
    assert "and the curvature of 1000 runs" in said[1]


def test_the_forecast_counts_parts_of_the_network_and_the_spectrum(
    runs: dict[str, Path], images: Images, monkeypatch: pytest.MonkeyPatch
):
    """In products of a minute each: 64 for a random vector of the spectrum, up to 76 for a part of the network."""
    loss = opened(runs["one"], images).make_objective(8)
    monkeypatch.setattr(cost_estimate, "measure_seconds", lambda _: 60.0 / len(loss))
    monkeypatch.setattr(cost_estimate, "point_seconds", lambda *_: 0.0)

    def minutes(**more: Any) -> float:
        options = asked_for(**{"steps": 3, "levels": 1, "workers": 1, "sharp": 0} | more)
        return float(cost_estimate.estimate_landscape(loss, loss, loss, options, 1, 2, 1, 0.0).split()[1])

    assert minutes() == 0
    assert minutes(density=3) == pytest.approx(2 * 3 * 64)
    many = {row["block"] for row in block_curvature(loss, "blocks", 0)}
    assert minutes(by="blocks") == pytest.approx(2 * len(many) * 76)


def test_a_landscape_whose_only_curvature_is_the_spectrum_says_how_long_it_takes(
    runs: dict[str, Path], images: Images, tmp_path: Path
):
    said: list[str] = []
    asked = SMALL | {"planes": 1, "levels": 1, "sharp": 0, "density": 1, "map_steps": 0}
    draw([runs["one"]], images, tell=said.append, out=tmp_path, **asked)
    assert "and the curvature of 1 runs" in said[0]


def test_the_forecast_has_the_opening_of_every_run_and_the_passes_of_a_plane(runs: dict[str, Path], images: Images):
    loss = opened(runs["one"], images, batch_size=8).make_objective(32)
    few, options = loss.take_first(16), asked_for(steps=5, levels=2, workers=2)
    said = [cost_estimate.estimate_landscape(few, loss, None, options, 2, 3, 4, seconds) for seconds in (0.0, 600.0)]
    minutes = [float(words.split()[1]) for words in said]
    assert minutes[1] - minutes[0] == pytest.approx(30, abs=0.3)  # every process opens all three
    passes = 16 * 9 * 9 + 32 * 3 * 3
    assert f"3 runs to open, 2 planes of about {passes:,} image passes each; points on disk" in said[0]


def test_the_fit_of_a_probe_is_part_of_the_opening(
    runs: dict[str, Path], images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told, fit = [], landscape_runs.fit_probe

    def slow_fit(*given: Any) -> Any:
        time.sleep(0.5)
        return fit(*given)

    monkeypatch.setattr(landscape_runs, "fit_probe", slow_fit)
    monkeypatch.setattr(pipeline, "estimate_landscape", lambda *given: told.append(given[-1]) or "")
    draw([runs["one"]], images, out=tmp_path, **SMALL | {"objective": "probe", "planes": 1, "levels": 1})
    assert 0.5 < told[0] < 30


def test_views_and_images_are_the_same_for_every_run(runs: dict[str, Path], images: Images):
    one, two = (opened(runs[name], images) for name in ("one", "two"))
    for mine, theirs in zip(one.batches, two.batches, strict=True):
        assert torch.equal(mine.crops[0], theirs.crops[0])
        assert torch.equal(mine.index, theirs.index)
    other = opened(runs["one"], images, seed=1)
    assert not torch.equal(one.batches[0].crops[0], other.batches[0].crops[0])


def test_a_trajectory_goes_through_the_checkpoints_that_were_kept(images: Images, tmp_path: Path):
    plan = plan_for(images, "supervised", epochs=2, backbone="tiny?width=4")
    train_run(plan, images, tmp_path / "run", on_step=lambda *_: None, keep=3)
    told = draw([tmp_path / "run"], images, out=tmp_path, **SMALL | {"directions": "trajectory"})
    facts = told["runs"][0]["planes"][0]
    assert facts["kind"] == "trajectory"
    assert len(facts["positions"]) == 3
    assert np.abs(facts["positions"]).max() == pytest.approx(1 / 1.1)
    table = pd.read_parquet(tmp_path / "surface.parquet").query("images == 32")
    one = opened(tmp_path / "run", images).make_objective(32)
    with torch.inference_mode():
        end = float(one(one.at).mean())
    middle = table.loc[np.isclose(table["alpha"], 0) & np.isclose(table["beta"], 0), "loss"]
    assert middle.to_list() == pytest.approx([end], rel=1e-5)


def test_the_way_between_two_runs_ends_at_the_second(runs: dict[str, Path], images: Images, tmp_path: Path):
    asked = SMALL | {"directions": "between", "batch_norm": "interpolated", "levels": 1, "few": 32, "steps": 9}
    draw([runs["one"], runs["two"]], images, out=tmp_path, **asked)
    table = pd.read_parquet(tmp_path / "surface.parquet")
    two = opened(runs["two"], images, batch_norm="interpolated").make_objective(32)
    with torch.inference_mode():
        wanted = float(two(two.at).mean())
    assert table.loc[np.isclose(table["alpha"], 1), "loss"].to_list() == pytest.approx([wanted], rel=1e-5)
    assert np.isclose(table["alpha"], 0).sum() == np.isfinite(table["loss"]).mean() == 1
    with pytest.raises(ValueError, match="of another architecture"):
        draw([runs["one"], runs["mae"]], images, out=tmp_path / "odd", **asked)


def test_what_does_not_fit_is_refused(runs: dict[str, Path], images: Images, tmp_path: Path):
    def refused(words: str, listed: list[Path] | None = None, **changes: Any) -> None:
        with pytest.raises(ValueError, match=words):
            draw(listed or [runs["one"]], images, out=tmp_path / "refused", **SMALL | changes)

    refused("holds no run", [tmp_path])
    refused("got the run .* twice", [runs["one"], runs["one"]])
    refused("unknown objective 'prob'.*probe", objective="prob")
    refused("unknown directions 'randm'.*random", directions="randm")
    refused("unknown normalise 'filtre': did you mean 'filter'", normalise="filtre")
    refused("unknown batch_norm 'frosen': did you mean 'frozen'", batch_norm="frosen")
    refused("planes = 0: wanted 1 or more", planes=0)
    refused("got map_steps=1: give 2 or more", map_steps=1)
    refused("got steps=4: give an odd number", steps=4)
    refused("levels = 0: wanted 1 or more", levels=0)
    refused("batch_size = 0: wanted 1 or more", batch_size=0)
    refused("sharp = -1: wanted 0 or more", sharp=-1)
    refused("workers = 0: wanted 1 or more", workers=0)
    refused("few=64 of 32", few=64)
    refused("trajectory needs two or more", directions="trajectory")
    refused("fewer than a batch", batch_size=512, few=None, images=2048)
    refused("leaves 0 to fit the probe to", objective="probe", images=96)


def test_a_study_stands_for_its_finished_runs_with_a_loss(runs: dict[str, Path], images: Images, tmp_path: Path):
    study = tmp_path / "study"
    for name, run in runs.items():
        shutil.copytree(run, study / "runs" / name)
    train_run(plan_for(images, "random", epochs=0, backbone="tiny?width=4"), images, study / "runs" / "random")
    (study / "runs" / "two" / "weights.safetensors").unlink()
    said: list[str] = []
    found = find_runs([study], "pretrain", said.append)
    assert [run.name for run in found] == ["mae", "one"]
    assert said == [
        f"left out: runs of {study} that are not finished (1)",
        "left out: runs without a loss of their own (1: random); --objective probe has them too",
    ]
    assert [run.name for run in find_runs([study], "probe", said.append)] == ["mae", "one", "random"]
    with pytest.raises(ValueError, match="holds no run"):
        find_runs([tmp_path / "nowhere"], "pretrain", said.append)
    with pytest.raises(ValueError, match="got no runs: give the folder of one finished run or more"):
        find_runs([], "pretrain", said.append)


@pytest.mark.parametrize(("count", "parts"), [(16, 1), (80, 5), (96, 6)])
def test_parts_of_the_images_are_kept_whatever_their_number(
    runs: dict[str, Path], images: Images, tmp_path: Path, count: int, parts: int
):
    asked = SMALL | {"planes": 1, "levels": 1, "images": count, "few": count, "batch_size": 16, "batch_norm": "batch"}
    draw([runs["one"]], images, out=tmp_path, **asked)
    table = pd.read_parquet(tmp_path / "surface.parquet")
    assert set(table["parts"].map(len)) == {parts}
    draw([runs["mae"]], images, out=tmp_path, **asked | {"images": 80, "few": 48, "batch_norm": "frozen"})
    table = pd.read_parquet(tmp_path / "surface.parquet").query("model == 'mae'")
    assert set(table["parts"].map(len)) == {8}  # 48 images and 80, an eighth of neither a whole batch
    assert table["parts"].map(np.mean).to_numpy() == pytest.approx(table["loss"].to_numpy())


def test_a_term_of_the_loss_is_an_objective_of_its_own(runs: dict[str, Path], images: Images, tmp_path: Path):
    asked = SMALL | {"planes": 1, "levels": 1, "few": 32}
    told = draw([runs["mae"]], images, out=tmp_path, **asked)
    told = draw([runs["mae"]], images, out=tmp_path, terms=("pixels",), **asked)
    assert [run["objective"] for run in told["runs"]] == ["pretrain", "pretrain-pixels"]
    both = pd.read_parquet(tmp_path / "surface.parquet").groupby("objective")["loss"].apply(list)
    assert both["pretrain"] == both["pretrain-pixels"]  # MAE has no other
    with pytest.raises(ValueError, match="no term 'teacher', its terms are pixels"):
        draw([runs["mae"]], images, out=tmp_path, terms=("teacher",), **asked)


def test_a_checkpoint_on_the_way_is_a_subject_of_its_own(images: Images, tmp_path: Path):
    plan = plan_for(images, "supervised", epochs=1, backbone="tiny?width=4")
    run = tmp_path / "run"
    train_run(plan, images, run, on_step=lambda *_: None, keep=3)
    steps = [int(file.stem) for file in checkpoint_files(run)]
    asked = SMALL | {"planes": 1, "levels": 1, "few": 32}
    draw([run, Path(f"{run}@{steps[0]}"), Path(f"{run}@{steps[1]}")], images, out=tmp_path / "drawn", **asked)
    table = pd.read_parquet(tmp_path / "drawn" / "surface.parquet")
    assert set(table["model"]) == {"supervised", f"supervised@{steps[0]}", f"supervised@{steps[1]}"}
    assert table["run"].nunique() == 3
    centre = table[(table["alpha"] == 0) & (table["beta"] == 0)].set_index("model")["loss"]
    assert centre["supervised"] < centre[f"supervised@{steps[0]}"]  # it has learnt
    module = build_method(plan)
    load(run / "checkpoint" / f"{steps[1]:09d}.safetensors", plan.fingerprint, module)
    for objective in ("pretrain", "probe"):
        one = opened(Path(f"{run}@{steps[1]}"), images, objective=objective)
        for name, tensor in module.backbone.state_dict().items():
            assert torch.equal(one.module.backbone.state_dict()[name], tensor)
    told = draw([Path(f"{run}@{steps[2]}")], images, out=tmp_path / "way", **asked | {"directions": "trajectory"})
    assert len(told["runs"][0]["planes"][0]["positions"]) == 2  # those before it
    with pytest.raises(ValueError, match="keeps 1 checkpoints before its weights: a trajectory needs two or more"):
        draw([Path(f"{run}@{steps[1]}")], images, out=tmp_path / "no", **asked | {"directions": "trajectory"})
    with pytest.raises(ValueError, match=r"holds no run.*or RUN@STEP with the number of a step"):
        find_runs([Path(f"{run}@end")], "pretrain", quiet)
    listed = ", ".join(map(str, steps))
    with pytest.raises(ValueError, match=f"keeps no checkpoint of step 77; of these: {listed}; give one of them"):
        find_runs([Path(f"{run}@77")], "pretrain", quiet)
    with pytest.raises(ValueError, match=r"got the run .* twice"):
        draw([Path(f"{run}@{steps[0]}")] * 2, images, out=tmp_path / "twice", **asked)


def test_runs_without_a_loss_or_with_other_weights_are_refused(runs: dict[str, Path], images: Images, tmp_path: Path):
    plain = plan_for(images, "random", epochs=0, backbone="tiny?width=4")
    train_run(plain, images, tmp_path / "random", on_step=lambda *_: None)
    with pytest.raises(ValueError, match=r"has no loss of its own.*--objective probe"):
        opened(tmp_path / "random", images)
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("plan.json", "weights.safetensors"):
        (bare / name).write_bytes((runs["one"] / name).read_bytes())
    with pytest.raises(ValueError, match="has no checkpoint"):
        opened(bare, images)
    record = json.loads((bare / "plan.json").read_text()) | {"backbone": "tiny?width=8"}
    found = record_id({name: value for name, value in record.items() if name not in ("id", "model")})
    (bare / "plan.json").write_text(json.dumps(record | {"id": found}))
    (bare / "checkpoint").mkdir()
    state = (runs["one"] / "checkpoint" / "state.safetensors").read_bytes()
    (bare / "checkpoint" / "state.safetensors").write_bytes(state)
    with pytest.raises(ValueError, match="does not fit the network of its plan"):
        opened(bare, images)
    (bare / "weights.safetensors").unlink()
    with pytest.raises(ValueError, match="not finished"):
        opened(bare, images)


def test_the_whole_method_comes_back(runs: dict[str, Path], images: Images):
    one = opened(runs["mae"], images)
    again = load_method(runs["mae"], read_record(runs["mae"])[1])
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, one.module.state_dict()[name])


def readings_of(values: dict[str, list[list[float]]]) -> pd.DataFrame:
    rows = [
        {"run": f"{model}{k}", "model": model, "objective": "pretrain", "metric": "trace", "values": one, "error": 0.0}
        for model, runs in values.items()
        for k, one in enumerate(runs)
    ]
    return pd.DataFrame(rows).assign(images=64)


def test_readings_of_models_on_the_same_images_are_paired():
    luck = np.array([-3.0, -1.0, 1.0, 3.0])
    geometry, pairs = tables(readings_of({"a": [list(10 + luck)], "b": [list(9 + luck + [0.1, 0, -0.1, 0])]}))
    assert geometry["value"].to_list() == pytest.approx([10, 9])
    assert (geometry["hi"] - geometry["lo"] > 5).all()
    assert pairs["verdict"].to_list() == ["larger"]  # what the images do, they do to both
    assert pairs["difference"].to_list() == pytest.approx([1.0])
    wide, pairs = tables(readings_of({"a": [list(10 + luck), list(16 + luck)], "b": [list(9 + luck)]}))
    assert wide["hi"][0] - wide["lo"][0] > 12  # seeds that differ
    assert pairs["verdict"].to_list() == ["undecided"]
    alone, _ = tables(readings_of({"a": [[10.0]]}))
    assert alone[["lo", "hi"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="different numbers of images"):
        tables(readings_of({"a": [[1.0, 2.0], [1.0]]}))


@pytest.mark.parametrize("n", [4, 5, 8, 13])
def test_rank_correlations_are_scipys_and_few_models_say_nothing(n: int):
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(n)
    models = [f"m{k}" for k in range(n)]
    one, other = rng.standard_normal(n), rng.standard_normal(n)
    geometry = pd.DataFrame({"model": models, "objective": "pretrain", "metric": "width", "value": one})
    scores = pd.DataFrame({"model": models, "score": "accuracy: night", "value": other})
    found = flatness(geometry, scores).iloc[0]
    if n < 5:
        assert found["verdict"] == "too few"
        assert np.isnan(found["tau"])
        return
    assert found["spearman"] == pytest.approx(spearmanr(one, other)[0])
    assert found["tau"] == pytest.approx(kendalltau(one, other)[0])
    assert found["tau_lo"] <= found["tau"] <= found["tau_hi"]
    same = flatness(geometry, scores.assign(value=one)).iloc[0]
    assert same["tau"] == pytest.approx(1)
    assert same["tau_lo"] < 1
    assert same["verdict"] == ("undecided" if n == 5 else "together")


def test_scores_are_those_of_the_folder(tmp_path: Path):
    assert read_scores(tmp_path).empty
    pd.DataFrame({"model": ["a"], "dataset": ["night"], "value": [80.0]}).to_parquet(tmp_path / "values.parquet")
    pd.DataFrame({"model": ["a"], "target": ["night"], "effective": [-2.0]}).to_parquet(tmp_path / "robustness.parquet")
    assert read_scores(tmp_path)["score"].to_list() == ["accuracy: night", "robustness: night"]


def test_a_coupled_loss_takes_few_images_and_says_so(images: Images, tmp_path: Path):
    """Ten images in batches of 8 on the finest grid, where there were 64; the loss of all images is what it was."""
    plan = plan_for(images, "simclr", epochs=1, backbone="tiny?width=4", settings=NARROW.get("simclr", {}))
    train_run(plan, images, tmp_path / "run", on_step=lambda *_: None)
    asked = {"planes": 1, "images": 64, "batch_size": 8, "steps": 3, "levels": 2, "sharp": 0}
    said: list[str] = []
    told = draw([tmp_path / "run"], images, tell=said.append, out=tmp_path, **asked)
    assert "about 506 image passes each" in said[0]  # 10 at 25 points, 64 at 4
    (run,) = told["runs"]
    assert (run["unit"], run["images"], run["grid"]["unit"], run["grid"]["few"]) == ("batch", 64, "group", 10)
    table = pd.read_parquet(tmp_path / "surface.parquet")
    assert set(table["parts"].map(len)) == {8}
    assert set(table.loc[table["images"] == 10, "units"]) == {8}
    one = open_run(tmp_path / "run", images, asked_for(images=64, batch_size=8))
    with torch.inference_mode():
        wanted = np.mean([sum(term.item() for term in one.module.eval()(views).values()) for views in one.batches])
    here = table[(table["alpha"] == 0) & (table["beta"] == 0)].set_index("images")
    assert here.loc[64, "loss"] == pytest.approx(wanted, rel=1e-5)
    assert abs(here.loc[10, "loss"] - wanted) < 5 * here.loc[10, "loss_se"]
    old = draw([tmp_path / "run"], images, out=tmp_path / "batch", **asked | {"batch_norm": "batch"})
    assert (old["runs"][0]["unit"], old["runs"][0]["grid"]["unit"], old["runs"][0]["grid"]["few"]) == (
        "batch",
        "batch",
        64,
    )


def test_few_batches_are_cut_for_the_readings_where_images_are_apart(runs: dict[str, Path], images: Images):
    for name in ("one", "mae"):
        one = opened(runs[name], images, batch_size=32)
        whole, finer = one.make_objective(32), one.make_objective(32, 4)
        assert (len(whole), len(finer)) == (1, 4)
        with torch.inference_mode():  # masks and all other chance are an image's own
            torch.testing.assert_close(finer(finer.at), whole(whole.at), rtol=1e-5, atol=1e-6)
    coupled = opened(runs["one"], images, batch_size=32, batch_norm="batch")
    assert len(coupled.make_objective(32, 4)) == 1


def test_the_losses_of_the_training_are_kept_up_to_the_weights(runs: dict[str, Path], images: Images):
    table = pd.read_parquet(runs["mae"] / "training.parquet")
    wanted = table[table["term"] == "loss"]
    found = opened(runs["mae"], images).about["training"].losses
    assert found == [[epoch, value] for epoch, value in zip(wanted["epoch"], wanted["value"], strict=True)]
    assert found


AT = {"w": torch.ones(3)}


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (3, "the directions 'mine' returned a int: wanted a kogen.extend.Plane"),
        (Plane(AT, {"w": torch.ones(2)}), "a direction of 'mine' does not fit in 1 of 1 tensors"),
        (Plane(AT, {"w": torch.tensor([1, float("nan"), 0])}), "a direction of 'mine' is NaN or infinite in 'w'"),
        (Plane(AT, AT, {"colour": "red"}), "the plane of 'mine' has the fact 'colour': its facts are kind, seed"),
    ],
)
def test_a_plane_of_ones_own_that_cannot_be_drawn_is_a_sentence(made: Any, match: str):
    options: Any = SimpleNamespace(directions="mine", seed=0)
    loss: Any = SimpleNamespace(at=AT)
    with pytest.raises(ValueError, match=match):
        own_plane(options, lambda at, plane, seed: made, loss, 0)
