"""Landscapes: a surface by definition, pure, resumable; grids, splines with holes, and numbers of known shapes."""

import copy
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import NARROW, blobs, plan_for
from torch import Tensor, nn

from kogen.common.tables import SCHEMAS, read_table, write_table
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.grid import Params, surface
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.point_log import PointLog, Sharing
from kogen.surface_fit.interpolation import Spline2D, axis, fit_grid
from kogen.surface_fit.metrics import surface_metrics
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.checkpoint import load
from kogen.training.loop import pretrain

VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"
METHODS = {"supervised": "tiny?width=4", "byol": "tiny?width=4", "mae": VIT}


def objective(method: str, count: int = 32, batch: int = 16, **changes: Any) -> tuple[nn.Module, Objective]:
    """A method and its own loss on a few frozen batches."""
    images = blobs(48)
    plan = plan_for(images, method, backbone=METHODS[method], settings=NARROW.get(method, {}))
    module = build_method(plan)
    views = Batches(plan, images, torch.device("cpu")).views
    return module, Objective(module, frozen_batches(images, views, count=count, batch=batch), **changes)


# The surface is what it says.


@pytest.mark.parametrize("method", METHODS)
def test_a_surface_is_the_loss_at_the_moved_weights(method):
    """The slow twin of Li et al.: write every weight, run the module as it is, average."""
    module, loss = objective(method)
    plane = random(loss.at, seed=3)
    found = surface(loss, loss.at, plane.directions, 3, levels=1)
    twin = copy.deepcopy(module).eval()
    for alpha, beta, value in found[["alpha", "beta", "loss"]].to_numpy():
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                if name in plane.first:
                    parameter.copy_(loss.at[name] + float(alpha) * plane.first[name] + float(beta) * plane.second[name])
            batches = [sum(term.item() for term in twin(views).values()) for views in loss.batches]
        assert value == pytest.approx(np.mean(batches), rel=1e-5)
    assert found["loss"].nunique() == 9


def test_without_a_direction_it_is_constant():
    _, loss = objective("supervised")
    nothing = {name: torch.zeros_like(tensor) for name, tensor in loss.at.items()}
    found = surface(loss, loss.at, (nothing, nothing), 3)
    assert found["loss"].nunique() == 1
    assert surface_metrics(fit_grid(found).spline) == {"range": 0, "width": 1, "basin": 1, "convex": 1}


def test_rescaling_a_relu_network_changes_nothing():
    """Li et al., section 4: w and c w, v / c and v compute the same, and filter-normalised directions follow."""
    generator = torch.Generator().manual_seed(0)
    images, wanted = torch.randn(64, 6, generator=generator), torch.randn(64, 2, generator=generator)
    at = {"first": torch.randn(8, 6, generator=generator), "second": torch.randn(2, 8, generator=generator)}

    def loss(params: Params) -> Tensor:
        return ((images @ params["first"].T).relu() @ params["second"].T - wanted).square().mean(1)

    surfaces = []
    for scale in (1.0, 7.0, 0.03):
        there = {"first": at["first"] * scale, "second": at["second"] / scale}
        surfaces.append(surface(loss, there, random(there).directions, 5, levels=1)["loss"].to_numpy())
    assert surfaces[0].std() > 0.1
    assert surfaces[1] == pytest.approx(surfaces[0], rel=1e-5)
    assert surfaces[2] == pytest.approx(surfaces[0], rel=1e-5)


def test_nothing_is_left_behind():
    module, loss = objective("byol")
    module.train()
    directions = random(loss.at).directions
    before, luck = copy.deepcopy([module, loss.at, directions, loss.each]), torch.get_rng_state()
    threads = torch.get_num_threads()
    surface(loss, loss.at, directions, 3, levels=1, sharing=Sharing(workers=2))
    assert torch.equal(torch.get_rng_state(), luck)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == threads
    assert [m.training for m in module.modules()] == [m.training for m in before[0].modules()]
    for now, then in ((module, before[0]), (loss.each, before[3])):
        for one, other in zip([*now.parameters(), *now.buffers()], [*then.parameters(), *then.buffers()], strict=True):
            assert torch.equal(one, other)
            assert one.requires_grad == other.requires_grad
            assert one.grad is None
    for now, then in zip([loss.at, *directions], [before[1], *before[2]], strict=True):
        assert all(torch.equal(now[name], then[name]) for name in then)


def test_layouts_of_memory_are_kept():
    _, loss = objective("supervised")
    at = {name: value for name, value in loss.at.items() if value.ndim == 4}
    assert any(not value.is_contiguous() for value in at.values())
    strides = []

    def look(params: Params) -> Tensor:
        strides.append({name: value.stride() for name, value in params.items()})
        return torch.zeros(2)

    surface(look, at, random(at).directions, 3, levels=1)
    assert strides[0] == {name: value.stride() for name, value in at.items()}


def bowl(params: Params) -> Tensor:
    """Two units whose mean is x^2 + 2 y^2, less 1: negative in the middle."""
    x, y = params["x"][0, 0], params["y"][0, 0]
    return torch.stack([2 * x * x - 1, 4 * y * y - 1])


AT = {"x": torch.zeros(1, 1), "y": torch.zeros(1, 1)}
CROSS = ({"x": torch.ones(1, 1)}, {"y": torch.ones(1, 1)})


def test_a_row_says_all_of_its_point():
    found = surface(bowl, AT, CROSS, (5, 3), levels=1, span=((-2.0, 2.0), (0.0, 1.0)))
    assert sorted(set(found["alpha"])) == [-2, -1, 0, 1, 2]
    assert sorted(set(found["beta"])) == [0, 0.5, 1]
    row = found[(found["alpha"] == 1) & (found["beta"] == 0.5)].iloc[0]
    assert row["loss"] == pytest.approx(1 + 2 * 0.25 - 1)
    assert row["loss_se"] == pytest.approx(np.std([1, 0], ddof=1) / 2**0.5)
    assert (row["units"], row["parts"]) == (2, [1, 0])


def test_one_direction_gives_a_profile():
    found = surface(bowl, AT, CROSS[:1], 5)
    assert set(found["beta"]) == {0}
    assert len(found) == 9  # a parabola is not refined
    sheet = fit_grid(found).spline
    assert sheet(np.array([0.3]), np.array([0.0])) == pytest.approx([0.3**2 - 1])
    assert surface_metrics(sheet)["width"] == pytest.approx(0.1**0.5, abs=1e-3)


def test_what_is_not_finite_is_null_on_disk_and_around_it_nothing_is_told(tmp_path):
    def loss(params: Params) -> Tensor:
        return bowl(params) + torch.where(params["x"] > 0.6, torch.inf, 0.0).squeeze() * torch.tensor([1.0, -1.0])

    found = surface(loss, AT, CROSS, 5, levels=2, sharing=Sharing(tmp_path / "points"))
    assert found["loss"].isna().sum() == (found["alpha"] > 0.6).sum() > 0
    again = surface(
        lambda params: pytest.fail("computed again"), AT, CROSS, 5, levels=2, sharing=Sharing(tmp_path / "points")
    )
    pd.testing.assert_frame_equal(found, again)
    about = {"run": "r", "model": "m", "objective": "own", "direction": "random", "plane": 0, "images": 2}
    write_table(tmp_path / "surface.parquet", found.assign(**about), "surface")
    back = read_table(tmp_path / "surface.parquet")
    assert list(back) == SCHEMAS["surface"].names
    sheet = fit_grid(back).spline
    assert sheet(np.array([0.4, 0.55, 0.9]), np.zeros(3)) == pytest.approx(
        [0.16 - 1, np.nan, np.nan], nan_ok=True, abs=0.03
    )
    assert 0 < surface_metrics(sheet)["basin"] < 0.5


@pytest.mark.parametrize(
    ("directions", "words"),
    [
        (({"z": torch.ones(1, 1)},), "moves 'z', which is no parameter here: choose one of x, y"),
        (({"x": torch.ones(2, 1)},), r"\(2, 1\)"),
        (({"x": torch.ones(1)},), "a direction"),  # it would be broadcast
        ((), "got 0 directions with 0 tensors: give one or two"),
    ],
)
def test_directions_that_do_not_fit_are_refused(directions: tuple[Params, ...], words: str):
    with pytest.raises(ValueError, match=words):
        surface(bowl, AT, directions)


def test_grids_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="got steps=2, levels=1: give an odd number of steps, 3 or more"):
        surface(bowl, AT, CROSS, 2, levels=1)
    with pytest.raises(ValueError, match="several processes share points through a folder"):
        surface(bowl, AT, CROSS, sharing=Sharing(process=(0, 2)))


def test_a_function_is_not_shared_by_threads_and_a_scalar_is_no_loss_of_units():
    at, directions = {"w": torch.ones(3, 3)}, [{"w": torch.eye(3)}]
    with pytest.raises(ValueError, match="got workers=2 and a loss that cannot be copied"):
        surface(lambda params: params["w"].sum(1), at, directions, 3, levels=1, sharing=Sharing(workers=2))
    with pytest.raises(ValueError, match=r"the loss gave shape \(\), wanted the losses of its units"):
        surface(lambda params: params["w"].sum(), at, directions, 3, levels=1)
    assert len(surface(lambda params: params["w"].sum(1), at, directions, 3, levels=1)) == 3


def test_parameters_of_several_kinds_are_refused():
    with pytest.raises(ValueError, match=r"parameters of several kinds .torch.float32 on cpu, torch.float64 on cpu"):
        surface(bowl, AT | {"y": torch.zeros(1, 1).double()}, CROSS)


# Kept, resumed, shared.


def test_threads_give_the_same_bits():
    _, loss = objective("supervised")
    directions = random(loss.at).directions
    one, two = (surface(loss, loss.at, directions, 3, levels=2, sharing=Sharing(workers=workers)) for workers in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_stored_point_is_never_computed_again(tmp_path):
    asked: list[int] = []

    def loss(params: Params) -> Tensor:
        asked.append(1)
        if len(asked) == 30:
            raise KeyboardInterrupt
        return bowl(params)

    with pytest.raises(KeyboardInterrupt):
        surface(loss, AT, CROSS, 5, levels=2, sharing=Sharing(tmp_path))
    found = surface(loss, AT, CROSS, 5, levels=2, sharing=Sharing(tmp_path))
    assert len(asked) == 81 + 1  # the one under way is computed twice
    pd.testing.assert_frame_equal(found, surface(bowl, AT, CROSS, 5, levels=2), check_exact=True)


def test_points_of_another_surface_are_refused(tmp_path):
    surface(bowl, AT, CROSS, 3, levels=1, sharing=Sharing(tmp_path, {"run": "a", "seed": 1}))
    with pytest.raises(ValueError, match=r"holds points of another surface \(it differs in seed\): choose"):
        surface(bowl, AT, CROSS, 3, levels=1, sharing=Sharing(tmp_path, {"run": "a", "seed": 2}))


def test_half_a_line_is_not_read_and_not_kept(tmp_path):
    surface(bowl, AT, CROSS, 3, levels=1, sharing=Sharing(tmp_path))
    path = tmp_path / "points-0.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert len(PointLog(Sharing(tmp_path)).known) == 8
    assert path.read_bytes() == whole[: whole[:-1].rindex(b"\n") + 1]
    surface(bowl, AT, CROSS, 3, levels=1, sharing=Sharing(tmp_path))
    assert path.read_bytes() == whole


def slow(params: Params) -> Tensor:
    time.sleep(0.004)
    return bowl(params)


def work(folder: str, share: tuple[int, int] = (0, 1)) -> None:
    torch.set_num_threads(1)
    surface(slow, AT, CROSS, 9, levels=2, sharing=Sharing(Path(folder), process=share))


def start(*args: Any):
    """`work` in a process of its own, forked: importing everything anew would take longer than the work."""
    process = multiprocessing.get_context("fork").Process(target=work, args=args)
    process.start()
    return process


def test_killed_at_any_instant_it_goes_on(tmp_path):
    began = time.perf_counter()
    start(str(tmp_path / "calm")).join()
    whole = time.perf_counter() - began
    rng, kills, known, folder = np.random.default_rng(0), 0, 0, tmp_path / "killed"
    path = folder / "points-0.jsonl"
    while True:
        process = start(str(folder))
        process.join(rng.uniform(0.1, 0.6) * whole if kills < 10 else None)
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.join()
        lines = path.read_bytes().count(b"\n") if path.exists() else 0
        assert lines >= known
        known = lines
        if process.exitcode == 0:
            break
    assert kills >= 2
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(records) == len({(r["alpha"], r["beta"]) for r in records}) == 289  # none computed twice
    found = surface(bowl, AT, CROSS, 9, levels=2, sharing=Sharing(folder))
    pd.testing.assert_frame_equal(found, surface(bowl, AT, CROSS, 9, levels=2), check_exact=True)


def test_two_processes_give_what_one_gives(tmp_path):
    both = [start(str(tmp_path), (number, 2)) for number in range(2)]
    for process in both:
        process.join()
        assert process.exitcode == 0
    found = surface(bowl, AT, CROSS, 9, levels=2, sharing=Sharing(tmp_path))
    pd.testing.assert_frame_equal(found, surface(bowl, AT, CROSS, 9, levels=2), check_exact=True)
    counts = [path.read_bytes().count(b"\n") for path in sorted(tmp_path.glob("points-*.jsonl"))]
    assert len(counts) == 2
    assert min(counts) > 100


def test_points_that_nobody_brings_are_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr("kogen.loss_landscape.point_log.TAKEOVER_SECONDS", 0.05)
    found = surface(bowl, AT, CROSS, 3, levels=1, sharing=Sharing(tmp_path, process=(1, 2)))
    pd.testing.assert_frame_equal(found, surface(bowl, AT, CROSS, 3, levels=1))


# Grids and splines.


def table(function, counts: tuple[int, int] = (9, 9), levels: int = 1, **more: Any) -> pd.DataFrame:
    """A surface of a function of alpha and beta."""

    def loss(params: Params) -> Tensor:
        x, y = (params[name].double().item() for name in ("x", "y"))
        return torch.tensor([function(x, y)], dtype=torch.float64)

    at = {name: torch.zeros(1, 1, dtype=torch.float64) for name in ("x", "y")}
    axes = tuple({name: torch.ones(1, 1, dtype=torch.float64)} for name in ("x", "y"))
    return surface(loss, at, axes, counts, levels=levels, **more)


@settings(max_examples=20)
@given(st.lists(st.floats(-2, 2), min_size=16, max_size=16), st.integers(2, 4), st.integers(2, 4))
def test_a_cubic_is_its_own_spline(coefficients, across, up):
    c = np.array(coefficients).reshape(4, 4)
    cubic = lambda x, y: float(np.polynomial.polynomial.polyval2d(x, y, c))  # noqa: E731
    found = fit_grid(table(cubic, (2 * across + 1, 2 * up + 1), span=((-1.0, 2.0), (0.0, 1.0))))
    x, y = np.random.default_rng(0).uniform([-1, 0], [2, 1], (50, 2)).T
    if min(across, up) > 1:
        assert found.spline(x, y) == pytest.approx([cubic(a, b) for a, b in zip(x, y, strict=True)], abs=1e-8)
    points = table(cubic, (5, 5), levels=2)
    assert fit_grid(points).error == pytest.approx(0, abs=1e-9)


@settings(max_examples=10)
@given(st.integers(0, 100))
def test_the_order_of_rows_does_not_matter(seed):
    points = table(lambda x, y: float(np.sin(3 * x) * np.cos(2 * y)), (5, 5), levels=2)
    one, other = fit_grid(points), fit_grid(points.sample(frac=1, random_state=seed))
    assert np.array_equal(one.spline.values, other.spline.values)
    assert one.error == other.error


def test_it_refines_where_the_surface_is_rough():
    def bump(x: float, y: float) -> float:
        return float(np.exp(-(((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.02)) + x * x)

    points = table(bump, levels=3)
    fine = points[points["level"] == 2]
    assert 0 < len(fine) < 400  # of 800
    assert (fine["alpha"].min(), fine["beta"].min()) > (-0.3, -0.3)
    places = axis(51, (-1, 1))
    truth = np.array([[bump(x, y) for y in places] for x in places])
    coarse, found = (fit_grid(part) for part in (points[points["level"] < 2], points))
    off = [np.abs(one.spline.on_grid(places, places) - truth).max() for one in (coarse, found)]
    assert off[1] < 0.3 * off[0]
    assert off[1] <= 3 * found.error
    assert len(table(lambda x, y: x * y, levels=3)) == 289  # nothing to refine


def test_an_unfinished_grid_is_refused():
    points = table(lambda x, y: x + y)
    with pytest.raises(ValueError, match="80 points of level 0 do not fill a grid of 9 x 9: the surface"):
        fit_grid(points[1:])


def test_a_surface_without_a_number_has_no_shape():
    found = surface_metrics(fit_grid(table(lambda x, y: np.nan)).spline)
    assert all(np.isnan(value) for value in found.values())


# Numbers of shapes that are known.


def sheet_of(function, count: int = 33) -> Spline2D:
    places = axis(count, (-1, 1))
    return Spline2D(places, places, np.array([[function(x, y) for y in places] for x in places]))


def test_a_bowl_has_the_numbers_of_a_bowl():
    found = surface_metrics(
        sheet_of(lambda x, y: 5 + x * x + y * y)
    )  # rises by a tenth of 2 on a circle of radius sqrt(.2)
    assert found["range"] == pytest.approx(2)
    assert found["width"] == pytest.approx(0.2**0.5, abs=1e-3)
    assert found["basin"] == pytest.approx(np.pi * 0.2 / 4, abs=2e-3)
    assert found["convex"] == 1


def test_numbers_do_not_depend_on_the_unit_of_the_loss():
    function = lambda x, y: np.sin(3 * x) + x * y + y * y  # noqa: E731
    one, other = (surface_metrics(sheet_of(lambda x, y, c=c: c * function(x, y) - c)) for c in (1.0, 1e4))
    assert one.pop("range") * 1e4 == pytest.approx(other.pop("range"))
    assert one == pytest.approx(other, abs=1e-6)


def test_convexity_is_that_of_second_differences():
    assert surface_metrics(sheet_of(lambda x, y: x * x - y * y))["convex"] == 0
    assert surface_metrics(sheet_of(lambda x, y: x * x))["convex"] == 1  # flat along beta is not concave
    wave = surface_metrics(sheet_of(lambda x, y: -np.cos(np.pi * x)), tolerance=0.0)  # convex where |x| < 1/2, to 7/8
    assert wave["convex"] == pytest.approx(0.5 / 0.875, abs=0.02)
    dents = sheet_of(lambda x, y: x * x + y * y - 1e-4 * np.cos(40 * x), 129)
    assert surface_metrics(dents)["convex"] == 1  # smaller than the scale that is asked about


@pytest.mark.slow
@pytest.mark.parametrize("method", ["supervised", "byol", "mae"])
def test_the_error_is_honest_on_trained_networks(method, tmp_path):
    """Against 51 x 51 points: the largest error lies within three times the estimate, the basin within .005."""
    images = blobs(128)
    settings = NARROW.get(method, {})
    plan = plan_for(images, method, backbone=METHODS[method], settings=settings, epochs=20)
    list(pretrain(plan, images, tmp_path))
    module = build_method(plan)
    load(tmp_path / "checkpoint" / "state.safetensors", plan.fingerprint, module)
    views = Batches(plan, images, torch.device("cpu")).views
    loss = Objective(module, frozen_batches(images, views, count=32, batch=32))
    directions = random(loss.at).directions
    found, places = fit_grid(surface(loss, loss.at, directions)), axis(51, (-1, 1))
    truth = surface(loss, loss.at, directions, 51, levels=1).sort_values(["alpha", "beta"])["loss"].to_numpy()
    exact = Spline2D(places, places, truth.reshape(51, 51))
    assert np.abs(found.spline.on_grid(places, places) - exact.values).max() <= 3 * found.error
    assert surface_metrics(found.spline)["basin"] == pytest.approx(surface_metrics(exact)["basin"], abs=0.005)
