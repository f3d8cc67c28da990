"""Export of a run: its backbone as a safetensors file that says what it is and that a plain timm network loads."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from kogen.common.outputs import STAMP
from kogen.common.text import hint
from kogen.training.build import network_facts, save_weights
from kogen.training.run import load_run

FORMATS = ("timm", "transformers")  # the second by transformers_export.py


def export_run(folder: Path, out: Path, kind: str = "timm") -> str:
    """Write the backbone of a run to `out` and return the line of Python that loads it without kogen, tried out.

    ValueError for an unknown format, an unfinished run, or (never seen) features that differ from the run's.
    """
    if kind not in FORMATS:
        raise ValueError(f"unknown format {kind!r}: {hint(kind, list(FORMATS))}")
    _, plan, backbone = load_run(folder)
    save_weights(backbone, out, {"writer": STAMP} | network_facts(plan, backbone))
    theirs = backbone.blueprint.build()
    theirs.load_state_dict(load_file(out))
    theirs.eval()
    images = torch.rand(2, *plan.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours, exported = backbone(images), theirs(images)
    if not torch.allclose(ours, exported, atol=1e-5, rtol=1e-4):
        difference = (ours - exported).abs().max()
        raise ValueError(f"the exported network's features differ from the run's by {difference:.2g}: please report")
    loading = f"from safetensors.torch import load_file; m.load_state_dict(load_file({str(out)!r})); m.eval()"
    return f"{backbone.blueprint.to_python()}; {loading}"
