"""kogen: which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""

import importlib
from typing import TYPE_CHECKING, Any

from kogen.common.version import VERSION

if TYPE_CHECKING:
    from kogen.api import (
        audit,
        compare,
        embed,
        estimate,
        evaluate,
        export,
        landscape,
        lottery,
        pilot,
        predict,
        pretrain,
        report,
        views,
    )
    from kogen.common.objects import hold
    from kogen.handover.embedder import Embedder

__version__ = VERSION
__all__ = ["audit", "compare", "embed", "estimate", "evaluate", "export", "landscape", "lottery", "pilot", "predict"]
__all__ += ["Embedder", "hold", "pretrain", "report", "views"]
HOMES = {"Embedder": "kogen.handover.embedder", "hold": "kogen.common.objects"}  # of what is no verb


def __getattr__(name: str) -> Any:
    """A verb, loaded at its first use: importing `kogen.statistics` must not import torch."""
    if name in __all__:
        try:
            return getattr(importlib.import_module(HOMES.get(name, "kogen.api")), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "sklearn":
                raise
            raise ImportError(f"kogen.{name} is made with scikit-learn: pip install scikit-learn") from error
    raise AttributeError(f"module 'kogen' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, with the verbs that are not loaded yet, for completion."""
    return sorted([*globals(), *__all__])
