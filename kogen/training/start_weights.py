"""The start of a training that goes on from published weights: what they are, and how a method takes them over."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor

from kogen.backbones._heads_in_files import Heads
from kogen.backbones.published import load_weights
from kogen.common.tensors import load_tensors, save_tensors
from kogen.modules.base import Method
from kogen.modules.ema import restart_teachers
from kogen.training.checkpoint import state_of

KEPT = "init.safetensors"  # beside the runs that began with it: they resume without the file of the user
RESTORE = "put the file there that kogen wrote, or choose another --out"
FACT = "start"
RELATED = {"mae": ("mae", "rc_mae"), "rc_mae": ("mae", "rc_mae")}  # methods with the same head


@dataclass(frozen=True)
class Start:
    """Published weights as a training begins with them: the network, how its images are made, a method's head."""

    source: str  # as the user wrote it, without a name
    digest: str  # of the file, or of the files of a run
    framework: str
    backbone: str  # as `--backbone` takes it
    image_size: int
    channels: int
    mean: tuple[float, ...]  # none where nobody says them: the data's own
    std: tuple[float, ...]
    tensors: Mapping[str, Tensor] = field(repr=False)
    heads: Heads = field(repr=False)
    remarks: str = ""

    def heads_for(self, method: str) -> Heads:
        """The head that a method can go on with; none of another method."""
        return self.heads if method in RELATED.get(self.heads.method, (self.heads.method,)) else Heads()


def save_start(start: Start, place: Path) -> None:
    """Write all that a training needs of its start to one file, atomically."""
    words = ("source", "digest", "framework", "backbone", "image_size", "channels", "mean", "std", "remarks")
    facts: dict[str, Any] = {name: getattr(start, name) for name in words}
    facts["head"] = {"method": start.heads.method, "settings": dict(start.heads.settings)}
    tensors = {f"backbone.{key}": value.contiguous().clone() for key, value in start.tensors.items()}
    tensors |= {f"head.{key}": value.contiguous().clone() for key, value in start.heads.tensors.items()}
    save_tensors(place, tensors, {FACT: json.dumps(facts)})


def load_start(place: Path) -> Start:
    """What `save_start` wrote. ValueError for a file that is damaged, or of anybody else."""
    tensors, said = load_tensors(place, RESTORE)
    if FACT not in said:
        raise ValueError(f"{place} is no start that kogen kept: {RESTORE}")
    facts = json.loads(said[FACT])
    mean, std = tuple(facts.pop("mean")), tuple(facts.pop("std"))
    parts = {
        part: {key.removeprefix(part): value for key, value in tensors.items() if key.startswith(part)}
        for part in ("backbone.", "head.")
    }
    head = facts.pop("head")
    heads = Heads(head["method"], parts["head."], head["settings"])
    return Start(**facts, mean=mean, std=std, tensors=parts["backbone."], heads=heads)


def start_method(method: Method, start: Start, name: str) -> list[str]:
    """Put the weights of a start into a method that was just built; its teachers become copies of its student.

    Returns the parts beside the backbone that it took over; a part that the weights lack, or have in another size,
    keeps the values that it was drawn with. ValueError for weights that the backbone has no place for.
    """
    load_weights(method.backbone, start.tensors, Path(start.source.partition("?")[0]))
    given, taken = start.heads_for(name).tensors, list[str]()
    for part in head_parts(method):
        mine = {key: value for key, value in state_of(method).items() if key.startswith(f"{part}.")}
        theirs = {key: fit_positions(given[key], value) for key, value in mine.items() if key in given}
        counts = {key for key in mine if key.endswith("num_batches_tracked")}
        if set(mine) - counts <= set(theirs) and all(mine[key].shape == theirs[key].shape for key in theirs):
            with torch.no_grad():
                for key, value in theirs.items():
                    mine[key].copy_(value)
            taken.append(part)
    restart_teachers(method)
    return taken


def head_parts(method: Method) -> list[str]:
    """The parts of a method that are learnt beside its backbone: projector, predictor, decoder, prototypes ..."""
    found = []
    for name, part in method.named_children():
        learnt = any(parameter.requires_grad for parameter in part.parameters())
        if part is not method.backbone and not hasattr(part, "follows") and learnt:
            found.append(name)
    return found


def fit_positions(given: Tensor, mine: Tensor) -> Tensor:
    """The fixed positions of a decoder, (N, W), resampled where the images have another size; all else as it is."""
    if given.ndim != 2 or given.shape[1] != mine.shape[1] or mine.requires_grad or given.shape == mine.shape:
        return given
    old, new = (round(each.shape[0] ** 0.5) for each in (given, mine))
    if old**2 != given.shape[0] or new**2 != mine.shape[0]:
        return given
    return resample_abs_pos_embed(given[None], [new, new], num_prefix_tokens=0)[0]


def describe_start(start: Start, method: Method, taken: list[str]) -> str:
    """What a method goes on with, for the screen."""
    fresh = [part for part in head_parts(method) if part not in taken]
    told = [f"goes on from {start.source} ({start.framework}, {start.backbone})"]
    told += [f"with its {', '.join(taken)}"] if taken else []
    told += [f"{', '.join(fresh)} begin{'s' if len(fresh) == 1 else ''} anew"] if fresh else []
    return "; ".join([*told, start.remarks] if start.remarks else told)
