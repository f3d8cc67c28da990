"""Export of a run with a head: one file from pixels to probabilities, checked, with a card beside it."""

from pathlib import Path

import numpy as np

from kogen.common.files import write_atomically
from kogen.common.outputs import claim_file
from kogen.data.open import source_paths
from kogen.handover.card import preprocessing_lines, write_card
from kogen.handover.exported_model import ExportedModel, is_onnx, load_model, save_model
from kogen.handover.fitted_model import FittedModel, compare_with_study, fit_model
from kogen.handover.onnx_file import load_onnx, save_onnx
from kogen.options.runs import ExportOptions

CHECKED = 64  # images on which onnxruntime is compared with torch
FORMATS = ("auto", "safetensors", "onnx")  # auto: by the ending of --out


def export_classifier(run: Path, options: ExportOptions) -> str:
    """Write a run with a head to `options.out` and a card beside it; what a person must know of it, in lines.

    ValueError as `fit_model` and `save_onnx`, for files that are not kogen's, and for an ending of another format.
    """
    out, onnx = options.out, is_onnx(options.out)
    if options.format not in FORMATS:
        raise ValueError(f"--format {options.format}: with --head a model is written as safetensors or onnx")
    if options.format != "auto" and onnx != (options.format == "onnx"):
        raise ValueError(f"--format {options.format} and --out {out} do not fit: call it {out.stem}.{options.format}")
    card, read = out.with_suffix(".md"), [run, *source_paths(options.train)]
    for place in (out, card):
        claim_file(place, read, force=options.force)
    fitted = fit_model(run, options.head, options.train)
    model, checks = write_model(fitted, out)
    checks.append(compare_with_study(model, fitted))
    text = write_card(model, fitted, run, onnx, checks)
    write_atomically(card, lambda place: place.write_text(text, encoding="utf-8"))
    return "\n".join([*preprocessing_lines(model), *checks, f"{out}, its card {card}"])


def write_model(fitted: FittedModel, out: Path) -> tuple[ExportedModel, list[str]]:
    """Write a model, and read it back from its file; with a sentence on what was checked."""
    if not is_onnx(out):
        save_model(fitted.model, out)
        return load_model(out), []
    some = np.unique(np.linspace(0, len(fitted.train) - 1, min(CHECKED, len(fitted.train))).astype(int))
    worst = save_onnx(fitted.model, fitted.train.subset(some), out)
    said = f"onnxruntime and torch differ by at most {worst:.1e} in a probability of {len(some)} images"
    return load_onnx(out), [said]


def open_model(place: Path, head: str = "linear") -> ExportedModel:
    """A model from its file, or of a run in a study. ValueError as `load_model`, `load_onnx` and `fit_model`."""
    if place.is_dir():
        return fit_model(place, head).model
    return load_onnx(place) if is_onnx(place) else load_model(place)
