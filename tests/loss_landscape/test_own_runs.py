"""Models from outside: the surface is that of a slow twin, stored points stay, wrong losses are refused."""

import copy
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

import kogen
from kogen.loss_landscape import pipeline
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.objective import Objective
from kogen.results.landscape_summary import read_landscape

SMALL: dict[str, Any] = {"planes": 2, "steps": 3, "levels": 1, "sharp": 0}


class Block(nn.Module):
    """A residual block with batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.two = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(F.relu(self.norm(self.one(x))))


class ResNet(nn.Module):
    """A net that kogen has never seen: its own blocks, dropout, a head."""

    def __init__(self, width: int = 6, classes: int = 3) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, width, 3, padding=1), nn.Sequential(Block(width), Block(width))
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.blocks(self.stem(x)).mean((2, 3))))


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def accuracy(model: nn.Module, batch: Any) -> Tensor:
    return model(batch[0]).argmax(1) == batch[1]


def trained(seed: int = 0, steps: int = 12) -> ResNet:
    torch.manual_seed(seed)
    model, (x, y) = ResNet(), make_data()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimiser.step()
    return model


def make_data(count: int = 48) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(5)
    x = torch.randn(count, 3, 6, 6, generator=rng)
    return x, x.mean((2, 3)).argmax(1)


def batches(size: int = 16) -> list[tuple[Tensor, Tensor]]:
    x, y = make_data()
    return [(x[start : start + size], y[start : start + size]) for start in range(0, len(x), size)]


@pytest.mark.parametrize("batch_norm", ["frozen", "batch"])
@pytest.mark.parametrize("per_sample", [True, False])
def test_the_surface_of_an_own_resnet_is_that_of_a_slow_twin(tmp_path: Path, batch_norm: str, per_sample: bool):
    """The twin sets the weights of a copy, point by point, and calls the loss."""
    model, given = trained().train(), batches()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked = SMALL | {"out": tmp_path, "steps": 5, "levels": 1, "planes": 2, "few": 48, "weight_decay": 0.01}
    if per_sample:
        kogen.landscape_of(model, cross_entropy, given, batch_norm=batch_norm, **asked)
    else:
        loss = lambda net, batch: F.cross_entropy(net(batch["x"]), batch["y"])  # noqa: E731
        named = [{"x": x, "y": y} for x, y in given]
        kogen.landscape_of(model, loss, named, batch_norm=batch_norm, name="mean", **asked)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())

    table = pd.read_parquet(tmp_path / "surface.parquet")
    assert len(table) == 2 * 25
    at = {name: parameter.detach() for name, parameter in model.named_parameters()}
    for plane in (0, 1):
        made = random(at, plane=plane, seed=0)
        for row in table[table["plane"] == plane].to_dict("records"):
            twin = copy.deepcopy(model).eval()
            with torch.no_grad():
                for name, parameter in twin.named_parameters():
                    if name in made.first:
                        parameter += row["alpha"] * made.first[name] + row["beta"] * made.second[name]
                if batch_norm == "batch":
                    for part in twin.modules():
                        if isinstance(part, nn.BatchNorm2d):
                            part.train()
                decay = 0.005 * sum(float(p.double().square().sum()) for p in twin.parameters())
                wanted = decay + np.mean([F.cross_entropy(twin(x), y).item() for x, y in given])
            assert row["loss"] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_losses_of_samples_under_statistics_of_their_batch_are_of_batches(tmp_path: Path):
    """Twelve batches: the finest grid takes eight, and the unit is a batch, as where the loss itself is of a batch."""
    mean = lambda net, batch: cross_entropy(net, batch).mean()  # noqa: E731
    asked, given = SMALL | {"batch_norm": "batch", "planes": 1}, batches(4)
    each = kogen.landscape_of(trained(), cross_entropy, given, out=tmp_path / "each", **asked)["runs"][0]
    whole = kogen.landscape_of(trained(), mean, given, name="mean", out=tmp_path / "mean", **asked)["runs"][0]
    for run in (each, whole):
        assert (run["unit"], run["grid"]["unit"], run["images"], run["grid"]["few"]) == ("batch", "batch", 12, 8)


def test_eigenvalues_and_trace_are_those_of_the_whole_hessian(tmp_path: Path):
    """Against torch.func's Hessian of a small net, formed whole in float64."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    x = torch.randn(48, 3, 2, 2, dtype=torch.float64)
    given = [(x[:16], torch.arange(16) % 3), (x[16:], torch.arange(32) % 3)]  # batches of two sizes
    kogen.landscape_of(model, cross_entropy, given, out=tmp_path, **SMALL | {"sharp": 48})
    found = pd.read_parquet(tmp_path / "geometry.parquet").set_index("metric")["value"]

    at = {name: parameter.detach() for name, parameter in model.named_parameters()}
    flat, sizes = torch.cat([tensor.flatten() for tensor in at.values()]), [tensor.numel() for tensor in at.values()]

    def whole(vector: Tensor) -> Tensor:
        pieces = zip(at.items(), vector.split(sizes), strict=True)
        params = {name: piece.view(tensor.shape) for (name, tensor), piece in pieces}
        logits = functional_call(model, params, (torch.cat([one for one, _ in given]),))
        return F.cross_entropy(logits, torch.cat([labels for _, labels in given]))

    hessian = torch.func.hessian(whole)(flat)
    values = torch.linalg.eigvalsh(hessian)
    assert found["lambda_max"] == pytest.approx(values[-1].item(), rel=2e-2)
    assert found["lambda_min"] == pytest.approx(values[0].item(), rel=2e-2)
    assert found["trace"] == pytest.approx(hessian.trace().item(), rel=0.25)  # 16 draws


def test_stored_points_are_not_computed_again_and_another_loss_of_the_same_name_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model, given = trained(), batches()
    kogen.landscape_of(model, cross_entropy, given, out=tmp_path, **SMALL)
    table = pd.read_parquet(tmp_path / "surface.parquet")
    calls: list[int] = []
    monkeypatch.setattr(pipeline, "estimate_landscape", lambda *_, **__: "")
    called = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", lambda self, params: calls.append(1) or called(self, params))
    again = kogen.landscape_of(copy.deepcopy(model), cross_entropy, batches(), out=tmp_path, **SMALL)
    assert len(calls) == 3  # the look at the loss: at the weights, away from them, and at them again
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "surface.parquet"), table)
    assert [run["model"] for run in again["runs"]] == ["ResNet"]

    twice = lambda net, batch: 2 * cross_entropy(net, batch)  # noqa: E731
    with pytest.raises(ValueError, match=r"for the same weights and batches when .* it is another loss"):
        kogen.landscape_of(model, twice, given, out=tmp_path, name="cross_entropy", **SMALL)
    with pytest.raises(ValueError, match=r"points of another surface .it differs in data"):
        kogen.landscape_of(model, cross_entropy, [(x + 1, y) for x, y in given], out=tmp_path, **SMALL)
    with pytest.raises(ValueError, match=r"points of another surface .it differs in weight_decay"):
        kogen.landscape_of(model, cross_entropy, given, out=tmp_path, weight_decay=0.1, **SMALL)


def test_models_are_compared_on_the_same_draws_and_exported(tmp_path: Path):
    models = {"one": [trained(0), trained(1)], "two": trained(2)}
    out = tmp_path / "out"
    kogen.landscape_of(models, cross_entropy, batches(), out=out, metrics={"accuracy": accuracy}, **SMALL)
    facts = read_landscape(out)
    assert {(run.model, run.run_seed) for run in facts.runs} == {("one", 0), ("one", 1), ("two", None)}
    assert {(row["first"], row["second"]) for row in facts.pairs} <= {("one", "two"), ("two", "one")}
    page = (out / "landscape.html").read_text()
    assert "one" in page
    assert "cross_entropy" in page
    kogen.export(out, out=tmp_path / "plane.npz", run="two", plane=1)
    with np.load(tmp_path / "plane.npz") as content:
        assert content["loss"].shape == (3, 3)

    table = pd.read_parquet(out / "metrics.parquet")
    centre = table[(table["alpha"] == 0) & (table["beta"] == 0) & (table["model"] == "two")]
    with torch.no_grad():
        model = models["two"].eval()
        right = torch.cat([accuracy(model, batch) for batch in batches()]).double()
    assert centre["value"].tolist() == pytest.approx([right.mean().item()] * len(centre))
    assert centre["value_se"].iloc[0] == pytest.approx(right.std().item() / len(right) ** 0.5)


def test_a_metric_shares_the_pass_of_the_loss(tmp_path: Path):
    model, passes = trained(), []
    model.register_forward_hook(lambda *_: passes.append(1))
    given = batches()
    with_hook = dict(SMALL, out=tmp_path / "one", few=48)
    kogen.landscape_of(model, cross_entropy, given, **with_hook)
    alone = len(passes)
    computed: list[int] = []
    model.stem.register_forward_hook(lambda *_: computed.append(1))
    kogen.landscape_of(
        model, cross_entropy, given, metrics={"accuracy": accuracy}, **with_hook | {"out": tmp_path / "two"}
    )
    assert len(computed) == alone


def test_the_plane_through_three_models_and_the_path_of_a_training(tmp_path: Path):
    models = {name: trained(seed) for seed, name in enumerate(("ant", "bee seed 1", "cow"))}
    asked = SMALL | {"batch_norm": "batch", "out": tmp_path, "steps": 3}
    found = kogen.landscape_of(models, cross_entropy, batches(), directions="between", **asked)
    (run,) = found["runs"]
    assert run["through"] == ["ant", "bee seed 1", "cow"]
    assert len(run["planes"][0]["positions"]) == 3
    path = [trained(0, steps).state_dict() for steps in (2, 4, 8)]
    found = kogen.landscape_of(
        models["ant"],
        cross_entropy,
        batches(),
        directions="trajectory",
        checkpoints=path,
        **asked | {"out": tmp_path / "p"},
    )
    assert len(found["runs"][0]["planes"][0]["positions"]) == 3
    with pytest.raises(ValueError, match="has 0 checkpoints, and a trajectory needs two or more: give checkpoints="):
        kogen.landscape_of(models["ant"], cross_entropy, batches(), directions="trajectory", **asked)


def train_inside(model: nn.Module, batch: Any) -> Tensor:
    model.train()
    return cross_entropy(model, batch)


def noisy(model: nn.Module, batch: Any) -> Tensor:
    return cross_entropy(model, (batch[0] + torch.randn_like(batch[0]), batch[1]))


def dropped(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(F.dropout(model(batch[0]), 0.5), batch[1], reduction="none")


def raising(model: nn.Module, batch: Any) -> Tensor:
    return model(batch["images"]).mean()


ELSEWHERE = trained(7)
WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "dict": (lambda model, batch: {"loss": 1}, "gave a dict, wanted a scalar, or a loss of each sample"),
    "float": (lambda model, batch: 1.0, "gave a float, wanted a scalar"),
    "shape": (lambda model, batch: model(batch[0]), r"gave the shape \(16, 3\), wanted a scalar"),
    "none": (lambda model, batch: model(batch[0])[:0, 0], r"gave the shape \(0,\), wanted a scalar"),
    "whole": (lambda model, batch: model(batch[0]).argmax(1), "gave whole numbers .torch.int64.: wanted a scalar"),
    "nan": (
        lambda model, batch: cross_entropy(model, batch).log() * torch.nan,
        "not finite at the weights of 'ResNet'",
    ),
    "raises": (raising, "the loss 'x' raised TypeError: .* a batch .tuple of .16, 3, 6, 6. float32 on cpu"),
    "device": (
        lambda model, batch: cross_entropy(model, (batch[0].to("meta"), batch[1])),
        "raised .*the model .on cpu. and a batch",
    ),
    "train": (train_inside, "'x' switches training mode on"),
    "noise": (noisy, "for the same weights and batches: it draws random numbers"),
    "dropout": (dropped, "for the same weights and batches: it draws random numbers"),
    "elsewhere": (lambda model, batch: cross_entropy(ELSEWHERE.eval(), batch), "does not change when all weights do"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_loss_is_refused_with_a_reason(case: str, tmp_path: Path):
    loss, reason = WRONG[case]
    with pytest.raises(ValueError, match=reason):
        kogen.landscape_of(trained(), loss, batches(), name="x", out=tmp_path / "out", **SMALL)
    assert not (tmp_path / "out" / "surface.parquet").exists()


def test_a_loss_that_changes_the_model_is_refused(tmp_path: Path):
    model = trained()

    def changing(net: nn.Module, batch: Any) -> Tensor:
        with torch.no_grad():
            model.head.bias += 1
        return cross_entropy(net, batch)

    with pytest.raises(ValueError, match="changed the model 'ResNet' itself"):
        kogen.landscape_of(model, changing, batches(), out=tmp_path, **SMALL)

    class Counting(ResNet):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1  # type: ignore[misc]
            return super().forward(x)

    with pytest.raises(ValueError, match="writes to 1 buffers of the model, first 'calls'"):
        kogen.landscape_of(Counting(), cross_entropy, batches(), out=tmp_path, **SMALL)


@dataclasses.dataclass
class Holder:
    x: Any


def test_wrong_models_batches_and_names_are_refused(tmp_path: Path):
    model, given, asked = trained(), batches(), SMALL | {"out": tmp_path}
    wrong: list[tuple[tuple[Any, Any, Any], dict[str, Any], str]] = [
        ((model, cross_entropy, []), {}, "batches: wanted a list of one batch or more, got none"),
        ((model, cross_entropy, iter(given)), {}, "got a tuple_iterator|got a list_iterator"),
        ((model, cross_entropy, [Holder(print)]), {}, "a batch holds a builtin_function_or_method, which cannot be"),
        ((model, "mse", given), {}, "the loss is a str: give a function"),
        ((model, lambda m, b: m(b[0]).sum(), given), {}, "the loss has no name of its own.*give name="),
        ((model, cross_entropy, given), {"name": "a/b"}, "name = 'a/b': wanted 1 to 64 letters"),
        ((model, cross_entropy, given), {"name": "probe"}, "kogen calls losses of its own pretrain and probe"),
        ((model, cross_entropy, given), {"metrics": {"acc": 3}}, "the metric 'acc' is a int: give a function"),
        (
            (model, cross_entropy, given),
            {"metrics": {"a": accuracy, "odd": lambda m, b: cross_entropy(m, b) * torch.nan}},
            r"the metric 'odd' is not finite at the weights of 'ResNet' \(\d+ of \d+ values\): give a number",
        ),
        ((model, cross_entropy, given), {"metrics": {"loss": accuracy}}, "the loss itself has this name"),
        ((model, cross_entropy, given), {"metrics": {"alpha": accuracy}}, "'alpha': exported planes have an array of"),
        (
            ({"a": [model, trained(1)]}, cross_entropy, given),
            {"directions": "trajectory", "checkpoints": [trained(0, 2).state_dict(), trained(0, 4).state_dict()]},
            "checkpoints: the model 'a' has 2 modules, and checkpoints are of the training of one",
        ),
        ((nn.ReLU(), cross_entropy, given), {}, "the model 'ReLU' has no parameters: nothing would move"),
        ((trained().requires_grad_(False), cross_entropy, given), {}, "all frozen: requires_grad_.True."),
        ((3, cross_entropy, given), {}, "model: wanted a torch.nn.Module, or a dict of them by name, got a int"),
        (({}, cross_entropy, given), {}, "wanted a torch.nn.Module, or a dict of them by name, got none"),
        (({"a": 3}, cross_entropy, given), {}, "model 'a': wanted a torch.nn.Module, got a int"),
        (({"a": []}, cross_entropy, given), {}, "model 'a': got an empty list"),
        (({"..": model}, cross_entropy, given), {}, "model '..': wanted a name"),
        (
            ({"a": model, "b": copy.deepcopy(model)}, cross_entropy, given),
            {},
            "models 'a' and 'b' have the same weights",
        ),
        ((model, cross_entropy, given), {"plans": 3}, "landscape_of: unknown key 'plans'.*planes"),
        ((model, cross_entropy, given), {"steps": 4}, "got steps=4: give an odd number"),
        ((model, cross_entropy, given), {"directions": "randon"}, "unknown directions 'randon'.*random"),
        ((model, cross_entropy, given), {"moves": ("tail",)}, "no parameter that trains begins with 'tail'"),
        (
            (model, cross_entropy, given),
            {"metrics": {"acc": lambda m, b: m(b[0]).mean()}},
            "gave 1 values for 16 losses",
        ),
        ((model, cross_entropy, given), {"metrics": {"acc": lambda m, b: [1]}}, "the metric 'acc' gave a list"),
    ]
    for given_, changes, reason in wrong:
        with pytest.raises(ValueError, match=reason):
            kogen.landscape_of(*given_, **asked | changes)
        shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_frozen_part_stays_and_hooks_take_one_thread(tmp_path: Path):
    model = trained()
    seen: list[Tensor] = []
    model.blocks.register_forward_hook(lambda *call: seen.append(call[2]))

    def hooked(net: nn.Module, batch: Any) -> Tensor:
        seen.clear()
        return cross_entropy(net, batch) + seen[0].square().mean((1, 2, 3)) if net(batch[0]) is not None else None

    asked: dict[str, Any] = SMALL | {"moves": ("head",), "planes": 1}
    found = kogen.landscape_of(model, hooked, batches(), out=tmp_path, **asked)
    assert found["runs"][0]["grid"]["workers"] == 1
    assert found["runs"][0]["moves"] == ["head"]


def test_curvature_by_block_and_the_spectrum_lie_in_tables(tmp_path: Path):
    asked: dict[str, Any] = SMALL | {"planes": 1, "by": "blocks", "density": 2, "out": tmp_path}
    kogen.landscape_of(trained(), cross_entropy, batches(), **asked)
    blocks, spectrum = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("blocks", "spectrum"))
    assert list(blocks["block"].unique()) == ["stem", "blocks.0", "blocks.1", "head"]
    assert spectrum.groupby("draw")["weight"].sum().tolist() == pytest.approx([1, 1])
    kogen.landscape_of(trained(), cross_entropy, batches(), **asked)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "blocks.parquet"), blocks)
    with pytest.raises(ValueError, match=r"blocks.json has curvature metrics that differ in by"):
        kogen.landscape_of(trained(), cross_entropy, batches(), **asked | {"by": "layers"})
    with pytest.raises(ValueError, match=r"unknown by 'block'.*blocks"):
        kogen.landscape_of(trained(), cross_entropy, batches(), **asked | {"by": "block"})


def test_a_loss_that_seeds_itself_takes_one_thread(tmp_path: Path):
    def seeded(net: nn.Module, batch: Any) -> Tensor:
        torch.manual_seed(3)
        return cross_entropy(net, (batch[0] + 0.1 * torch.randn_like(batch[0]), batch[1]))

    with pytest.raises(
        ValueError, match="draws from torch's global generator, which the 2 threads share: give workers=1"
    ):
        kogen.landscape_of(trained(), seeded, batches(), out=tmp_path, workers=2, **SMALL)
    assert kogen.landscape_of(trained(), seeded, batches(), out=tmp_path, workers=1, **SMALL)["runs"]
