"""Descriptions beside a file of weights: the config.json of timm on the hub, and that of transformers."""

from pathlib import Path
from typing import Any

from torch import Tensor

from kogen.backbones.timm import format_spec
from kogen.common.files import read_json
from kogen.common.text import hint
from kogen.modules.blueprint import KOGEN_SETTINGS, network_names

MAX_SIZE = 1024  # pixels of an image
MAX_EPS = 0.1  # epsilon of a LayerNorm


def fetch_checkpoint(file: str) -> tuple[Path, dict[str, Any]]:
    """Where a file lies on this machine, and the facts of timm's description of it; `hf-hub:` is downloaded."""
    if not file.startswith("hf-hub:"):
        return Path(file), read_timm_config(Path(file).with_name("config.json"))
    from huggingface_hub import hf_hub_download

    owner = file.removeprefix("hf-hub:")
    try:
        weights, config = (Path(hf_hub_download(owner, part)) for part in ("model.safetensors", "config.json"))
    except (OSError, ValueError) as error:  # huggingface_hub's own errors are OSErrors and ValueErrors
        raise ValueError(
            f"cannot fetch {file}: {str(error).partition(chr(10))[0]}; wanted a repository with model.safetensors and "
            "timm's or transformers' config.json, and a network; or download it yourself and give the file"
        ) from error
    return weights, check_timm_config(read_json(config), file)


def read_timm_config(config: Path) -> dict[str, Any]:
    """What the config.json that timm writes beside a file says; empty where there is none of timm's."""
    if not config.is_file():
        return {}
    said = read_json(config, "put the file there that timm wrote, or none")
    if not isinstance(said, dict) or not {"architecture", "pretrained_cfg"} <= said.keys():
        return {}  # of another library
    return check_timm_config(said, str(config)) | {"remark": "network, size and pixels by config.json beside it"}


def check_timm_config(config: Any, file: str) -> dict[str, Any]:
    """Architecture, mean, std and input size that a repository of the hub says; ValueError where they are none."""
    said = config.get("pretrained_cfg", {}) if isinstance(config, dict) else None
    if not isinstance(said, dict):
        raise ValueError(f"{file}: its config.json is none of timm: wanted names and values, with a pretrained_cfg")
    name = config.get("architecture", "")
    if name != "" and (not isinstance(name, str) or name not in network_names()):
        near = hint(str(name), network_names())
        raise ValueError(f"{file}: its architecture is {name!r}, wanted the plain name of a network of timm: {near}")
    arguments = config.get("model_args") or {}
    if not isinstance(arguments, dict) or (arguments and not name):
        raise ValueError(f"{file}: its model_args are none of timm: wanted settings of its architecture")
    own = {key: tuple(v) if isinstance(v, list) else v for key, v in arguments.items() if key not in KOGEN_SETTINGS}
    found: dict[str, Any] = {"architecture": format_spec(name, own)}
    size = said.get("input_size")
    colours = not isinstance(size, list) or len(size) != 3 or size[0] == 3
    for key in ("mean", "std", "input_size"):
        if key in said and (colours or key == "input_size"):  # what is not of three channels says it in its weights
            found[key] = three_numbers(said[key], key, file)
    if len({*found.get("input_size", (3, 0))[1:]}) > 1:
        raise ValueError(f"{file}: its input_size is {found['input_size']}, and kogen feeds square images alone")
    return found


def three_numbers(numbers: Any, key: str, title: str) -> tuple[float, ...]:
    """Mean, std or input size of a description. ValueError for anything but three numbers that can be one."""
    most = MAX_SIZE if key == "input_size" else 1000
    wrong = not isinstance(numbers, list) or len(numbers) != 3 or any(type(x) not in (int, float) for x in numbers)
    if wrong or not all(abs(x) <= most for x in numbers) or (key != "mean" and min(numbers) <= 0):
        raise ValueError(f"{title}: its {key} is {str(numbers)[:100]}, wanted three numbers, such as 0.5")
    return tuple(numbers)


def read_names(place: Path) -> dict[str, Any]:
    """A description that transformers wrote. ValueError for a file that is no names and values."""
    cure = "put the file there that transformers wrote, or none"
    said = read_json(place, cure)
    if not isinstance(said, dict):
        raise ValueError(f"{place} holds a {type(said).__name__}, wanted names and values; {cure}")
    return said


def read_transformers_config(place: Path, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """What the config.json that transformers writes beside a ViT says of it: settings, and mean and std where known.

    Empty where there is none. ValueError for one that is of another network, or says what timm's ViT cannot do.
    """
    found: dict[str, Any] = {}
    config = place.with_name("config.json")
    if config.exists():
        said = read_names(config)
        width, heads, eps = (said.get(key) for key in ("hidden_size", "num_attention_heads", "layer_norm_eps"))
        if width != tensors["norm.weight"].shape[0] or type(heads) is not int:
            raise ValueError(
                f"{config} is of another network: it has hidden_size {width!r} and num_attention_heads {heads!r}, and "
                f"{place} {tensors['norm.weight'].shape[0]} channels: put its own beside it"
            )
        if said.get("hidden_act", "gelu") != "gelu":
            raise ValueError(f"{config}: hidden_act is {said['hidden_act']!r}, and a ViT of timm has 'gelu'")
        if eps is not None and not (type(eps) in (int, float) and 0 < eps <= MAX_EPS):
            raise ValueError(f"{config}: layer_norm_eps is {str(eps)[:60]}, wanted a number above 0, at most {MAX_EPS}")
        found = {"num_heads": heads} | ({"norm_eps": eps} if eps is not None else {})
    images = place.with_name("preprocessor_config.json")
    if images.exists():
        said = read_names(images)
        pairs = (("mean", "image_mean"), ("std", "image_std"))
        found |= {key: three_numbers(said[word], key, str(images)) for key, word in pairs if word in said}
    return found
