"""Export of a run for transformers: a folder that its `from_pretrained` opens, compared with the real package."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kogen.backbones._transformers_layout import TransformersModel, as_dinov2, as_vit_mae
from kogen.common.files import write_json
from kogen.common.outputs import claim_folder
from kogen.common.rng import StepRng
from kogen.common.speech.console import say
from kogen.common.tensors import write_safetensors
from kogen.config.plan import Plan
from kogen.evaluation.cost_measurement import random_pixels
from kogen.modules import masking
from kogen.modules.base import Backbone
from kogen.modules.heads import Decoder
from kogen.training.run import load_run
from kogen.training.run_heads import read_run_heads

MASKED = ("mae", "rc_mae")  # methods whose decoder ViTMAE has a place for
PARITY = 1e-5  # largest difference of an output, as a share of the largest output
TRIED = 2  # images


def export_transformers(run: Path, out: Path) -> str:
    """Write a run to the folder `out` as transformers reads it; the lines of Python that load it, and what was checked.

    MAE and RC-MAE become ViTMAE, with the decoder where the run's checkpoint is there, other ViTs Dinov2. ValueError
    for a network that is neither, and where outputs differ from the run's by more than 1e-5 of the largest.
    """
    if out.suffix:
        raise ValueError(f"--out {out}: transformers reads a folder; name one, such as --out {out.stem}")
    _, plan, backbone = load_run(run)
    decoder = load_decoder(run, plan, backbone) if plan.method in MASKED else None
    made = make_model(plan, backbone, decoder)
    claim_folder(out, [run])
    content = {"config.json": made.config, "preprocessor_config.json": made.processor | pixel_statistics(plan)}
    for name, what in content.items():
        write_json(out / name, what)
    tensors = {name: value.contiguous().clone() for name, value in made.tensors.items()}
    write_safetensors(out / "model.safetensors", tensors, {"format": "pt"})
    lines = [f"from transformers import {made.architecture} as M; m = M.from_pretrained({str(out)!r}).eval()"]
    lines.append("its feature is m(pixel_values=x).last_hidden_state[:, 0]")
    if made.architecture.startswith("ViTMAE"):
        lines[1] = "to embed, load it with ViTMAEModel and mask_ratio=0.0; the feature is last_hidden_state[:, 0]"
    return "\n".join([*lines, compare_outputs(made, out, backbone, decoder)])


def make_model(plan: Plan, backbone: Backbone, decoder: Decoder | None) -> TransformersModel:
    """The layout that a run's network fits. ValueError where it fits none."""
    if plan.method not in MASKED:
        return as_dinov2(backbone.network)
    tensors = decoder.state_dict() if decoder is not None else {}
    return as_vit_mae(backbone.network, tensors, float(plan.hyperparameters["masked"]))


def load_decoder(run: Path, plan: Plan, backbone: Backbone) -> Decoder | None:
    """The decoder of a masked method, the teacher's where the teacher is evaluated; None without a checkpoint."""
    state = run / "checkpoint" / "state.safetensors"
    if not state.exists():
        say(f"{run} has no checkpoint any more, and with it no decoder: the encoder is written alone")
        return None
    heads = read_run_heads(plan, state)
    decoder = Decoder(backbone.network, int(plan.hyperparameters["width"]), int(plan.hyperparameters["depth"]))  # type: ignore[arg-type]
    own = {name.removeprefix("decoder."): value for name, value in heads.tensors.items() if name.startswith("decoder.")}
    decoder.load_state_dict(own)
    return decoder.eval()


def pixel_statistics(plan: Plan) -> dict[str, list[float]]:
    """Mean and std of the pixels, a value a channel."""
    mean, std = (np.broadcast_to(np.array(values), plan.channels).tolist() for values in (plan.mean, plan.std))
    return {"image_mean": mean, "image_std": std}


def compare_outputs(made: TransformersModel, folder: Path, backbone: Backbone, decoder: Decoder | None) -> str:
    """A sentence on how outputs of the written files agree with the run's. ValueError where they do not."""
    try:
        library: Any = importlib.import_module("transformers")
    except ImportError:
        return "not checked: transformers is not installed here (pip install 'kogen[transformers]')"
    images = random_pixels(backbone, TRIED)
    pairs = [(features_of(library, made, folder, images), backbone(images))]
    if decoder is not None:
        pairs.append(reconstructions(library, folder, images, backbone, decoder, float(made.config["mask_ratio"])))
    # The largest of tensors: Python's max() would pass over one that is no number.
    shares = [(theirs - ours).detach().abs().max() / ours.detach().abs().max() for theirs, ours in pairs]
    worst = float(torch.stack(shares).max())
    if not worst <= PARITY:
        raise ValueError(f"outputs of transformers differ from the run's by {worst:.1e} of the largest: please report")
    what = "features and rebuilt patches" if decoder is not None else "features"
    return f"transformers {library.__version__}: {what} differ by at most {worst:.1e} of the largest"


@torch.inference_mode()
def features_of(library: Any, made: TransformersModel, folder: Path, images: Tensor) -> Tensor:
    """The features (B, D) that transformers computes."""
    masked = made.architecture.startswith("ViTMAE")
    kind = getattr(library, "ViTMAEModel" if masked else made.architecture)
    model = kind.from_pretrained(folder, local_files_only=True, **({"mask_ratio": 0.0} if masked else {})).eval()
    return model(pixel_values=images).last_hidden_state[:, 0]


@torch.inference_mode()
def reconstructions(
    library: Any, folder: Path, images: Tensor, backbone: Backbone, decoder: Decoder, masked: float
) -> tuple[Tensor, Tensor]:
    """Values of all patches (B, N, K) from the same visible ones: those of transformers, and the run's."""
    model = library.ViTMAEForPreTraining.from_pretrained(folder, local_files_only=True).eval()
    noise = StepRng(0, 0, len(images)).uniform("mask", decoder.patches)  # (B, N): the smallest stay visible
    shown = masking.visible_count(decoder.patches, masked)
    visible = noise.argsort(dim=1, stable=True)[:, :shown].sort(dim=1).values
    ours = decoder(masking.encode_visible(backbone.network, images, visible), visible)
    channels, area = images.shape[1], decoder.patch[0] * decoder.patch[1]
    ours = ours.unflatten(2, (channels, area)).transpose(2, 3).flatten(2)  # rows, columns, channels
    return model(pixel_values=images, noise=noise).logits, ours
