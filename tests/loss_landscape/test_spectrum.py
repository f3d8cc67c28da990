"""The spectrum and the blocks of a Hessian, against matrices that are formed whole."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.own_loss import OwnLoss
from kogen.loss_landscape.spectrum import block_curvature, block_name, lanczos_quadrature, spectral_density


class Matrix:
    """A symmetric matrix as an operator."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix, self.size, self.dtype, self.device = matrix, len(matrix), matrix.dtype, matrix.device

    def __call__(self, vector: Tensor) -> Tensor:
        return self.matrix @ vector


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


@pytest.fixture(scope="module")
def small() -> SimpleNamespace:
    """A small net in float64, its objective, and its Hessian, whole."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 3))).double()
    x, y = torch.randn(24, 4, dtype=torch.float64), torch.arange(24) % 3
    loss = Objective(net, [(x[:8], y[:8]), (x[8:], y[8:])], loss=OwnLoss("cross_entropy", cross_entropy))

    def whole(params: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(functional_call(net, params, (x,)), y)

    blocks = torch.func.hessian(whole)(loss.at)

    def matrix(names: list[str]) -> Tensor:
        size = {name: loss.at[name].numel() for name in names}
        rows = [torch.cat([blocks[a][b].reshape(size[a], size[b]) for b in names], dim=1) for a in names]
        return torch.cat(rows)

    return SimpleNamespace(loss=loss, matrix=matrix)


def test_the_quadrature_of_a_whole_space_has_every_eigenvalue_and_the_trace():
    torch.manual_seed(1)
    turn, _ = torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64))
    wanted = torch.linspace(-2, 9, 12, dtype=torch.float64)
    values, weights = lanczos_quadrature(Matrix(turn @ torch.diag(wanted) @ turn.T), torch.Generator().manual_seed(0))
    torch.testing.assert_close(values, wanted, atol=1e-8, rtol=0)
    assert weights.sum().item() == pytest.approx(1)
    again = lanczos_quadrature(Matrix(5 * torch.eye(9, dtype=torch.float64)), torch.Generator().manual_seed(0))
    assert [one.tolist() for one in again] == [[pytest.approx(5)], [pytest.approx(1)]]  # one value: one step


def test_moments_of_the_density_are_those_of_the_hessian(small: SimpleNamespace):
    rows, whole = spectral_density(small.loss, draws=100, seed=0), small.matrix(list(small.loss.at))
    value, weight = (np.array([row[name] for row in rows]) for name in ("value", "weight"))
    for power in (1, 2):
        wanted = torch.linalg.matrix_power(whole, power).trace().item() / len(whole)
        drawn = np.bincount([row["draw"] for row in rows], weight * value**power)
        assert abs(drawn.mean() - wanted) <= 3 * drawn.std() / len(drawn) ** 0.5
        assert drawn.std() / len(drawn) ** 0.5 <= 0.2 * wanted
    assert {row["draw"] for row in rows} == set(range(100))


@pytest.mark.parametrize(("by", "parts"), [("blocks", ["0", "2"]), ("layers", ["0", "2.0"])])
def test_blocks_have_the_spectra_of_their_own_hessians(small: SimpleNamespace, by: str, parts: list[str]):
    rows = block_curvature(small.loss, by, seed=0)
    assert list(dict.fromkeys(row["block"] for row in rows)) == parts
    for block in parts:
        mine = {row["metric"]: row for row in rows if row["block"] == block}
        whole = small.matrix([name for name in small.loss.at if name.startswith(f"{block}.")])
        values = torch.linalg.eigvalsh(whole)
        assert mine["trace"]["parameters"] == len(whole)
        assert mine["lambda_max"]["value"] == pytest.approx(values[-1].item(), rel=2e-2)
        assert mine["lambda_min"]["value"] == pytest.approx(values[0].item(), abs=2e-2 * values[-1].item())
        off = abs(mine["trace"]["value"] - whole.trace().item())
        assert off <= 4 * mine["trace"]["error"]


def test_a_loss_without_curvature_has_no_density_and_blocks_of_null():
    net = nn.Linear(3, 1)
    infinite = OwnLoss("infinite", lambda model, batch: model(batch)[:, 0].exp().mul(1e30).exp())
    loss = Objective(net, [torch.randn(4, 3)], loss=infinite)
    assert spectral_density(loss, 2, 0) == []
    assert all(np.isnan(row["value"]) for row in block_curvature(loss, "layers", 0))


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("layer1.0.conv1.weight", "layer1.0"),
        ("blocks.3.attn.qkv.weight", "blocks.3"),
        ("0.weight", "0"),
        ("conv1.weight", "conv1"),
        ("head.norm2.weight", "head.norm2"),
        ("pos_embed", "pos_embed"),
    ],
)
def test_a_block_ends_at_the_first_number(name: str, block: str):
    assert block_name(name) == block
