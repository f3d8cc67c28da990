"""The Study: the whole question, as `kogen pilot` takes it and study.toml holds it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from kogen.augmentation.series_corruptions import parse_corruptions_of
from kogen.augmentation.view_sets import kind_of_views
from kogen.common.files import read_toml
from kogen.common.metric_facts import check_metric
from kogen.common.own_statistics import check_statistics
from kogen.common.plugins import refuse_unopened
from kogen.common.protocols import FIND_BOXES, check_probes
from kogen.common.text import check_language, hint
from kogen.config.plan import CONTINUED, check_method, check_settings, continued_settings, count_frozen
from kogen.options.model import Source, Value, validate
from kogen.options.study import LABELLED, STARTS, UNTRAINED, StudyOptions, resolve_pools, resolve_starts
from kogen.options.study_task import NOT_OF_BOXES, check_box_options, check_task, check_task_metric, with_task_defaults

BESIDE = ("trackers",)  # options that change neither a run nor a page: who asks again may ask otherwise
ORIGINAL = "original"  # what the weights of --init are called as they came, unless NAME= says another name


class Study(StudyOptions):
    """The options of a study and the source of its images."""

    source: Source

    @property
    def question(self) -> "Study":
        """The study without what is no part of its question, see `BESIDE`."""
        return self.model_copy(update={name: Study.model_fields[name].default for name in BESIDE})

    def starts_of(self, method: str) -> tuple[str, ...]:
        """How a method begins; one that is not trained has nothing to go on with."""
        return STARTS[:1] if method in UNTRAINED else resolve_starts(self.init, self.starts)

    def settings_of(self, method: str, start: str = "scratch") -> dict[str, Value]:
        """What is set for a method; of one that goes on also what is set for it alone, as `byol-continued`."""
        own = self.settings.get(method, {})
        return own if start == "scratch" else continued_settings(own) | self.settings.get(f"{method}{CONTINUED}", {})


def split_start(init: str) -> tuple[str, str]:
    """What `--init` says, [NAME=]FILE[?settings]: the name, or `original`, and the rest."""
    file = init.partition("?")[0]
    name, equals, _ = file.partition("=")
    named = equals and name and "/" not in name and not Path(file).exists()
    return (name, init.removeprefix(f"{name}=")) if named else (ORIGINAL, init)


def make_study(asked: Mapping[str, Any], where: str) -> Study:
    """A study of these options. ValueError for wrong values and wrong names, before any data is opened."""
    study = validate(Study, with_task_defaults(asked), where)
    check_task(study.task, study.normal, study.methods, study.metric)
    refuse_unopened(where, study.plugins)
    check_language(study.lang)
    for method in study.methods:
        check_method(method)
    check_probes(study.probes, study.task)
    check_statistics(study.statistics)
    check_task_metric(study.task, study.metric, study.prices)
    check_transfers(study)
    check_views(study)
    if study.task == FIND_BOXES:
        check_box_options(study.model_dump(include={*NOT_OF_BOXES, "tune_steps", "settings"}))
    if study.corrupt:
        parse_corruptions_of(kind_of_views(study.views), study.corrupt)
    for method, settings in study.settings.items():
        base = method.removesuffix(CONTINUED)
        check_settings(base, settings)
        if base not in study.methods and (study.task, base) != (FIND_BOXES, "detect"):
            raise ValueError(f"settings for {method!r}, which is not among the methods: {', '.join(study.methods)}")
        if base != method and "init" not in study.starts_of(base):
            raise ValueError(f"settings for {method!r}, and nothing goes on from weights here: add --init FILE")
    check_starts(study)
    check_pools(study)
    if not study.methods and not study.candidates:
        raise ValueError("no methods: name one or more, for instance --methods byol,random")
    if taken := sorted({*study.methods, "stock"} & set(study.candidates)):
        raise ValueError(f"a candidate has the name of a method, {taken[0]!r}: call it something else")
    if len(set(study.methods)) < len(study.methods):
        raise ValueError(f"methods {', '.join(study.methods)}: one is named twice; name each once")
    return study


def check_views(study: Study) -> None:
    """ValueError for names of views that are none, and for a set of its own where validation is to judge."""
    for name, views in study.compare_views.items():
        if not re.fullmatch(r"\w[\w .+-]{0,63}", name) or name.endswith(" "):
            raise ValueError(f"--compare-views {name!r}: wanted a name of up to 64 letters, digits, blanks, or - _ . +")
        if study.pools:
            raise ValueError(f"--compare-views {name}={views} and --images are both given: ask one question at a time")
    if study.judge_on == "validation":
        for flag, given in (("--test", study.test), ("--shift", study.shifts)):
            if given:
                raise ValueError(f"--judge-on validation judges on no other set, and {flag} names one: leave one out")


def check_transfers(study: Study) -> None:
    """ValueError for names of transfer sets that cannot be folders, and metrics of sets that are none."""
    for name in study.transfers:
        if name == "train":
            raise ValueError(f"--transfer {name}=...: the name {name!r} is taken by another set; choose another")
        if not re.fullmatch(r"\w[\w .+-]{0,63}", name) or name.endswith((".", " ")):
            raise ValueError(
                f"--transfer {name!r}: the name becomes a folder: wanted up to 64 letters, digits, blanks, or - _ . +"
            )
    for name, metric in study.transfer_metrics.items():
        if name not in study.transfers:
            known = hint(name, list(study.transfers)) if study.transfers else "there is none; name one with --transfer"
            raise ValueError(f"--transfer-metric {name}={metric}: no transfer set is called so: {known}")
        check_metric(metric)


def check_pools(study: Study) -> None:
    """ValueError for parts of the images that no method is pre-trained on."""
    if study.pools and not any(resolve_pools(method, ("1%",)) for method in study.methods):
        rest = ", ".join(method for method in study.methods) or "no method"
        raise ValueError(
            f"--images {','.join(study.pools)} asks what more images without labels bring, and {rest} learns nothing "
            f"from them: add a method such as byol ({', '.join((*UNTRAINED, *LABELLED))} do not)"
        )


def check_starts(study: Study) -> None:
    """ValueError for starts that do not fit together, or that take the name of another model."""
    starts = resolve_starts(study.init, study.starts)
    for start in starts:
        if start not in STARTS:
            raise ValueError(f"unknown start {start!r}: {hint(start, list(STARTS))}")
    if study.starts is not None and len(set(starts)) < len(study.starts):
        raise ValueError(f"starts {', '.join(starts)}: one is named twice; name each once")
    if "init" in starts and study.init is None:
        raise ValueError("--starts init goes on from weights, and none are named: add --init FILE")
    if study.init is not None and "init" not in starts:
        raise ValueError(f"--init {study.init} is given and --starts {','.join(starts)} does not use it: add init")
    if study.freeze is not None:
        check_freeze(study.freeze, study.init)
    name = split_start(study.init)[0] if study.init else ""
    others = {*study.methods, *study.candidates, "stock", *(f"{method}{CONTINUED}" for method in study.methods)}
    if name in others:
        raise ValueError(f"--init {study.init}: the name {name!r} is taken: call the weights something else, NAME=FILE")
    if study.init and (taken := sorted({f"{method}{CONTINUED}" for method in study.methods} & set(study.candidates))):
        raise ValueError(f"a candidate has the name of a method that goes on, {taken[0]!r}: call it something else")


def check_freeze(freeze: str, init: str | None) -> None:
    """ValueError for layers to freeze that are none, or that no weights are named for."""
    count_frozen(freeze)
    if init is None:
        raise ValueError(f"--freeze {freeze} keeps layers of published weights, and none are named: add --init FILE")


def read_study(path: Path) -> Study:
    """A study from its toml file. ValueError for a file that cannot be read, and as `make_study`."""
    return make_study(read_toml(path), str(path))


def study_to_toml(study: Study) -> str:
    """The study as toml that `read_study` reads back to an equal study."""
    asked = study.model_dump(mode="json", exclude=set(BESIDE))
    fields = {name: value for name, value in asked.items() if value is not None}
    return tomli_w.dumps({"source": fields.pop("source"), **fields})
