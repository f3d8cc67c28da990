"""A shelf is a folder, a name is a file: `names(shelf)` lists what is there, `load(shelf, name)` brings one thing."""

import importlib
from pathlib import Path
from typing import Any

from kogen.common.text import hint

PACKAGE_FOLDER = Path(__file__).parents[1]
FOLDERS = {  # of each shelf, in kogen/
    "backbones": "backbones",
    "datasets": "data/datasets",
    "directions": "loss_landscape/directions",
    "methods": "methods",
    "metrics": "metrics",
    "probes": "evaluation/probes",
    "statistics": "statistics",
    "trackers": "tracking/trackers",
}
# What plans of candidates and of fine-tunings name, and nobody types.
UNLISTED = {("methods", "stock"): "_published", ("methods", "tune"): "_fine_tuning"}


def names(shelf: str) -> list[str]:
    """Names on a shelf, sorted: the stems of its files."""
    return sorted(path.stem for path in (PACKAGE_FOLDER / FOLDERS[shelf]).glob("*.py") if not path.stem.startswith("_"))


def load(shelf: str, name: str) -> Any:
    """The one public thing (`__all__`) of the file `name` on `shelf`.

    Raises ValueError for an unknown name, with the nearest right one.
    """
    file = UNLISTED.get((shelf, name), name)
    if file == name and name not in names(shelf):
        raise ValueError(f"unknown name {name!r} among the {shelf}: {hint(name, names(shelf))}")
    module = importlib.import_module(f"kogen.{FOLDERS[shelf].replace('/', '.')}.{file}")
    (public,) = module.__all__
    return getattr(module, public)
