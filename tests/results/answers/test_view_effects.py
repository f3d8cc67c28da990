"""Effects of operations from drawn trainings whose truth is known: what helps, hurts, erases a class, or is nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.results.answers.answer_columns import share_classes
from kogen.results.answers.view_effects import (
    Advice,
    AskedViews,
    Effect,
    Reading,
    ViewEffects,
    advise,
    judge_views,
    make_reading,
    only,
    proposal_of,
    read_effects,
    without,
    write_effects,
)
from kogen.statistics._intervals import item_quantile, pair_differences
from kogen.statistics._item_matrix import item_matrices
from kogen.statistics.paired import paired

LABELS = ("good", "scratch", "stain")
BALANCED = MetricFacts("balanced_accuracy", counts_images=False)
# How well each class is recognised: with all operations, and without each.
WHOLE = {"good": 0.8, "scratch": 0.6, "stain": 0.7}
TRUTH = {
    "crop": {"good": 0.5, "scratch": 0.3, "stain": 0.4},  # helps: without it all classes fall
    "flip": WHOLE,  # nothing
    "noise": {"good": 1.0, "scratch": 0.8, "stain": 0.9},  # hurts
    "blur": WHOLE | {"scratch": 0.95},  # erases scratches
}
ASKED = AskedViews("byol", "natural", list(TRUTH), {"blur": Reading(900, 90, {"scratch": Effect(-30.0)})})


def rows(
    skills: dict[str, dict[str, float]],
    protocols: tuple[str, ...] = ("linear", "knn"),
    n: int = 900,
    rng: np.random.Generator | None = None,
    training: float = 0.0,
) -> pd.DataFrame:
    """One row an image of models with known shares of each class, three seeds; images differ in difficulty.

    `training`: standard deviation of the shares of a seed.
    """
    rng, frames = rng or np.random.default_rng(1), []
    label, hard = np.array(LABELS)[np.arange(n) % 3], rng.random(n)
    for model, skill in skills.items():
        for seed in range(3):
            luck = training * rng.standard_normal()
            right = hard * 0.7 + rng.random(n) * 0.3 < np.array([skill[one] for one in label]) + luck
            part = pd.DataFrame({"item": [f"i{k}" for k in range(n)], "label": label, "correct": right.astype(int)})
            part["predicted"] = np.where(right, label, np.roll(np.array(LABELS), 1)[np.arange(n) % 3])
            part = part.assign(
                model=model, seed=seed, dataset="validation", cluster=part["item"], budget=None, pool=None
            )
            frames += [part.assign(protocol=protocol) for protocol in protocols]
    return share_classes(pd.concat(frames, ignore_index=True))


def models(**more: dict[str, float]) -> dict[str, dict[str, float]]:
    found = {"byol": WHOLE} | {f"byol {without(name)}": skill for name, skill in TRUTH.items()}
    alone = {f"byol {only(name)}": TRUTH["crop"] for name in TRUTH}
    return found | alone | {"byol nothing": dict.fromkeys(LABELS, 0.4)} | more


@pytest.fixture(scope="module")
def effects() -> ViewEffects:
    found = judge_views(ASKED, rows(models()), ACCURACY, "linear", "validation")
    assert found is not None
    return found


def test_each_operation_is_told_as_it_was_drawn(effects: ViewEffects) -> None:
    told = {one.name: one.advice for one in effects.operations}
    assert told == {"crop": Advice.HELPS, "flip": Advice.OPEN, "noise": Advice.HURTS, "blur": Advice.ERASES}
    blur = effects.operations[-1]
    assert blur.fallen == ["scratch"]
    assert blur.reading == ASKED.readings["blur"]
    assert proposal_of(effects) == ["noise", "blur"]
    assert (effects.images, effects.seeds, effects.proposal) == (900, 3, None)
    table = rows(models(), ("linear",))
    share = table.groupby("model")["correct"].mean() * 100
    assert (effects.whole, effects.nothing) == pytest.approx((share["byol"], share["byol nothing"]))


def test_differences_are_those_of_the_pairs_with_ends_for_all_operations(effects: ViewEffects) -> None:
    table = rows(models(), ("linear",))
    for one in effects.operations:
        both = table[table["model"].isin(("byol", f"byol {without(one.name)}"))]
        (pair,) = paired(both).to_dict("records")
        sign = 1 if pair["first"] == "byol" else -1
        assert one.left_out.value == pytest.approx(sign * pair["difference"])
        assert one.left_out.lo is not None
        assert one.left_out.hi is not None
        assert one.left_out.lo < one.left_out.value < one.left_out.hi
        assert one.alone is not None
        assert one.neighbours is not None
        assert one.neighbours.value == pytest.approx(one.left_out.value)  # the drawn answers are the same


def test_training_is_as_uncertain_for_all_views_as_all_of_them_show() -> None:
    table = rows(models(), ("linear",), n=300)
    (matrix,) = item_matrices(table)
    asked = AskedViews("byol", "natural", list(TRUTH))
    found = judge_views(asked, table, ACCURACY, "linear", "validation")
    assert found is not None
    flip, tail = found.operations[1].left_out, 0.025 / 4
    i, j = (matrix.models.index(name) for name in ("byol", "byol without flip"))
    images = pair_differences(matrix).item_variance[i, j]
    training = 2 * np.mean([matrix.training_variance[k] for k in range(len(matrix.models))])
    freedom = sum(runs - 1 for runs in matrix.runs)
    half = np.sqrt(item_quantile(matrix, tail, pairs=True) ** 2 * images + student.isf(tail, freedom) ** 2 * training)
    assert flip.hi is not None
    assert flip.lo is not None
    assert (flip.hi - flip.lo) / 2 == pytest.approx(100 * half)


@pytest.mark.slow
def test_where_nothing_matters_advice_is_rarely_given() -> None:
    """Images and trainings are drawn anew: advice of any kind on any of four operations in at most 5 % of studies."""
    same, false = dict.fromkeys(LABELS, 0.7), 0
    names = ["byol", "byol nothing", *(f"byol {kind(one)}" for one in TRUTH for kind in (without, only))]
    for number in range(300):
        rng = np.random.default_rng(number)
        table = rows({name: same for name in names}, ("linear",), n=240, rng=rng, training=0.05)
        found = judge_views(ASKED, table, ACCURACY, "linear", "validation")
        assert found is not None
        false += any(one.advice != Advice.OPEN for one in found.operations)
    assert (
        false / 300 <= 0.08
    )  # 5 % by intention, and 2 standard errors of 300 studies; classes have a 5 % of their own


def test_a_proposal_is_compared_once_it_was_trained() -> None:
    asked = AskedViews("byol", "natural", list(TRUTH), proposed=["noise", "blur"])
    better = models() | {"byol without noise+blur": dict.fromkeys(LABELS, 0.95)}
    found = judge_views(asked, rows(better, ("linear",)), ACCURACY, "linear", "validation")
    assert found is not None
    assert found.proposal is not None
    assert found.proposal.lo is not None
    assert found.proposal.lo > 5
    assert found.operations[0].neighbours is None  # nobody asked for k-NN


def test_other_metrics_decide_too(effects: ViewEffects) -> None:
    found = judge_views(ASKED, rows(models()), BALANCED, "linear", "validation")
    assert found is not None
    assert [one.advice for one in found.operations] == [one.advice for one in effects.operations]
    assert found.whole == pytest.approx(effects.whole)  # classes of equal size


def test_one_training_of_each_gives_no_interval_and_no_advice() -> None:
    every = rows(models())
    found = judge_views(ASKED, every[every["seed"] == 0], ACCURACY, "linear", "validation")
    assert found is not None
    assert {(one.advice, one.left_out.lo, tuple(one.fallen)) for one in found.operations} == {(Advice.OPEN, None, ())}
    assert found.operations[0].left_out.value > 10  # the difference itself is shown


def test_without_the_trainings_there_is_no_advice() -> None:
    table = rows({"byol": WHOLE})
    assert judge_views(ASKED, table, ACCURACY, "linear", "validation") is None
    assert judge_views(ASKED, table[:0], ACCURACY, "linear", "validation") is None


def test_a_class_in_one_cluster_has_no_interval_and_decides_nothing() -> None:
    table = rows(models(), ("linear",))
    table.loc[table["label"] == "scratch", "cluster"] = "one lot"
    found = judge_views(ASKED, table, ACCURACY, "linear", "validation")
    assert found is not None
    blur = found.operations[-1]
    assert (blur.classes["scratch"].lo, blur.fallen) == (None, [])


@pytest.mark.parametrize(
    ("left_out", "some_fall", "is_suspect", "told"),
    [
        (Effect(2, 1, 3), True, True, Advice.HELPS),  # a class falls, and the whole gains
        (Effect(-2, -3, -1), True, False, Advice.ERASES),
        (Effect(-2, -3, -1), False, True, Advice.HURTS),
        (Effect(0, -1, 1), True, False, Advice.ERASES),
        (Effect(0, -1, 1), False, True, Advice.SUSPECT),
        (Effect(0, -1, 1), False, False, Advice.OPEN),
        (Effect(5), False, False, Advice.OPEN),  # no interval
    ],
)
def test_what_the_intervals_say(left_out: Effect, some_fall: bool, is_suspect: bool, told: Advice) -> None:
    assert advise(left_out, some_fall, is_suspect) == told


def readings(after: dict[str, float]) -> pd.DataFrame:
    """A classifier's answers on 300 images: all right before an operation, and after it a known share of each class."""
    label = np.array(LABELS)[np.arange(300) % 3]
    right = np.arange(300) // 3 / 100 < np.array([after[one] for one in label])
    items = [f"i{k}" for k in range(300)]
    part = pd.DataFrame({"item": items, "cluster": items, "label": label, "seed": 0, "dataset": "validation"})
    before = part.assign(model="before", correct=1, predicted=label)
    said = np.where(right, label, "?")
    return pd.concat([before, part.assign(model="after", correct=right.astype(int), predicted=said)])


@pytest.mark.parametrize(
    ("after", "changed", "fallen"),
    [
        ({"good": 1.0, "scratch": 0.5, "stain": 0.4}, 110, ["scratch", "stain"]),
        ({"good": 1.0, "scratch": 0.5, "stain": 1.0}, 50, []),  # one alone falls
        ({"good": 0.5, "scratch": 0.5, "stain": 0.5}, 150, []),  # confused: all fall
        ({"good": 1.0, "scratch": 0.97, "stain": 0.98}, 5, []),  # by luck
    ],
)
def test_a_reading_counts_classes_that_fall_while_others_hold(
    after: dict[str, float], changed: int, fallen: list[str]
) -> None:
    found = make_reading(readings(after), 4)
    assert (found.images, found.changed, found.fallen) == (300, changed, fallen)
    assert found.classes["scratch"].value == pytest.approx(100 * (after["scratch"] - 1))


def test_flips_and_turns_are_told_by_the_classifier_too_and_others_are_not() -> None:
    read = make_reading(readings({"good": 1.0, "scratch": 0.5, "stain": 0.5}), 4)
    asked = replace(ASKED, operations=["flip", "light"], readings={"flip": read, "light": read})
    more = models() | {"byol without light": WHOLE, "byol only light": WHOLE}
    found = judge_views(asked, rows(more, ("linear",)), ACCURACY, "linear", "validation")
    assert found is not None
    assert [one.advice for one in found.operations] == [Advice.SUSPECT, Advice.OPEN]
    assert proposal_of(found) == []  # a person decides


def test_effects_are_written_and_read_back(tmp_path: Path, effects: ViewEffects) -> None:
    write_effects(tmp_path, effects)
    assert read_effects(tmp_path) == effects
    write_effects(tmp_path, None)
    assert read_effects(tmp_path) is None
