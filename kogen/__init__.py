"""kogen: which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kogen.api import estimate, evaluate, export, landscape, lottery, pilot, pretrain, report

__version__ = "0.1.0"
__all__ = ["estimate", "evaluate", "export", "landscape", "lottery", "pilot", "pretrain", "report"]


def __getattr__(name: str) -> Any:
    """The verbs, loaded when first asked for: importing `kogen.statistics` must not import torch."""
    if name in __all__:
        return getattr(importlib.import_module("kogen.api"), name)
    raise AttributeError(f"module 'kogen' has no attribute {name!r}")


class Face(ModuleType):
    """The package as its users see it: `kogen.report(...)` stays the verb when the room kogen/report is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = Face
