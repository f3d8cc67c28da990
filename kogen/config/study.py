"""The Study: the whole question, as `kogen pilot` takes it and study.toml holds it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from kogen.augmentation import corruptions
from kogen.common import registry
from kogen.common.files import read_toml
from kogen.common.metric_facts import check_metric
from kogen.common.text import check_language
from kogen.config.plan import check_method, check_settings
from kogen.options.model import Source, validate
from kogen.options.study import StudyOptions


class Study(StudyOptions):
    """The options of a study and the source of its images."""

    source: Source


def make_study(asked: Mapping[str, Any], where: str) -> Study:
    """A study of these options. ValueError for wrong values and wrong names, before any data is opened."""
    study = validate(Study, asked, where)
    check_language(study.lang)
    for method in study.methods:
        check_method(method)
    check_probes(study.probes)
    check_metric(study.metric)
    if study.corrupt:
        corruptions.parse_corruptions(study.corrupt)
    for method, settings in study.settings.items():
        check_settings(method, settings)
        if method not in study.methods:
            raise ValueError(f"settings for {method!r}, which is not among the methods: {', '.join(study.methods)}")
    if not study.methods and not study.candidates:
        raise ValueError("no methods: name one or more, for instance --methods byol,random")
    if taken := sorted({*study.methods, "stock"} & set(study.candidates)):
        raise ValueError(f"a candidate has the name of a method, {taken[0]!r}: call it something else")
    if len(set(study.methods)) < len(study.methods):
        raise ValueError(f"methods {', '.join(study.methods)}: one is named twice; name each once")
    return study


def check_probes(probes: Sequence[str]) -> None:
    """ValueError for no probe, one that does not exist or is named twice: each of its answers would count twice."""
    if not probes:
        raise ValueError("no probes: name one or more, for instance --probe linear")
    for probe in probes:
        registry.load("probes", probe)
    if len(set(probes)) < len(probes):
        raise ValueError(f"probes {', '.join(probes)}: one is named twice; name each once")


def read_study(path: Path) -> Study:
    """A study from its toml file. ValueError for a file that cannot be read, and as `make_study`."""
    return make_study(read_toml(path), str(path))


def study_to_toml(study: Study) -> str:
    """The study as toml that `read_study` reads back to an equal study."""
    fields = {name: value for name, value in study.model_dump(mode="json").items() if value is not None}
    return tomli_w.dumps({"source": fields.pop("source"), **fields})
