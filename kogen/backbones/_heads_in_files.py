"""The head of a method beside the network in a file: MAE's decoder, DINO's head, MoCo's, under the names kogen has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Heads:
    """What a method has beside its backbone: tensors by the names of its state, and the sizes that they are of."""

    method: str = ""  # empty: a file without a head that is known
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)  # hyperparameters of the method


def find_heads(tensors: Mapping[str, Tensor], part: str, framework: str) -> Heads:
    """The head beside the network at the prefix `part` of a file; none where it is not whole or not of a known layout.

    Read are the official files of MAE and RC-MAE, DINO, MoCo v2, PCL and MoCo v3.
    """
    readers: dict[str, Callable[[Mapping[str, Tensor], str], Heads]] = {
        "mae": lambda tensors, part: read_decoder(cut(tensors, part), "mae"),
        "rc_mae": lambda tensors, part: read_decoder(cut(tensors, part), "rc_mae"),
        "dino": read_dino,
        "moco_v2": lambda tensors, part: read_projector(cut(tensors, f"{part}fc."), "moco_v2"),
        "pcl": lambda tensors, part: read_projector(cut(tensors, f"{part}fc."), "pcl"),
        "moco_v3": read_moco_v3,
    }
    try:
        return readers[framework](tensors, part) if framework in readers else Heads()
    except (KeyError, IndexError, ValueError, RuntimeError):  # tensors are missing, or of shapes that no head has
        return Heads()


def cut(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, by their names without it."""
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def read_decoder(own: Mapping[str, Tensor], method: str) -> Heads:
    """MAE's decoder (facebookresearch/mae, models_mae.py).

    Its last layer writes a patch's values row by row, colours innermost; kogen's writes one colour after the other.
    """
    if own["decoder_pos_embed"][0, 0].any():
        raise ValueError("the class token has a position in the decoder, and in kogen's none")
    _, channels, rows, columns = own["patch_embed.proj.weight"].shape
    order = torch.arange(rows * columns * channels).view(rows, columns, channels).permute(2, 0, 1).flatten()
    found = {f"decoder.embed.{kind}": own[f"decoder_embed.{kind}"] for kind in ("weight", "bias")}
    found |= {f"decoder.norm.{kind}": own[f"decoder_norm.{kind}"] for kind in ("weight", "bias")}
    found |= {f"decoder.values.{kind}": own[f"decoder_pred.{kind}"][order] for kind in ("weight", "bias")}
    found |= {f"decoder.blocks.{key}": value for key, value in cut(own, "decoder_blocks.").items()}
    found |= {"decoder.mask_token": own["mask_token"], "decoder.positions": own["decoder_pos_embed"][0, 1:]}
    depth = 1 + max(int(key.split(".")[0]) for key in cut(own, "decoder_blocks."))
    return Heads(method, found, {"width": own["decoder_embed.weight"].shape[0], "depth": depth})


def read_dino(tensors: Mapping[str, Tensor], part: str) -> Heads:
    """DINO's head (facebookresearch/dino, vision_transformer.py DINOHead), of the teacher or of the student at `part`.

    A bias that batch norm follows only moves its running mean. Prototypes of lengths other than 1 are left out: kogen
    has unit vectors, as the authors' `norm_last_layer`.
    """
    own = cut(tensors, part.removesuffix("backbone.") + "head.")
    mlp = cut(own, "mlp.")
    linear = [key.removesuffix(".weight") for key, value in mlp.items() if value.ndim == 2]
    normed = [key.removesuffix(".running_mean") for key in mlp if key.endswith(".running_mean")]
    for norm in normed:
        bias = mlp.pop(f"{int(norm) - 1}.bias")
        mlp[f"{norm}.running_mean"] = mlp[f"{norm}.running_mean"] - bias
    names = ("last_layer.weight_g", "last_layer.weight_v")
    if names[1] not in own:
        names = ("last_layer.parametrizations.weight.original0", "last_layer.parametrizations.weight.original1")
    length, rows = (own[name] for name in names)
    found = {f"projector.{key}": value for key, value in mlp.items()}
    if bool((length - 1).abs().max() < 1e-6):
        found["prototypes.weight"] = torch.nn.functional.normalize(rows, dim=1)
    sizes = {"hidden": mlp[f"{linear[0]}.weight"].shape[0], "bottleneck": mlp[f"{linear[-1]}.weight"].shape[0]}
    return Heads("dino", found, sizes | {"outputs": rows.shape[0], "batch_norm": bool(normed)})


def read_projector(own: Mapping[str, Tensor], method: str) -> Heads:
    """The head of MoCo v2 and PCL v2, two linear layers (facebookresearch/moco, moco/builder.py)."""
    found = {f"projector.{key}": own[key] for key in ("0.weight", "0.bias", "2.weight", "2.bias")}
    return Heads(method, found, {"hidden": own["0.weight"].shape[0], "dim": own["2.weight"].shape[0]})


def read_moco_v3(tensors: Mapping[str, Tensor], part: str) -> Heads:
    """Projector and predictor of MoCo v3 (facebookresearch/moco-v3, moco/builder.py `_build_mlp`)."""
    projector = cut(tensors, f"{part}head.") or cut(tensors, f"{part}fc.")
    predictor = cut(tensors, part.replace("base_encoder.", "predictor."))
    layers = [value for value in projector.values() if value.ndim == 2]
    found = {f"projector.{key}": value for key, value in projector.items()}
    found |= {f"predictor.{key}": value for key, value in predictor.items()}
    sizes = {"hidden": layers[0].shape[0], "dim": layers[-1].shape[0], "layers": len(layers)}
    return Heads("moco_v3", found, sizes | {"predictor_norm": "4.running_mean" in predictor})
