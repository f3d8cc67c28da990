"""A bundle as pooling judges it: the models that are told by name, on its reference, by one probe and one metric."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from kogen.common.metric_facts import MetricFacts
from kogen.results.answers.answer_columns import LISTS, number_rows, share_classes
from kogen.results.answers.metric_choice import choose_metric
from kogen.results.answers.metric_matrices import metric_matrices
from kogen.results.sharing.bundle_format import OWN, PREDICTIONS, RUNS
from kogen.results.sharing.manifest import SharedSet
from kogen.results.sharing.read_bundle import Bundle
from kogen.statistics._item_matrix import ItemMatrix

CODED_MODEL = re.compile(r"model [A-Z]+|.*, views [A-Z]+")  # which means another model in every bundle
UNTRAINED = ("random", "stock")  # methods whose runs may be alike in different studies of the same images
DISTINCT = 20
_MARKS: WeakKeyDictionary[Bundle, frozenset[tuple[str, bool]]] = WeakKeyDictionary()
COLUMNS = ("model", "dataset", "seed", "item", "cluster", "correct", "score", "label", "predicted", "role", "protocol")


@dataclass(frozen=True, eq=False)
class PooledStudy:
    """A bundle, its reference, and the item matrix of the models that may be compared across bundles."""

    name: str
    bundle: Bundle
    reference: SharedSet
    facts: MetricFacts
    protocol: str
    matrix: ItemMatrix
    left_out: tuple[str, ...]  # models that only their team knows
    runs: Any = field(repr=False)

    @property
    def train(self) -> SharedSet | None:
        """The set that was trained on; None where a bundle has none."""
        return next((one for one in self.bundle.manifest.sets if one.role == "train"), None)


def read_rows(bundle: Bundle, protocol: str, *, parts: bool = False) -> Any:
    """The rows of a bundle's reference by one probe, as metrics want them; with `parts` those of label budgets too."""
    table = bundle.tables[PREDICTIONS]
    chosen = np.asarray(table["role"].combine_chunks().dictionary_decode()) == "reference"
    chosen &= np.asarray(table["protocol"].combine_chunks().dictionary_decode()) == protocol
    chosen &= np.asarray(table["pool"].is_null())
    if not parts:
        chosen &= np.asarray(table["budget"].is_null())
    some = table.filter(pa.array(chosen))
    columns = [*COLUMNS, *(("budget", "draw") if parts else ())]
    frame: Any = some.select(columns).to_pandas()
    if bundle.classes:
        frame = frame.assign(**{name: number_rows(some[name].combine_chunks()) for name in LISTS})
    known = any(len(frame[name].dropna()) < len(frame) for name in ("label", "predicted"))
    return frame if known else share_classes(frame, bundle.classes or None)


def reference_of(bundle: Bundle) -> SharedSet:
    """The set that a study's choice is made on. ValueError for none, or two."""
    found = [one for one in bundle.manifest.sets if one.role == "reference"]
    if len(found) != 1:
        raise ValueError(f"{bundle.path} has {len(found)} reference sets, wanted one: share it anew")
    return found[0]


def open_study(bundle: Bundle, protocol: str, metric: str | None) -> PooledStudy:
    """A bundle judged by one probe and metric. ValueError where the metric has no value on its reference."""
    reference = reference_of(bundle)
    frame = read_rows(bundle, protocol)
    names = sorted(map(str, frame["model"].unique()))
    left = tuple(name for name in names if CODED_MODEL.fullmatch(name))
    frame = frame[~frame["model"].isin(left)]
    if frame.empty:
        raise ValueError(f"{bundle.path} has no model that others can have too by {protocol}: it has {', '.join(left)}")
    spec = with_positive(metric, bundle.manifest.positive)
    facts = choose_metric(frame, spec, reference.name)
    try:
        (matrix,) = metric_matrices(frame.drop(columns=["role", "protocol"]), facts)
    except ValueError as error:
        raise ValueError(f"{bundle.path}: {error}") from error
    runs = bundle.tables[RUNS].to_pandas()
    return PooledStudy(bundle.name, bundle, reference, facts, protocol, matrix, left, runs)


def with_positive(metric: str | None, positive: str | None) -> str | None:
    """The metric with the class that the team looked for; codes of classes have another order than their names."""
    if metric is None or positive is None or "positive=" in metric:
        return metric
    return f"{metric}{'&' if '?' in metric else '?'}positive={positive}"


def protocols_in(bundle: Bundle) -> list[str]:
    """The probes that a bundle's reference is judged by, those that its team chose first."""
    table = bundle.tables[PREDICTIONS]
    there = set(table["protocol"].unique().to_pylist())
    return [name for name in dict.fromkeys((*bundle.manifest.question.probes, *sorted(there))) if name in there]


def own_metric(bundle: Bundle) -> bool:
    """Whether a team's metric is its own code, which nobody else has."""
    return bundle.manifest.question.metric == OWN


def run_marks(bundle: Bundle) -> frozenset[tuple[str, bool]]:
    """A mark of what each run answered, which no salt changes, and whether it was trained.

    Method, seed, probe and the sorted probabilities of the true classes: equal marks are the same run on the same
    images. A run without 20 distinct probabilities has none: chance could make it equal to another.
    """
    if bundle not in _MARKS:
        _MARKS[bundle] = frozenset(_make_marks(bundle))
    return _MARKS[bundle]


def _make_marks(bundle: Bundle) -> Iterator[tuple[str, bool]]:
    """The marks, made anew."""
    rows = bundle.tables[PREDICTIONS].select(["run", "method", "seed", "protocol", "role", "budget", "pool", "score"])
    frame = rows.to_pandas()
    frame = frame[frame["budget"].isna() & frame["pool"].isna() & frame["score"].notna()]
    for key, part in frame.groupby(["run", "method", "seed", "protocol", "role"], observed=True):
        scores = np.sort(part["score"].to_numpy())
        if len(np.unique(scores)) >= DISTINCT:
            _, method, *_ = about = [str(name) for name in key]  # type: ignore[union-attr]
            digest = hashlib.sha256(scores.tobytes()).hexdigest()
            yield f"{about[1:]} {digest}", method not in UNTRAINED
