"""kogen: which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""

import importlib
from typing import TYPE_CHECKING, Any

import kogen.report

if TYPE_CHECKING:
    from kogen.api import estimate, evaluate, export, pilot, pretrain, report

__version__ = "0.1.0"
__all__ = ["estimate", "evaluate", "export", "pilot", "pretrain", "report"]

# The room kogen/report is loaded (it is light) and its name given up, so that `kogen.report(...)` stays the verb.
del kogen.report


def __getattr__(name: str) -> Any:
    """The verbs, loaded when first asked for: importing `kogen.statistics` must not import torch."""
    if name in __all__:
        return getattr(importlib.import_module("kogen.api"), name)
    raise AttributeError(f"module 'kogen' has no attribute {name!r}")
