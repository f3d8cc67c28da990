"""The request: a source and options made into a study, checked before anything is opened or written."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.augmentation.views import view_set
from kogen.config.plan import Plan
from kogen.config.study import Study, make_study, read_study
from kogen.options.study import StudyOptions
from kogen.study.plans import read_candidate
from kogen.training.build import build_method

# Defaults of `kogen pilot surfaces`, which takes minutes on two cores.
SURFACES_OPTIONS = dict(epochs=5, image_size=32, batch_size=32, backbone="tiny?stem=half", views="inspection")
SURFACES_SETTINGS = {"byol": {"momentum": 0.9, "rate": 0.5}, "simclr": {"rate": 0.5}, "supervised": {"rate": 1.0}}


def study_from_request(source: str, options: StudyOptions) -> Study:
    """The study of a toml file, or of a source and options; ValueError for names and networks that do not fit."""
    asked = {name: getattr(options, name) for name in options.model_fields_set if name in StudyOptions.model_fields}
    if source.endswith(".toml"):
        if asked:
            odd = ", ".join(sorted(asked))
            raise ValueError(f"{source} says all that is asked; leave out {odd}, or change the file")
        return read_study(Path(source))
    if source.partition("?")[0].partition(":")[0] == "surfaces":
        methods = asked.get("methods", SURFACES_SETTINGS)
        settings = {name: values for name, values in SURFACES_SETTINGS.items() if name in methods}
        asked = SURFACES_OPTIONS | {"settings": settings} | asked
    study = make_study({"source": source, **asked}, "pilot")
    view_set(study.views, study.image_size)
    for method in {"random", *study.methods}:
        plan = Plan(method=method, backbone=study.backbone, image_size=study.image_size)
        check_method_fits(plan, study.settings.get(method, {}))
    for name, file in study.candidates.items():
        build_method(read_candidate(name, file))  # ValueError for weights that the network has no place for
    return study


def check_method_fits(plan: Plan, settings: Mapping[str, Any]) -> None:
    """ValueError for a method that cannot be built around the backbone, before anything is decoded."""
    build_method(plan.model_copy(update={"settings": dict(settings), "classes": ("a", "b")}))


def same_question(place: Path, study: Study) -> bool:
    """Whether the study.toml at `place` asks the same as `study`, in whatever layout."""
    try:
        return read_study(place) == study
    except ValueError:
        return False


def read_question(folder: Path) -> dict[str, Any]:
    """Margin, probes and language of the study in a folder. ValueError for a folder without a study."""
    place = folder / "study.toml"
    if not place.exists():
        raise ValueError(f"{folder} holds no study (no study.toml): run `kogen pilot ... --out {folder}` first")
    return {"margin": 1.0, "probes": ["linear"], "lang": "en"} | tomllib.loads(place.read_text())
