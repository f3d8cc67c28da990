"""kogen: which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""

import importlib
from typing import TYPE_CHECKING, Any

from kogen.common.verbs import load_verb
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
        pack,
        pilot,
        pool,
        predict,
        pretrain,
        prior,
        push,
        report,
        run,
        share,
        submit,
        views,
    )
    from kogen.common.objects import hold
    from kogen.common.speech.console import show_events as show_events
    from kogen.handover.embedder import Embedder
    from kogen.own_model import landscape_of

__version__ = VERSION
__all__ = ["audit", "compare", "embed", "estimate", "evaluate", "export", "landscape", "lottery", "pilot", "predict"]
__all__ += [
    "Embedder",
    "hold",
    "landscape_of",
    "pack",
    "pool",
    "pretrain",
    "prior",
    "push",
    "report",
    "run",
    "share",
    "submit",
    "views",
]
ELSEWHERE = {"Embedder": "kogen.handover.embedder", "hold": "kogen.common.objects"}  # what is no verb
ELSEWHERE |= {"landscape_of": "kogen.own_model", "show_events": "kogen.common.speech.console"}


def __getattr__(name: str) -> Any:
    """A verb, loaded at its first use: importing `kogen.statistics` must not import torch."""
    if name in ELSEWHERE:
        try:
            return getattr(importlib.import_module(ELSEWHERE[name]), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "sklearn":
                raise
            raise ImportError(f"kogen.{name} is made with scikit-learn: pip install scikit-learn") from error
    if name in __all__:
        return load_verb(name)
    raise AttributeError(f"module 'kogen' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, with the verbs that are not loaded yet, for completion."""
    return sorted([*globals(), *__all__, *ELSEWHERE])
