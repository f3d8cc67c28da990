"""The request: a source and options made into a study, checked before anything is opened or written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kogen.common.files import read_toml
from kogen.common.plugins import listed_plugin
from kogen.config.plan import Plan
from kogen.config.study import BESIDE, Study, make_study
from kogen.data.open import kind_of_source
from kogen.options.study import StudyOptions
from kogen.options.study_task import with_task_defaults
from kogen.study.plans import read_candidate
from kogen.study.source_kind import check_views, with_series_defaults
from kogen.study.study_start import check_start_fits, open_start, with_network
from kogen.training.build import build_method
from kogen.training.trial import try_method

# Defaults of `kogen pilot surfaces`, which takes minutes on two cores.
SURFACES_OPTIONS = dict(epochs=5, image_size=32, batch_size=32, backbone="tiny?stem=half", views="inspection")
SURFACES_SETTINGS = {"byol": {"momentum": 0.9, "rate": 0.5}, "simclr": {"rate": 0.5}, "supervised": {"rate": 1.0}}


def study_from_request(source: str, options: StudyOptions) -> Study:
    """The study of a toml file, or of a source and options; ValueError for names and networks that do not fit.

    Weights to go on from bring the network and the image size, where none are named.
    """
    asked = {name: getattr(options, name) for name in options.model_fields_set if name in StudyOptions.model_fields}
    if source.endswith(".toml"):
        beside = {name: asked.pop(name) for name in BESIDE if name in asked}
        opened = asked.pop("plugins", ())  # to run the code that the file names, a command has to name it too
        if asked:
            odd = ", ".join(sorted(asked))
            raise ValueError(f"{source} says all that is asked; leave out {odd}, or change the file")
        told = read_toml(Path(source)) | beside
        listed = [code for code in told.get("plugins", ()) if listed_plugin(str(code)) is None]
        told = with_defaults = told | ({"plugins": [*listed, *opened]} if opened else {})
    else:
        asked = with_task_defaults(asked)
        told, with_defaults = asked, {"source": source, **with_surfaces_defaults(source, asked)}
    if (kind := kind_of_source(str(with_defaults.get("source", "")))) == "series":
        with_defaults = with_series_defaults(with_defaults)
    where = source if source.endswith(".toml") else "pilot"
    study = make_study(with_defaults, where)
    start = open_start(study.init, getattr(options, "out", None)) if study.init else None
    study = make_study(with_defaults | with_network(told, start), where)
    for views in (study.views, *study.compare_views.values()):
        check_views(views, study.image_size, kind)
    for method in {"random", *study.methods}:
        seen: dict[str, Any] = {name: getattr(study, name) for name in ("backbone", "image_size", "views", "precision")}
        plan = Plan(method=method, kind="series" if kind == "series" else "", **seen)
        check_method_fits(plan, study.settings.get(method, {}))
        if start and "init" in study.starts_of(method):
            plan = plan.model_copy(update={"settings": study.settings_of(method, "init")})
            check_start_fits(plan, start, study.freeze)
    for name, file in study.candidates.items():
        build_method(read_candidate(name, file))  # ValueError for weights that the network has no place for
    return study


def with_surfaces_defaults(source: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The options asked for, over those that suit a pilot of the drawn surfaces, if the source is these."""
    if source.partition("?")[0].partition(":")[0] != "surfaces":
        return asked
    methods = asked.get("methods", SURFACES_SETTINGS)
    settings = {name: values for name, values in SURFACES_SETTINGS.items() if name in methods}
    return SURFACES_OPTIONS | {"settings": settings} | asked


def check_method_fits(plan: Plan, settings: Mapping[str, Any]) -> None:
    """ValueError for a method that cannot be built around the backbone, before anything is decoded."""
    full = plan.model_copy(update={"settings": dict(settings), "classes": ("a", "b")})
    try_method(build_method(full), full)
