"""What a user says of a file of weights, FILE?key=value: checked by itself, and against what the file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kogen.backbones import make_backbone
from kogen.backbones._descriptions import MAX_EPS, MAX_SIZE
from kogen.backbones._network_facts import NetworkFacts, usable_numbers
from kogen.backbones._networks_in_files import FRAMEWORKS
from kogen.common.text import hint, parse_spec
from kogen.modules.blueprint import KOGEN_SETTINGS, class_parameters, network_names

MAX_HEADS = 1000
KNOWN = ("backbone", "framework", "image_size", "mean", "std")
SIZES = ("size", "img_size", "input_size")  # words of others for image_size
OWN_SETTINGS = ("stem", "norm_eps", "width", "name")  # of kogen's own backbones, beside those of timm


@dataclass(frozen=True)
class CheckpointOptions:
    """What is said of a file; everything empty or 0 is not said."""

    backbone: str = ""
    framework: str = ""
    image_size: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the network, as timm and kogen name them


def check_options(file: str, said: Mapping[str, Any]) -> CheckpointOptions:
    """The options that follow a file; ValueError for values that are none. The network's settings are not checked."""
    words = {key: str(said[key]) for key in ("backbone", "framework") if key in said}
    if words.get("framework", "published") not in FRAMEWORKS:
        raise ValueError(f"{file}: unknown framework {words['framework']!r}: {hint(words['framework'], [*FRAMEWORKS])}")
    if "image_size" in said:
        check_size(f"{file}: image_size", said["image_size"])
    numbers: dict[str, Any] = {}
    for key in ("mean", "std"):
        if key in said:
            numbers[key] = said[key] if isinstance(said[key], tuple) else (said[key],)
            if not usable_numbers(numbers[key], len(numbers[key]), key == "std"):
                above = ", above 0" if key == "std" else ""
                raise ValueError(f"{file}: {key} = {said[key]!r}: wanted numbers such as 0.5,0.5,0.5{above}")
    if len(numbers) == 1:
        raise ValueError(f"{file}: mean and std are said together, got {next(iter(numbers))} alone: add the other")
    if numbers and (min(numbers["mean"]) < 0 or max(*numbers["mean"], *numbers["std"]) > 1):
        got = f"mean = {said['mean']!r} and std = {said['std']!r}"
        raise ValueError(f"{file}: {got}: wanted those of pixels from 0 to 1; of 0 to 255, divide by 255")
    rest = {key: value for key, value in said.items() if key not in KNOWN}
    eps, heads = rest.get("norm_eps", MAX_EPS), rest.get("num_heads", 1)
    if type(eps) not in (int, float) or not 0 < eps <= MAX_EPS:
        raise ValueError(f"{file}: norm_eps = {eps!r}: wanted a number above 0, at most {MAX_EPS}, such as 1e-6")
    if type(heads) is not int or not 1 <= heads <= MAX_HEADS:
        raise ValueError(f"{file}: num_heads = {heads!r}: wanted a whole number from 1 to {MAX_HEADS}")
    return CheckpointOptions(**words, image_size=said.get("image_size", 0), **numbers, settings=rest)


def check_size(title: str, size: Any) -> None:
    """ValueError for an image size that no network here is fed."""
    if type(size) is not int or not 8 <= size <= MAX_SIZE:
        raise ValueError(f"{title} = {size!r}: wanted a whole number from 8 to {MAX_SIZE}")


def check_settings(settings: Mapping[str, Any], name: str, file: str) -> None:
    """ValueError for a setting that the network of this name does not have, with the nearest one."""
    own = class_parameters(name if name in network_names() else "resnet50")  # kogen's own are ResNets
    known = [*KNOWN, *OWN_SETTINGS, *(key for key in own if key not in KOGEN_SETTINGS)]
    for key in settings:
        if key not in known:
            near = "did you mean 'image_size'?" if key in SIZES else hint(key, known)
            raise ValueError(f"{file}: unknown setting {key!r}: {near}")


def check_agreement(options: CheckpointOptions, facts: NetworkFacts, place: Path) -> None:
    """ValueError for an option that says otherwise than the file; another image size is a wish and no such thing."""
    _, settings = parse_spec(facts.architecture)
    said: dict[str, tuple[Any, Any]] = {key: (value, settings.get(key)) for key, value in options.settings.items()}
    if options.backbone and options.backbone != facts.architecture:
        other: Any = make_backbone(options.backbone, facts.channels, facts.input_size, None)
        said["backbone"] = (other.spec, facts.architecture)
    if options.framework:
        said["framework"] = (options.framework, facts.framework)
    if options.mean:
        said |= {"mean": (options.mean, facts.mean), "std": (options.std, facts.std)}
    if odd := [key for key, (got, wanted) in said.items() if got != wanted]:
        got, wanted = said[odd[0]]
        raise ValueError(
            f"{place} says of itself that its {odd[0]} is {wanted!r} ({facts.architecture}), and the option says "
            f"{got!r}: leave out {odd[0]}, or give the file that it is true of"
        )
