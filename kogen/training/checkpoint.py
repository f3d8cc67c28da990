"""Checkpoints: what resuming needs, in one safetensors file, the facts as JSON in its header."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kogen.common.tensors import load_tensors, save_tensors


def save(
    path: Path, owner: str, method: nn.Module, optimiser: torch.optim.Optimizer | None, facts: dict[str, Any]
) -> None:
    """Write parameters, buffers, optimiser state (if one is given) and `facts` (JSON) to `path`, atomically.

    `owner` is the fingerprint of the plan.
    """
    tensors = {f"method.{name}": tensor for name, tensor in state_of(method).items()}
    names: dict[Tensor, str] = {parameter: name for name, parameter in method.named_parameters()}
    for parameter, state in (optimiser.state if optimiser else {}).items():
        for key, value in state.items():
            tensors[f"optimiser.{names[parameter]}.{key}"] = torch.as_tensor(value)
    # A 0-d or strided tensor is kept by value; its layout is the parameter's again when it is loaded.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_tensors(path, tensors, {"facts": json.dumps(facts), "owner": owner})


def load(path: Path, owner: str, method: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> dict[str, Any]:
    """Load what `save` wrote and return its facts. ValueError for a file that is unreadable or of another run."""
    tensors, said = load_tensors(path, "delete it to start over")
    try:
        facts = json.loads(said["facts"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no checkpoint of kogen ({error}); delete it to start over") from error
    mine = state_of(method)
    theirs = {key.removeprefix("method.") for key in tensors if key.startswith("method.")}
    if odd := sorted(theirs ^ set(mine))[:3]:
        raise ValueError(f"the checkpoint {path} is of another model (differs in {odd}); delete it to start over")
    with torch.no_grad():
        for name, tensor in mine.items():
            tensor.copy_(tensors[f"method.{name}"])
    if said.get("owner", owner) != owner:  # of the same network, so nothing else tells; older versions wrote none
        raise ValueError(f"{path} is the checkpoint of another run; put the run's own back, or delete it to start over")
    if optimiser is not None:
        parameters = dict(method.named_parameters())
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                name, _, slot = key.removeprefix("optimiser.").rpartition(".")
                optimiser.state[parameters[name]][slot] = match_layout(value, parameters[name], optimiser.defaults)
    return facts


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, each tensor once; buffers that are not `persistent` too."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def match_layout(value: Tensor, parameter: Tensor, optimiser: dict[str, Any]) -> Tensor:
    """`value` on the parameter's device and in its memory layout: sums over it then add up in the same order."""
    if value.shape != parameter.shape:  # a step count, which only fused optimisers keep on the device
        return value.to(parameter.device) if optimiser.get("fused") else value
    return torch.empty_like(parameter).copy_(value)
