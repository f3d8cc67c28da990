"""Hard images, chosen by rule from a small table."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.results.answers.hard_images import hard_images, most_said, picture_name, read_leaders

# item, (a right, a's probability of the label), (b ...)
CASES = {
    "i1": ((0, 0.10), (0, 0.20)),  # nobody
    "i2": ((0, 0.05), (1, 0.60)),  # surely wrong
    "i3": ((0, 0.40), (1, 0.90)),  # surely wrong, less sure
    "i4": ((1, 0.90), (0, 0.10)),  # disagree
    "i5": ((1, 0.60), (0, 0.40)),
    "i6": ((1, 0.90), (1, 0.90)),
}


def table() -> pd.DataFrame:
    rows = []
    for item, answers in CASES.items():
        for model, (right, score) in zip("ab", answers, strict=True):
            said = "bad" if right else "good"
            rows.append((model, "val", 0, item, "bad", said, right, score, f"images/{item}.png"))
    return pd.DataFrame(
        rows, columns=["model", "dataset", "seed", "item", "label", "predicted", "correct", "score", "path"]
    )


def test_images_are_chosen_by_rule() -> None:
    found = hard_images(table(), ["a", "b"])
    assert list(zip(found["kind"], found["item"], found["sureness"].round(6), strict=True)) == [
        ("surely_wrong", "i2", 0.95),
        ("surely_wrong", "i3", 0.6),
        ("disagree", "i4", 0.8),
        ("disagree", "i5", 0.2),
        ("nobody", "i1", 0.85),
    ]
    first = found.iloc[0]
    assert (first["path"], first["label"], first["leader"], first["leader_says"]) == (
        "images/i2.png",
        "bad",
        "a",
        "good",
    )
    assert (first["other"], first["other_says"]) == ("b", "bad")


def test_at_most_four_of_a_kind_and_equals_by_item() -> None:
    rows = [("a", "val", 0, f"i{n}", "bad", "good", 0, 0.2) for n in (5, 3, 4, 1, 2)]
    rows += [("b", "val", 0, f"i{n}", "bad", "bad", 1, 0.8) for n in range(1, 6)]
    frame = pd.DataFrame(rows, columns=["model", "dataset", "seed", "item", "label", "predicted", "correct", "score"])
    found = hard_images(frame, ["a", "b"])
    assert list(found["item"]) == ["i1", "i2", "i3", "i4", "i5"]
    assert list(found["kind"]) == ["surely_wrong"] * 4 + ["disagree"]
    assert found["path"].isna().all()
    alone = hard_images(frame[frame["model"] == "a"], ["a"])
    assert list(alone["kind"]) == ["surely_wrong", *["nobody"] * 4]
    assert alone["other"].isna().all()


def test_half_of_the_runs_are_not_most() -> None:
    frame = pd.concat([table(), table().assign(seed=1, correct=1)], ignore_index=True)
    assert set(hard_images(frame, ["a", "b"])["kind"]) == {"disagree"}  # right in all runs against right in half


def test_without_scores_or_leaders_there_are_none() -> None:
    assert len(hard_images(table().drop(columns="score"), ["a"])) == 0
    assert len(hard_images(table(), ["c"])) == 0


def test_leaders_are_those_of_the_reference() -> None:
    rows = [("a", "val", 80.0), ("b", "val", 90.0), ("c", "val", 90.0), ("a", "shift", 99.0)]
    assert read_leaders(pd.DataFrame(rows, columns=["model", "dataset", "value"]), "val") == ["b", "c"]


def test_half_is_not_most_on_either_side_and_sets_are_apart() -> None:
    half = pd.concat([table(), table().assign(seed=1, correct=lambda rows: 1 - rows["correct"])], ignore_index=True)
    assert hard_images(half, ["a", "b"]).empty  # each is right in half of its runs
    rows = pd.concat([table(), table().assign(dataset="night")])
    found = hard_images(rows, ["a", "b"])
    assert found["dataset"].tolist() == ["night"] * 5 + ["val"] * 5
    coded = rows.astype({"dataset": "category"}).query("dataset == 'val'")
    assert hard_images(coded, ["a", "b"])["dataset"].tolist() == ["val"] * 5
    without = hard_images(table().drop(columns="path"), ["a", "b"])
    assert without["path"].isna().all()
    assert hard_images(
        table()[["model", "dataset", "seed", "item", "label", "predicted", "correct", "score"]], ["a"]
    ).shape[0]
    assert hard_images(table().assign(score=[None, *[0.5] * 11]), ["a"]).empty


def test_what_most_runs_say_counts_and_of_equals_the_first_by_name() -> None:
    rows = [("i", "a", "x"), ("i", "a", "y"), ("i", "a", "y"), ("j", "a", "z"), ("j", "a", "x")]
    said = most_said(pd.DataFrame(rows, columns=["item", "model", "predicted"]))
    assert said == {("i", "a"): "y", ("j", "a"): "x"}


def test_leaders_that_differ_by_rounding_stand_by_name_and_pictures_have_the_name_of_the_item() -> None:
    def leaders(gap: float) -> list[str]:
        rows = [("b", "val", 80.0 + gap), ("a", "val", 80.0)]
        return read_leaders(pd.DataFrame(rows, columns=["model", "dataset", "value"]), "val")

    assert leaders(1e-10) == ["a", "b"]
    assert leaders(4e-9) == ["b", "a"]
    assert picture_name("0123#2") == "0123-2.jpg"


def slow_choice(part: pd.DataFrame, first: str, second: str) -> list[tuple[str, str, float]]:
    """Kind, image and sureness by sorting every image of every kind, as the rule says."""
    cells: Any = part.groupby(["item", "model"])
    right, score = (cells[name].mean().unstack() for name in ("correct", "score"))
    kinds = [
        ("nobody", right.max(axis=1) == 0, 1 - score.mean(axis=1)),
        ("surely_wrong", right[first] < 0.5, 1 - score[first]),
    ]
    apart = (right[first] > 0.5) != (right[second] > 0.5)
    kinds.append(("disagree", apart, (score[first] - score[second]).abs()))
    chosen: list[tuple[str, str, float]] = []
    for kind, among, order in kinds:
        taken = {item for _, item, _ in chosen}
        listed = sorted((round(-float(order[item]), 9), item) for item in among.index[among] if item not in taken)
        chosen += [(kind, item, -value) for value, item in listed[:4]]
    return chosen


@pytest.mark.parametrize("seed", range(12))
def test_images_are_those_of_a_slow_twin(seed: int) -> None:
    rng, items, runs = np.random.default_rng(seed), 60, 3
    rows = pd.MultiIndex.from_product([list("abc"), range(runs), [f"i{k:02d}" for k in range(items)]])
    frame = rows.to_frame(index=False, name=["model", "seed", "item"]).assign(dataset="val", label="bad")
    right = rng.integers(0, 2, len(frame)) * rng.integers(0, 2, len(frame))
    score = (rng.integers(0, 5, len(frame)) / 4).astype(np.float32)  # many equals
    frame = frame.assign(correct=right, score=score, predicted=np.where(right, "bad", "good"))
    frame = frame.sample(frac=1, random_state=seed).astype({"item": "category"})
    found = hard_images(frame, ["b", "a"])
    wanted = slow_choice(frame.astype({"item": str}), "b", "a")
    assert sorted(zip(found["kind"], found["item"], found["sureness"], strict=True)) == sorted(wanted)
