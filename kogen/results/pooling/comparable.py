"""What is comparable: how the studies of a pool differ beside their data."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kogen.results.pooling.pooled_study import PooledStudy


@dataclass(frozen=True)
class Aspect:
    """One thing in which studies may differ."""

    name: str  # key of words.toml behind `pool_aspect_`
    same: bool
    values: dict[str, str]  # of each study, in words


def aspects_of(studies: Sequence[PooledStudy]) -> list[Aspect]:
    """Every aspect, those that differ first."""
    found = []
    for name, read in ASPECTS.items():
        values = {study.name: read(study) for study in studies}
        found.append(Aspect(name, len(set(values.values())) == 1, values))
    return sorted(found, key=lambda one: one.same)


def distinct(values: Iterable[object]) -> str:
    """The distinct values of a column in words; a dash for none."""
    texts = sorted({f"{value:g}" if isinstance(value, float) else str(value) for value in values if value == value})
    return ", ".join(texts) or "–"


def of_trained_runs(name: str) -> Callable[[PooledStudy], str]:
    """A reader of a column of the runs that were trained."""
    return lambda study: distinct(study.runs[study.runs["epochs"].fillna(0) > 0][name].dropna())


def of_all_runs(name: str) -> Callable[[PooledStudy], str]:
    """A reader of a column of all runs."""
    return lambda study: distinct(study.runs[name].dropna())


def asked_probe(study: PooledStudy) -> str:
    """The probe that a team itself decides by."""
    return study.bundle.manifest.question.probes[0]


def asked_metric(study: PooledStudy) -> str:
    """The metric that a team itself decides by."""
    return study.bundle.manifest.question.metric or "by the balance of classes"


def labels(study: PooledStudy) -> str:
    """How many labels a probe learnt from."""
    return str(study.train.labelled) if study.train else "–"


ASPECTS: dict[str, Callable[[PooledStudy], str]] = {
    "probe": asked_probe,
    "metric": asked_metric,
    "labels": labels,
    "classes": lambda study: str(len(study.reference.classes)),
    "start": of_all_runs("start"),
    "backbone": of_all_runs("backbone"),
    "parameters": of_all_runs("parameters"),
    "image_size": of_all_runs("image_size"),
    "epochs": of_trained_runs("epochs"),
    "pretraining": of_trained_runs("images"),
    "views": of_trained_runs("views"),
    "judged_on": lambda study: study.bundle.manifest.question.judge_on,
    "kogen": of_all_runs("kogen"),
}
