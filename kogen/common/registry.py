"""A shelf is a folder, a name is a file: `names(shelf)` lists what is there, `load(shelf, name)` brings one thing.

Plug-ins (plugins.py) stand on the same shelves, behind what is kogen's own.
"""

import importlib
from pathlib import Path
from typing import Any

from kogen.common.plugins import find_plugin, plugin_names, unknown_name

PACKAGE_FOLDER = Path(__file__).parents[1]
FOLDERS = {  # of each shelf, in kogen/
    "backbones": "backbones",
    "datasets": "data/datasets",
    "detectors": "evaluation/detectors",
    "directions": "loss_landscape/directions",
    "methods": "methods",
    "metrics": "metrics",
    "probes": "evaluation/probes",
    "statistics": "statistics",
    "trackers": "tracking/trackers",
}
# What plans of candidates, of fine-tunings and of detectors name, and nobody types.
UNLISTED = {
    ("methods", "stock"): "_published",
    ("methods", "tune"): "_fine_tuning",
    ("methods", "detect"): "_detection",
}


def own_names(shelf: str) -> list[str]:
    """Names on a shelf of kogen's own, sorted: the stems of its files."""
    return sorted(path.stem for path in (PACKAGE_FOLDER / FOLDERS[shelf]).glob("*.py") if not path.stem.startswith("_"))


def names(shelf: str) -> list[str]:
    """Names on a shelf: kogen's own, sorted, and those of plug-ins."""
    return [*own_names(shelf), *plugin_names(shelf)]


def load(shelf: str, name: str) -> Any:
    """The one public thing (`__all__`) of the file `name` on `shelf`, or the plug-in of this name.

    Raises ValueError for an unknown name, with the nearest right one.
    """
    file = UNLISTED.get((shelf, name), name)
    if file == name and name not in own_names(shelf):
        if plugin := find_plugin(shelf, name):
            return plugin.thing
        raise ValueError(unknown_name(shelf, name, names(shelf)))
    module = importlib.import_module(f"kogen.{FOLDERS[shelf].replace('/', '.')}.{file}")
    (public,) = module.__all__
    return getattr(module, public)
