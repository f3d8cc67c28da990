"""A network as an ONNX program in memory, and what onnxruntime makes of it; the packages may be absent."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PACKAGES = "the packages onnx, onnxscript and onnxruntime: pip install 'kogen[onnx]'"


class MissingPackages(ValueError):
    """What writes or reads ONNX is not installed."""


def export_program(module: nn.Module, example: Tensor, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """A module as an ONNX model (its protocol buffer) for any number of images; `example` has two or more.

    MissingPackages without the packages, ValueError with what the exporter says for a network that it does not know.
    """
    try:
        import onnx  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import onnxscript  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise MissingPackages(f"to write ONNX takes {PACKAGES}") from error
    dynamic = ({0: torch.export.Dim("images")},)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                module, (example,), input_names=list(inputs), output_names=list(outputs),
                dynamic_shapes=dynamic, dynamo=True, verbose=False, optimize=True,
            )  # fmt: skip
    except Exception as error:  # whatever the exporter does not know
        raise ValueError(str(error)[:300]) from error
    return program.model_proto


def make_session(content: bytes) -> Any:
    """A session of onnxruntime on the CPU, with as many threads as torch has; its own errors where it cannot read.

    MissingPackages without onnxruntime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackages(f"to read ONNX takes {PACKAGES}") from error
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])


def open_network(proto: Any) -> Callable[[np.ndarray], np.ndarray]:
    """What computes the first output of a model of one input, see `make_session`.

    MissingPackages without onnxruntime, ValueError for a model that it does not take.
    """
    try:
        session = make_session(proto.SerializeToString())
    except MissingPackages:
        raise
    except Exception as error:
        raise ValueError(str(error)[:300]) from error
    name = session.get_inputs()[0].name
    compute: Any = lambda pixels: session.run(None, {name: pixels})[0]  # noqa: E731
    return compute
