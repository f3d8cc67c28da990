"""What a pickled network keeps beside its tensors: read as settings, and compared with the network that is built."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from timm.layers import activations as timm_activations
from torch import nn

from kogen.backbones._architectures import OpenQuestion
from kogen.backbones._checkpoint_formats import KIND
from kogen.backbones._networks_in_files import HEAD_NAMES, NetworkTensors
from kogen.backbones._tensor_names import TIMM_RESNET
from kogen.common.text import join_names
from kogen.modules.base import Backbone

WINDOW = ("kernel_size", "stride", "padding", "dilation", "groups")  # of a convolution; a pool has the first three
ALIASES = {"Swish": "SiLU", "HardSwish": "Hardswish"}  # one function under two names
ACTIVATIONS = {  # the names that torch and timm have; a home also imports names of others
    name
    for home in (nn.modules.activation, timm_activations)
    for name, made in vars(home).items()
    if isinstance(made, type) and made.__module__ == home.__name__
} - {"MultiheadAttention"}
TIMM_WORDS = {"ReLU": "relu", "GELU": "gelu", "SiLU": "silu", "QuickGELU": "quick_gelu", "GELUTanh": "gelu_tanh"}
TIMM_WORDS |= {"ReLU6": "relu6", "LeakyReLU": "leaky_relu", "ELU": "elu", "Mish": "mish", "Hardswish": "hard_swish"}


def pickled_settings(found: NetworkTensors) -> dict[str, Any]:
    """Settings that a pickled ResNet or ViT tells, where they are not its usual ones: activation, epsilon, pooling."""
    if not found.attributes or not (TIMM_RESNET in found.tensors or "pos_embed" in found.tensors):
        return {}
    resnet, traits = TIMM_RESNET in found.tensors, network_traits(group_attributes(found.attributes))
    settings: dict[str, Any] = {}
    act = [TIMM_WORDS.get(kind, "") for kind in traits["activations"]]
    if len(act) == 1 and act[0] not in ("", "relu" if resnet else "gelu"):
        settings["act_layer"] = act[0]
    if resnet:
        return settings
    eps = {value for kind, value in traits["norms and their epsilons"] if kind == "LayerNorm"}
    if len(eps) == 1 and eps != {1e-6}:
        settings["norm_eps"] = eps.pop()
    pool, normed = found.attributes.get("global_pool"), "fc_norm.weight" in found.tensors
    if pool and (pool != "token" or normed):
        settings |= {"global_pool": pool, "fc_norm": normed}
    if "reg_token" in found.tensors and isinstance(found.attributes.get("no_embed_class"), bool):
        settings["no_embed_class"] = found.attributes["no_embed_class"]
    return settings


def check_pickled_network(found: NetworkTensors, built: Backbone) -> None:
    """OpenQuestion where a pickled network computes otherwise than the one that is built for its tensors."""
    if not found.attributes:
        return
    layers = {path: vars(layer) | {KIND: type(layer).__name__} for path, layer in built.network.named_modules()}
    theirs, ours = network_traits(group_attributes(found.attributes)), network_traits(layers)
    for what, got in theirs.items():
        optional = what in ("pooling of features", "blocks")  # torchvision's have no word for them
        if got == ours[what] or (optional and not (got and ours[what])):
            continue
        raise OpenQuestion(
            f"its pickled network differs from {built.spec} in its {what}: it has {tell(got - ours[what])}, wanted "
            f"{tell(ours[what] - got)}: add the setting of timm that says it, such as ?output_stride=8, "
            "?act_layer=silu, ?aa_layer=avg or ?global_pool=avg, or name the network, ?backbone=NAME"
        )


def tell(traits: Counter[Any]) -> str:
    """Traits for a message."""
    return join_names(sorted(map(str, traits)), 4) or "no other"


def group_attributes(attributes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Attributes by the path of their layer, heads left out."""
    layers: dict[str, dict[str, Any]] = {}
    for key, value in attributes.items():
        path, _, name = key.rpartition(".")
        if not HEAD_NAMES.match(path):
            layers.setdefault(path, {})[name] = value
    return layers


def network_traits(layers: Mapping[str, Mapping[str, Any]]) -> dict[str, Counter[Any]]:
    """What layers compute that no tensor shows, whatever they are called: convolutions counted, the rest as sets."""
    convolutions: Counter[Any] = Counter()
    norms, acts, pools, pooled, blocks = (set[Any]() for _ in range(5))
    for path, layer in layers.items():
        word = str(layer.get(KIND, ""))
        kind = ALIASES.get(word, word)
        numbers = tuple(one_number(layer.get(name)) for name in WINDOW)
        if "groups" in layer and "kernel_size" in layer:
            convolutions["kernel {} stride {} padding {} dilation {} groups {}".format(*numbers)] += 1
        elif "Pool2d" in kind and "Adaptive" not in kind:
            pools.add((kind, *numbers[:3], layer.get("filt_size")))
        elif isinstance(layer.get("eps"), int | float):
            norms.add(("LayerNorm" if "LayerNorm" in kind else "norm", layer["eps"]))
        elif kind in ACTIVATIONS:
            acts.add("GELUTanh" if layer.get("approximate") == "tanh" else kind)
        if path in ("", "global_pool"):
            pooled |= {layer[name] for name in ("global_pool", "pool_type") if isinstance(layer.get(name), str)} - {""}
        if path.startswith("blocks.") and path.count(".") == 1:
            blocks.add(kind)
    found = {"convolutions": convolutions, "norms and their epsilons": Counter(norms), "activations": Counter(acts)}
    return found | {"pools": Counter(pools), "pooling of features": Counter(pooled), "blocks": Counter(blocks)}


def one_number(value: Any) -> Any:
    """Two equal numbers as one."""
    return value[0] if isinstance(value, tuple) and len({*value}) == 1 else value
