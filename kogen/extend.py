"""What code of your own is written with: `from kogen.extend import Method, Recipe, Views`; docs/plugins.md says how."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kogen.augmentation.corruptions import CorruptionKind
    from kogen.augmentation.pixel_rng import ItemRng
    from kogen.augmentation.views import View
    from kogen.augmentation.waves import Wave
    from kogen.common.distributed import gather
    from kogen.data.images import Images, from_array
    from kogen.data.series.from_values import from_series
    from kogen.evaluation.features import Features, Predictions
    from kogen.loss_landscape.directions._plane import Plane
    from kogen.metrics._metric import Answers, Contributions, Metric
    from kogen.modules.base import Backbone, Method, PerImageMethod, Recipe, Terms, Views
    from kogen.modules.ema import ema_copy, ema_update
    from kogen.modules.heads import mlp

PLACES = {
    "augmentation.corruptions": ("CorruptionKind",),
    "augmentation.pixel_rng": ("ItemRng",),
    "augmentation.views": ("View",),
    "augmentation.waves": ("Wave",),
    "common.distributed": ("gather",),
    "data.images": ("Images", "from_array"),
    "data.series.from_values": ("from_series",),
    "evaluation.features": ("Features", "Predictions"),
    "loss_landscape.directions._plane": ("Plane",),
    "metrics._metric": ("Answers", "Contributions", "Metric"),
    "modules.base": ("Backbone", "Method", "PerImageMethod", "Recipe", "Terms", "Views"),
    "modules.ema": ("ema_copy", "ema_update"),
    "modules.heads": ("mlp",),
}
MODULES = {name: f"kogen.{module}" for module, names in PLACES.items() for name in names}
__all__ = ["Answers", "Backbone", "Contributions", "CorruptionKind", "Features", "Images", "ItemRng", "Method"]
__all__ += ["Metric", "PerImageMethod", "Plane", "Predictions", "Recipe", "Terms", "View", "Views", "Wave"]
__all__ += ["ema_copy", "ema_update", "from_array", "from_series", "gather", "mlp"]


def __getattr__(name: str) -> Any:
    """A name, loaded at its first use: a metric of one's own needs no torch."""
    if name in MODULES:
        return getattr(importlib.import_module(MODULES[name]), name)
    raise AttributeError(f"module 'kogen.extend' has no attribute {name!r}")
