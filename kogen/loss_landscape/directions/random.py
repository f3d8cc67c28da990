"""Random directions: Gaussian, scaled to the weights filter by filter (Li et al. 2018, arXiv 1712.09913, section 4)."""

import torch
from torch import Tensor

from kogen.common.rng import generator_from_text
from kogen.loss_landscape.directions._plane import Params, Plane, cosine

__all__ = ["random"]

NORMALISATIONS = ("adaptive", "filter", "layer")
FIXED_NAMES = ("cls_token", "dist_token", "mask_token", "pos_embed", "reg_token")


@torch.no_grad()
def random(at: Params, *, plane: int = 0, seed: int = 0, normalise: str = "filter") -> Plane:
    """Two independent Gaussian directions; the draw of a tensor depends on seed, plane, axis and its name alone.

    So models of one architecture share the draws. `filter`: each output row gets the length of its
    weights; `layer`: each matrix does, of a fused q, k, v each third; `adaptive`: each number is multiplied by the
    size of its weight (Kwon et al. 2021, arXiv 2102.11600, section 3). Biases, norms, positions and tokens do not move.
    Raises ValueError for a model without matrices.
    """
    excluded = {name: reason for name, tensor in at.items() if (reason := exclusion_reason(name, tensor))}
    names = [name for name in at if name not in excluded]
    if not names:
        raise ValueError(
            f"none of the {len(at)} parameters is a matrix or a filter, which a random direction is scaled to: give a "
            "model with linear or convolutional layers that train"
        )
    first, second = {}, {}
    for axis, direction in (("alpha", first), ("beta", second)):
        for name in names:
            rng = generator_from_text(f"{seed}/{plane}/{axis}/{name}")
            drawn = torch.randn(at[name].shape, generator=rng).to(at[name])  # the same on every device, in every layout
            direction[name] = scale_to_weight(drawn, at[name], name, normalise)
    facts = {"kind": "random", "plane": plane, "seed": seed, "normalise": normalise, "excluded": excluded}
    return Plane(first, second, facts | {"cosine": cosine(first, second)})


def exclusion_reason(name: str, tensor: Tensor) -> str:
    """Why a tensor does not move, by its name or else by its shape; empty where it moves."""
    last = name.rpartition(".")[2]
    if last in FIXED_NAMES or "pos_embed" in last or last.endswith(("_token", "_tokens")):
        return "position or token"
    if tensor.ndim <= 1:
        return "bias or norm"
    if tensor.ndim == 3 and tensor.shape[0] == 1:
        return "one row of tokens"
    return "" if tensor.is_floating_point() else "not a number that moves"


def scale_to_weight(direction: Tensor, weight: Tensor, name: str, normalise: str) -> Tensor:
    """The direction rescaled to the weight, as `normalise` says."""
    if normalise == "adaptive":
        return direction * weight.abs()
    fused = weight.ndim == 2 and len(weight) % 3 == 0 and name.endswith(("qkv.weight", "in_proj_weight"))
    groups = len(weight) if normalise == "filter" else 3 if fused else 1  # timm's and torch's queries, keys, values
    rows, lengths = direction.reshape(groups, -1), weight.reshape(groups, -1).norm(dim=1, keepdim=True)
    return (rows * (lengths / rows.norm(dim=1, keepdim=True).clamp_min(1e-30))).reshape(weight.shape)
