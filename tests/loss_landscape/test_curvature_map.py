"""The map of both ends of the spectrum: equal to dense Hessians, undisturbed by kills, and the share that is convex."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small import NARROW, blobs, plan_for
from torch import Tensor

from kogen.loss_landscape import curvature_map as room
from kogen.loss_landscape.curvature_map import eigenmap
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.grid import ShiftedParameters
from kogen.loss_landscape.hessian import FlatLoss
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.point_log import Sharing
from kogen.statistics import _near_convex
from kogen.training.batches import Batches
from kogen.training.build import build_method

COLUMNS = ["alpha", "beta", "lambda_min", "lambda_max", "residual_min", "residual_max", "ratio"]


def objective(method: str = "supervised", count: int = 8, **changes: Any) -> Objective:
    images = blobs(32)
    backbone = "vit_tiny_patch16_224?embed_dim=12&depth=1&num_heads=2" if method == "mae" else "tiny?width=2"
    plan = plan_for(images, method, backbone=backbone, settings=NARROW.get(method, {}))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build_method(plan)
    views = Batches(plan.model_copy(update={"batch_size": 2}), images, torch.device("cpu")).views
    return Objective(module, frozen_batches(images, views, count=count, batch=8), **changes)


def drawn(loss: Objective, folder: Path, steps: int = 3, **settings: Any) -> pd.DataFrame:
    return eigenmap(loss, random(loss.at).directions, steps, Sharing(folder, {"run": "one"}, **settings))


def dense(loss: Objective, params: dict[str, Tensor]) -> Tensor:
    """All eigenvalues of the whole Hessian, ascending, column by column."""
    flat = FlatLoss(loss.weighted_losses(), params)
    leaf = flat.origin.clone().requires_grad_()
    (slope,) = torch.autograd.grad(
        sum(share * flat.call(part, leaf) for share, part in flat.parts), leaf, create_graph=True
    )
    rows = [torch.autograd.grad(entry, leaf, retain_graph=True)[0] for entry in slope]
    return torch.linalg.eigvalsh(torch.stack(rows).double())


def test_the_map_holds_the_ends_of_dense_hessians(tmp_path: Path):
    loss = objective(count=16, moves=("classifier",))
    found = drawn(loss, tmp_path)
    assert list(found.columns) == COLUMNS
    assert found[["alpha", "beta"]].to_numpy().tolist() == [[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)]
    walk = ShiftedParameters(loss.at, random(loss.at).directions)
    for row in found.to_dict("records"):
        values = dense(loss, walk.shift_to((row["alpha"], row["beta"])))
        largest = values.abs().max().item()
        assert row["lambda_min"] == pytest.approx(values[0].item(), abs=1e-3 * largest)
        assert row["lambda_max"] == pytest.approx(values[-1].item(), abs=1e-3 * largest)
        assert row["ratio"] == abs(row["lambda_min"] / row["lambda_max"])


class Stop(Exception):
    pass


@pytest.mark.parametrize("where", ["before a point", "after the bookmark"])
def test_a_disturbed_map_is_the_undisturbed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str):
    """Stopped at every point in turn, before it is computed, or between the bookmark and the journal."""
    loss = objective("mae")
    calm = drawn(loss, tmp_path / "calm")
    computed: list[int] = []
    ends, put = room.extreme_eigenpairs, room.RowCheckpoint.save

    def counted(*given: Any) -> Any:
        if where == "before a point" and len(computed) % 2:
            computed.append(0)
            raise Stop
        computed.append(1)
        return ends(*given)

    def stopped(*given: Any) -> None:
        put(*given)
        if where == "after the bookmark":
            raise Stop

    monkeypatch.setattr(room, "extreme_eigenpairs", counted)
    monkeypatch.setattr(room.RowCheckpoint, "save", stopped)
    for _ in range(20):
        try:
            resumed = drawn(loss, tmp_path / "disturbed")
            break
        except Stop:
            continue
    assert sum(computed) == 9
    pd.testing.assert_frame_equal(calm, resumed)
    lines = (tmp_path / "disturbed" / "points-0.jsonl").read_text().splitlines()
    assert len({(p["alpha"], p["beta"]) for p in map(json.loads, lines)}) == len(lines) == 9
    assert not list((tmp_path / "disturbed").glob("*.safetensors"))


def test_threads_and_processes_give_the_same_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    loss = objective("mae")
    calm = drawn(loss, tmp_path / "calm")
    pd.testing.assert_frame_equal(calm, drawn(loss, tmp_path / "threads", workers=3))
    assert torch.backends.cuda.flash_sdp_enabled()  # no thread left the attention kernels other than they were
    monkeypatch.setattr(
        "kogen.loss_landscape.point_log.TAKEOVER_SECONDS", 0.0
    )  # the other process is not running: take its rows over
    for number in (1, 0):
        pd.testing.assert_frame_equal(calm, drawn(loss, tmp_path / "shared", process=(number, 2)))
    lost = tmp_path / "lost"  # a bookmark that is gone costs its row anew, and changes nothing
    lost.mkdir()
    for name in ("facts.json", "points-0.jsonl"):
        text = (tmp_path / "calm" / name).read_text()
        (lost / name).write_text(text if name == "facts.json" else "\n".join(text.splitlines()[:5]) + "\n")
    pd.testing.assert_frame_equal(calm, drawn(loss, lost))


def test_a_line_a_hole_and_a_folder_of_another_map(tmp_path: Path):
    loss = objective(moves=("classifier",))
    plane = random(loss.at)
    line = eigenmap(loss, plane.directions[:1], 3, Sharing(tmp_path / "line"))
    assert line[["alpha", "beta"]].to_numpy().tolist() == [[-1, 0], [0, 0], [1, 0]]
    far = {name: tensor * math.inf for name, tensor in plane.first.items()}
    holes = eigenmap(loss, (far, plane.second), 3, Sharing(tmp_path / "hole"))
    assert holes["lambda_max"].isna().to_list() == [True] * 9  # inf * 0 is no number either
    with pytest.raises(ValueError, match=r"points of another surface .*steps"):
        drawn(loss, tmp_path / "hole", steps=5)


def as_map(model: str, run: str, low: Any, steps: int = 5, high: Any = 1.0) -> pd.DataFrame:
    places = np.linspace(-1, 1, steps)
    alpha, beta = (place.ravel() for place in np.meshgrid(places, places, indexing="ij"))
    about = {"model": model, "run": run, "objective": "pretrain", "direction": "random", "plane": 0}
    return pd.DataFrame({"alpha": alpha, "beta": beta, "lambda_min": low, "lambda_max": high}).assign(**about)


def test_the_share_that_is_nearly_convex():
    places = np.repeat(np.linspace(-1, 1, 5), 5)  # alpha
    for low, wanted in {
        -0.05: 1.0,
        -0.5: 0.0,
        0.5: 1.0,  # above zero it is convex, however near the ends are
    }.items():
        geometry, _ = _near_convex.tables(as_map("a", "r", low))
        assert geometry["value"].to_list() == [wanted]
        assert geometry[["lo", "hi"]].isna().all(axis=None)  # one run speaks for itself alone
    slope, _ = _near_convex.tables(as_map("a", "r", -0.2 * np.abs(places)))
    assert slope["value"].to_list() == pytest.approx([0.5], abs=0.01)
    hole = np.where(places > 0.9, np.nan, -0.05)
    half, _ = _near_convex.tables(as_map("a", "r", hole))
    assert half["value"].to_list() == pytest.approx([0.75], abs=0.01)
    assert _near_convex.tables(as_map("a", "r", -0.05, high=-1.0))[0]["value"].to_list() == [0.0]
    with pytest.raises(ValueError, match=r"an eigenmap needs the columns .*missing: beta"):
        _near_convex.tables(as_map("a", "r", 0.0).drop(columns="beta"))


def test_several_runs_have_an_interval_and_models_a_difference():
    from scipy.special import expit, logit
    from scipy.stats import t, ttest_ind

    places = np.abs(np.repeat(np.linspace(-1, 1, 9), 9))
    steep = {"a": (0.11, 0.12, 0.13), "b": (0.3, 0.4, 0.5)}
    maps = [as_map(m, f"{m}{k}", -s * places, 9) for m, values in steep.items() for k, s in enumerate(values)]
    geometry, pairs = _near_convex.tables(pd.concat(maps))
    shares = {m: np.array([_near_convex.near_convex_share(one) for one in maps if one["model"][0] == m]) for m in steep}
    for row in geometry.to_dict("records"):
        values = shares[row["model"]]
        half = t.isf(0.025, 2) * values.std(ddof=1) / 3**0.5
        mean = values.mean()
        assert row["value"] == pytest.approx(mean)
        ends = [expit(logit(mean) + sign * half / (mean * (1 - mean))) for sign in (-1, 1)]  # a share stays one
        assert [row["lo"], row["hi"]] == pytest.approx(ends)
    welch = ttest_ind(shares["a"], shares["b"], equal_var=False).confidence_interval()
    assert pairs[["lo", "hi"]].to_numpy()[0].tolist() == pytest.approx([welch.low, welch.high])
    assert pairs[["first", "verdict"]].to_numpy()[0].tolist() == ["a", "larger"]
