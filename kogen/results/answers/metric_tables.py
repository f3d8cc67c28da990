"""Tables of every metric: values, floors, and whether accuracy falls on a shifted set because the threshold is off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kogen.common.metric_facts import MetricFacts
from kogen.common.registry import load, names
from kogen.metrics._metric import Answers
from kogen.results.answers.answer_columns import has_classes
from kogen.results.answers.hard_images import hard_images, read_leaders
from kogen.results.answers.metric_choice import every_metric
from kogen.results.answers.metric_matrices import SetAnswers, measure_set, set_answers
from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import ItemMatrix
from kogen.statistics.values import rows as value_rows

CONSTANT = "\0constant"  # the answer that is always the same, as a model; no user's model has this name
METRIC_COLUMNS = [
    *("protocol", "dataset", "model", "metric", "n", "value", "lo", "hi", "floor", "better", "unit", "reason"),
]
FLOOR_COLUMNS = [
    *("dataset", "metric", "constant", "floor", "model", "value", "difference", "lo", "hi", "clear", "reason"),
]
SHIFT_COLUMNS = [
    *("dataset", "model", "n", "accuracy", "accuracy_lo", "accuracy_hi", "auroc", "auroc_lo", "auroc_hi"),
    *("reference_accuracy", "reference_accuracy_lo", "reference_auroc", "best_accuracy", "larger_class", "larger"),
    *("accuracy_falls", "ranking_holds", "case"),
]
FAR = 5.0  # points that a value has to lose to be called far below the reference's


class Floor(NamedTuple):
    """What a metric has without a model: its value, and of a constant answer the class and its answers."""

    value: float
    constant: str | None
    answers: Answers | None


def answer_tables(
    predictions: pd.DataFrame, metric: MetricFacts, reference: str, values: pd.DataFrame, protocol: str = ""
) -> dict[str, pd.DataFrame]:
    """The tables of what was answered: those of `metric_tables`, `recall`, `confusion` and `hard` (images).

    Without labels and answers these have no rows. `values`: the table of the metric that decides, whose two best models
    on the reference are the leaders.
    """
    some = (
        predictions if has_classes(predictions) else predictions.drop(columns=["label", "predicted"], errors="ignore")
    )
    tables = metric_tables(predictions, metric, reference, protocol)
    tables["recall"] = load("statistics", "recall")(some)
    tables["confusion"] = load("statistics", "confusion")(some)
    tables["hard"] = hard_images(some, read_leaders(values, reference))
    return tables


def protocol_answers(
    parts: Mapping[str, pd.DataFrame], values: pd.DataFrame, facts: MetricFacts, reference: str, protocol: str
) -> dict[str, pd.DataFrame]:
    """`answer_tables` of the main protocol among the rows of several; `metrics` has the rows of every one."""
    found = answer_tables(parts[protocol], facts, reference, values, protocol)
    others = [name for name in sorted(parts) if name != protocol]
    more = [
        rows
        for name in others
        for found, floors in floored_sets(parts[name], facts)
        for rows in every_metric_rows(found, facts, floors, name).values()
    ]
    return found | {"metrics": join_frames([found["metrics"], *more], METRIC_COLUMNS)}


def withhold_claims(matrix: ItemMatrix, pairs: pd.DataFrame, ranks: pd.DataFrame) -> None:
    """Where a class has too few images for an interval, let the tables of a set claim nothing: all that could be, may.

    Differences have the whole range of the metric, no pair is decided, and every model may have any rank.
    """
    if not matrix.withheld:
        return
    width = 100 * (matrix.high - matrix.low)
    if len(pairs):
        pairs[["lo", "lo90", "family_lo"]], pairs[["hi", "hi90", "family_hi"]] = -width, width
        pairs["verdict"], pairs["p"], pairs["lottery"], pairs["minimum_detectable"] = "undecided", 1.0, 0.5, width
    ranks["rank_lo"], ranks["rank_hi"], ranks["top"] = 1, len(matrix.models), True
    ranks["p_best"] = 1 / len(matrix.models)


def metric_tables(
    predictions: pd.DataFrame, deciding: MetricFacts, reference: str, protocol: str = ""
) -> dict[str, pd.DataFrame]:
    """The tables `metrics`, `floors` and `threshold_shift` of one protocol's predictions.

    metrics: every metric of the shelf in its own orientation (`better` says which way), with 95 % intervals; `floor`,
    what the best constant answer or chance has on the same images; `reason`, why value or interval is null. floors: the
    metric that decides; `difference` (gain of the model over the constant answer, paired on the same images, 95 %), and
    `clear`, whether its interval lies above 0. threshold_shift: see `shift_rows`.
    """
    tables: dict[str, list[pd.DataFrame]] = {"metrics": [], "floors": [], "threshold_shift": []}
    known: dict[str, dict[str, pd.DataFrame]] = {}
    for found, floors in floored_sets(predictions, deciding):
        mine = every_metric_rows(found, deciding, floors, protocol)
        tables["metrics"] += mine.values()
        tables["floors"].append(floor_rows(found, deciding, floors[deciding.name]))
        known[found.dataset] = mine | {"best": best_thresholds(found)}
        del found, floors  # before the next set is read
    for dataset, mine in known.items():
        if dataset != reference and reference in known:
            tables["threshold_shift"].append(shift_rows(dataset, mine, known[reference]))
    heads = {"metrics": METRIC_COLUMNS, "floors": FLOOR_COLUMNS, "threshold_shift": SHIFT_COLUMNS}
    return {name: join_frames(parts, heads[name]) for name, parts in tables.items()}


def floored_sets(predictions: pd.DataFrame, deciding: MetricFacts) -> Iterator[tuple[SetAnswers, dict[str, Floor]]]:
    """The answers to each set, and the floor of every metric there by its name."""
    every = every_metric(deciding, names("metrics"))
    yield from map(partial(with_floors, every), set_answers(predictions, deciding))


def with_floors(every: Sequence[MetricFacts], found: SetAnswers) -> tuple[SetAnswers, dict[str, Floor]]:
    """The answers to a set, and the floor of every metric on it by its name."""
    constants = constant_answers(found.answers[0])
    return found, {facts.name: best_constant(facts, constants) for facts in every}


def every_metric_rows(
    found: SetAnswers, deciding: MetricFacts, floors: Mapping[str, Floor], protocol: str
) -> dict[str, pd.DataFrame]:
    """The rows of `metrics` of every metric on one set, by the metric's name."""
    every = every_metric(deciding, names("metrics"))
    return {facts.name: metric_rows(found, facts, floors[facts.name].value, protocol) for facts in every}


def join_frames(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Frames one below the other; those without rows do not change the types of the others' columns."""
    filled = [part for part in parts if len(part)]
    return pd.DataFrame(pd.concat(filled, ignore_index=True)[columns]) if filled else pd.DataFrame(columns=columns)


def metric_rows(found: SetAnswers, facts: MetricFacts, floor: float, protocol: str = "") -> pd.DataFrame:
    """The rows of `metrics` of one metric on one set, the best model first."""
    measured = measure_set(found, facts)
    fixed: dict[str, Any] = {"protocol": protocol, "dataset": found.dataset, "metric": facts.name}
    fixed |= {"better": "higher" if facts.higher_is_better else "lower", "unit": facts.unit}
    fixed |= {"floor": floor, "reason": measured.reason or None}
    if measured.matrix is None:
        models = sorted(dict.fromkeys(name for name, _ in found.runs))
        empty = dict.fromkeys(("value", "lo", "hi"), np.nan)
        rows = pd.DataFrame({"model": models, "n": found.answers[0].n, **fixed, **empty})
        return pd.DataFrame(rows[METRIC_COLUMNS])
    table = value_rows(measured.matrix)
    ends = [facts.sign * table[name].to_numpy() for name in ("lo", "hi")]
    lo, hi = np.minimum(*ends), np.maximum(*ends)
    rows = {"model": table["model"], "n": table["n"], "value": facts.sign * table["value"], "lo": lo, "hi": hi}
    return pd.DataFrame(pd.DataFrame(rows | fixed)[METRIC_COLUMNS])


def constant_answers(one: Answers) -> dict[str, Answers]:
    """For each class that has images, the answers of always naming it, with the classes' shares as probabilities.

    Without labels there are none.
    """
    if not one.classes:
        return {}
    share = np.bincount(one.labels, minlength=len(one.classes)) / one.n
    same = None if one.probabilities is None else np.broadcast_to(share, (one.n, len(share)))  # never written
    found = {}
    for k in np.flatnonzero(share):
        found[one.classes[k]] = replace(
            one,
            predicted=np.full(one.n, k),
            correct=(one.labels == k).astype(float),
            probabilities=same,
            score=share[one.labels],
        )
    return found


def best_constant(facts: MetricFacts, constants: dict[str, Answers]) -> Floor:
    """What `metric_floor` gives, with the answers of that class."""
    name, value = metric_floor(facts, constants)
    return Floor(value, name, None if name is None else constants[name])


def metric_floor(facts: MetricFacts, constants: dict[str, Answers]) -> tuple[str | None, float]:
    """The class whose constant answer is best, the larger class among equals, and its value in the metric's unit.

    Ranking metrics and log loss: the value of the classes' shares as probabilities, which says nothing of an image.
    Recall at a false-alarm rate: the rate, which chance finds. Calibration: nan, the shares are calibrated.
    """
    if not constants or facts.name == "calibration_error":
        return None, np.nan
    if facts.name == "recall_at_false_alarm":
        return None, 100 * float(facts.parameters.get("rate", 0.05))
    sizes = {name: answers.correct.sum() for name, answers in constants.items()}
    if load("metrics", facts.name).needs & {"probabilities", "score"}:  # the same of all: the classes' shares
        largest = max(sizes, key=lambda name: sizes[name])
        constants = {largest: constants[largest]}
    values = {name: constant_value(facts, answers) for name, answers in constants.items()}
    kept = [name for name, value in values.items() if not np.isnan(value)]
    if not kept:
        return None, np.nan
    best = max(kept, key=lambda name: (round(facts.sign * values[name], 9), sizes[name]))
    return best, values[best]


def constant_value(facts: MetricFacts, answers: Answers) -> float:
    """The value of a constant answer in the metric's unit."""
    single = SetAnswers("", ((CONSTANT, 0),), (answers,), np.arange(answers.n))
    matrix = measure_set(single, facts).matrix
    return np.nan if matrix is None else float(100 * facts.sign * matrix.means[0])


def floor_rows(found: SetAnswers, facts: MetricFacts, best: Floor) -> pd.DataFrame:
    """The rows of `floors` on one set: each model against the best constant answer, which is one more column."""
    if best.answers is None:
        return pd.DataFrame(columns=FLOOR_COLUMNS)
    measured = measure_set(found, facts, [(CONSTANT, best.answers)])
    if measured.matrix is None:
        return pd.DataFrame(columns=FLOOR_COLUMNS)
    pairs, place = pair_differences(measured.matrix), measured.matrix.models.index(CONSTANT)
    half, middle, apart = (100 * each[:, place] for each in (pairs.half_width(0.025), pairs.adjusted, pairs.difference))
    rows = pd.DataFrame(
        {
            "dataset": found.dataset,
            "metric": facts.name,
            "constant": best.constant,
            "floor": best.value,
            "model": measured.matrix.models,
            "value": 100 * facts.sign * measured.matrix.means,
            "difference": apart,
            "lo": np.nan if measured.reason else middle - half,
            "hi": np.nan if measured.reason else middle + half,
            "clear": (middle - half > 0) & (not measured.reason),
            "reason": measured.reason or None,
        }
    )
    return pd.DataFrame(rows[rows["model"] != CONSTANT]).reset_index(drop=True)


def best_thresholds(found: SetAnswers) -> pd.DataFrame:
    """For two classes: each model's accuracy at the threshold that is best on this set, in points, mean over runs."""
    rows: dict[str, list[float]] = {}
    for (model, _), one in zip(found.runs, found.answers, strict=True):
        if one.positive is not None and one.probabilities is not None and len(one.classes) == 2:
            rows.setdefault(model, []).append(100 * best_accuracy(one.chance, one.is_positive))
    one = found.answers[0]
    larger = one.classes[int(np.bincount(one.labels).argmax())] if rows else None
    means = [np.mean(each) for each in rows.values()]
    return pd.DataFrame({"model": list(rows), "best": means, "larger_class": larger})


def best_accuracy(score: np.ndarray, positive: np.ndarray) -> float:
    """The largest share of right answers that any threshold of the score gives; equal scores stay together."""
    order = np.argsort(-score, kind="stable")
    ranked, y = score[order], positive[order].astype(float)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    gained = np.append(0.0, np.cumsum(2 * y - 1)[last])  # calling the first so many: positives less negatives
    return float(((~positive).sum() + gained.max()) / len(score))


def shift_rows(dataset: str, here: dict[str, pd.DataFrame], there: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of `threshold_shift` of one set: for each model whether accuracy or the ranking is lost there.

    accuracy_falls: the interval of its accuracy lies below the larger class, or it lost over 5 points and its interval
    lies below that of the reference. ranking_holds: the interval of AUROC lies above 50 and it lost at most 5 points.
    case: threshold (accuracy falls, the ranking holds: another threshold would mend it), ranking (both are lost: none
    would), none. Null where AUROC has no interval on both sets.
    """
    if not len(here["best"]):
        return pd.DataFrame(columns=SHIFT_COLUMNS)
    index = "model"
    accuracy, auroc = here["accuracy"].set_index(index), here["auroc"].set_index(index)
    before, ranked = there["accuracy"].set_index(index), there["auroc"].set_index(index)
    best, rows = here["best"].set_index(index), []
    for model in sorted(set(best.index) & set(before.index)):
        now, area = accuracy.loc[model], auroc.loc[model]
        row: dict[str, Any] = {"dataset": dataset, "model": model, "n": int(now["n"])}
        row |= {f"accuracy{end}": now[name] for end, name in (("", "value"), ("_lo", "lo"), ("_hi", "hi"))}
        row |= {f"auroc{end}": area[name] for end, name in (("", "value"), ("_lo", "lo"), ("_hi", "hi"))}
        row |= {"reference_accuracy": before.loc[model, "value"], "reference_accuracy_lo": before.loc[model, "lo"]}
        row |= {"reference_auroc": ranked.loc[model, "value"], "best_accuracy": best.loc[model, "best"]}
        row |= {"larger": now["floor"], "larger_class": best.loc[model, "larger_class"]}
        rows.append(row | shift_case(row))
    return pd.DataFrame(rows, columns=SHIFT_COLUMNS)


def shift_case(row: dict[str, Any]) -> dict[str, Any]:
    """What is lost on a shifted set, see `shift_rows`."""
    if any(np.isnan(row[name]) for name in ("auroc_lo", "reference_auroc")):
        return {"accuracy_falls": None, "ranking_holds": None, "case": None}
    lost = row["reference_accuracy"] - row["accuracy"]
    falls = row["accuracy_hi"] < row["larger"] or (lost > FAR and row["accuracy_hi"] < row["reference_accuracy_lo"])
    holds = row["auroc_lo"] > 50 and row["reference_auroc"] - row["auroc"] <= FAR
    case = "none" if not falls else "threshold" if holds else "ranking"
    return {"accuracy_falls": bool(falls), "ranking_holds": bool(holds), "case": case}
