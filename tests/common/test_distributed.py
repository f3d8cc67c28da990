"""Two processes give what one gives: gathers, batch norm, and every method's gradients and weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kogen.common import registry
from kogen.common.distributed import gather, rank, sum_over_processes, world_size
from kogen.modules.batch_norm import GlobalBatchNorm, convert_batch_norm

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[int, Path]:
    """Folders in which one process and two have trained every method."""
    folders = {}
    for count in (1, 2):
        folder = tmp_path_factory.mktemp(f"world{count}")
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
        command = [sys.executable, *launch, str(HELPERS / "two_processes.py"), str(folder)]
        done = subprocess.run(command, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        folders[count] = folder
    return folders


TRAINED = [name for name in [*registry.names("methods"), "tune"] if registry.load("methods", name).recipe.trains]


@pytest.mark.parametrize("method", TRAINED)
def test_gradients_are_those_of_one_process(trained, method):
    one, two = (load_file(trained[count] / method / "gradients.safetensors") for count in (1, 2))
    assert one.keys() == two.keys()
    scale = max(value.abs().max().item() for value in one.values())
    for key, value in one.items():  # a bias before a batch norm has no gradient but rounding
        size = max(value.abs().max().item(), 1e-3 * scale)
        assert torch.allclose(value, two[key], rtol=1e-4, atol=1e-4 * size), key


@pytest.mark.parametrize("method", TRAINED)
def test_weights_and_state_after_training_are_those_of_one_process(trained, method):
    one, two = (load_file(trained[count] / method / "checkpoint" / "state.safetensors") for count in (1, 2))
    assert one.keys() == two.keys()
    for key, value in one.items():  # four steps of float32 apart: in float64 they agree to 1e-10
        if value.is_floating_point():
            mine, theirs = felt(key, value), felt(key, two[key])
            assert torch.allclose(mine, theirs, rtol=5e-3, atol=5e-3 * max(value.abs().max().item(), 1e-3)), key
        else:
            assert torch.equal(value, two[key]), key


def felt(key: str, value: torch.Tensor) -> torch.Tensor:
    """The value without the biases of a ViT's keys: softmax does not feel them, and AdamW makes steps of rounding."""
    return value.unflatten(0, (3, -1))[[0, 2]] if key.endswith("attn.qkv.bias") else value


def test_alone_everything_is_as_it_was():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert (world_size(), rank()) == (1, 0)
    assert gather(x) is x
    assert sum_over_processes(x) is x
    ours, theirs = nn.Sequential(nn.BatchNorm1d(3)), nn.BatchNorm1d(3)
    convert_batch_norm(ours)
    assert isinstance(ours[0], GlobalBatchNorm)
    assert torch.equal(ours(x), theirs(x))
