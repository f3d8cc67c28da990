"""Reading results: every form of table to the same numbers, every bad table to a message."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import TableOptions
from kogen.results.questions import Questions
from kogen.results.results import (
    Results,
    families,
    guess_reference,
    item_rows,
    read_results,
    select_reference,
)

WIDE = pd.DataFrame({"model": ["a", "b", "c"], "val": [70.0, 71.5, 72.0], "shift": [50.0, None, 55.0]})
LONG = WIDE.melt("model", var_name="dataset", value_name="score")
IMAGES = pd.DataFrame(
    [
        (model, dataset, f"i{item}", (item + len(model + dataset)) % 3 > 0, seed)
        for model in ("a", "bb")
        for dataset in ("val", "shift")
        for item in range(6)
        for seed in (0, 1)
    ],
    columns=["model", "dataset", "item", "correct", "seed"],
).assign(correct=lambda frame: frame["correct"].astype(int))


def read(table: Any, **asked: Any) -> Results:
    return read_results(table, TableOptions(**asked))


def scores(table: object, **asked: object) -> pd.DataFrame:
    found = read(table, **{"reference": "val", **asked}).scores
    assert found is not None
    return found.sort_values(["dataset", "model", "seed"], ignore_index=True)


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("form", ["wide", "long"])
def test_every_form_gives_the_same_scores_and_an_empty_cell_is_no_score(tmp_path: Path, kind: str, form: str) -> None:
    frame = WIDE if form == "wide" else LONG
    table = written(frame, tmp_path, kind)
    found = scores(table)
    assert list(found["score"]) == [50, 55, 70, 71.5, 72]
    assert set(found[found["dataset"] == "shift"]["model"]) == {"a", "c"}
    assert found["n"].isna().all()


def written(frame: pd.DataFrame, folder: Path, kind: str) -> object:
    if kind == "csv":
        frame.to_csv(folder / "t.csv", index=False)
    elif kind == "parquet":
        frame.to_parquet(folder / "t.parquet")
    return frame if kind == "frame" else folder / f"t.{kind}"


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_rows_of_images_in_every_form(tmp_path: Path, kind: str) -> None:
    found = read(written(IMAGES.assign(label="x", part="p"), tmp_path, kind), reference="val", cluster="part")
    assert found.kind == "predictions"
    assert found.datasets == ("shift", "val")
    assert found.ignored == ()  # read for metrics other than accuracy
    rows = found.predictions
    assert rows is not None
    assert set(rows) == {"model", "dataset", "item", "correct", "seed", "cluster", "label"}
    assert set(rows["label"]) == {"x"}  # for recall; nobody said what was answered
    assert rows["correct"].sum() == IMAGES["correct"].sum()


def test_fractions_are_points_and_errors_are_turned_round() -> None:
    fractions = WIDE.assign(val=WIDE["val"] / 100, shift=WIDE["shift"] / 100)
    pd.testing.assert_frame_equal(scores(fractions), scores(WIDE))
    errors = WIDE.assign(shift=100 - WIDE["shift"])
    pd.testing.assert_frame_equal(scores(errors, higher_is_better={"shift": False}), scores(WIDE))
    everything = WIDE.assign(val=100 - WIDE["val"], shift=100 - WIDE["shift"])
    pd.testing.assert_frame_equal(scores(everything, higher_is_better=False), scores(WIDE))


def test_metrics_are_sets_of_their_own_and_may_be_errors() -> None:
    long = pd.concat([LONG.assign(metric="accuracy"), LONG.assign(metric="error", score=100 - LONG["score"])])
    found = scores(long, reference="val accuracy", higher_is_better={"error": False})
    both = found.pivot(index="model", columns="dataset", values="score")
    assert (both["val accuracy"] == both["val error"]).all()


def test_a_small_percentage_is_percent_if_it_is_said() -> None:
    table = WIDE.assign(val=[0.4, 71.0, 72.0])
    with pytest.raises(ValueError, match=r"percent and fractions seem mixed on .val.: 0\.4 beside 71"):
        scores(table)
    assert scores(table, unit="percent")["score"].min() == 0.4
    spread = pd.DataFrame({"model": list("abcde"), "val": [0.4, 1.2, 8.0, 30.0, 70.0]})
    assert scores(spread)["score"].min() == 0.4  # as of old models on ImageNet-A: no gap, so no doubt


def test_items_of_sets_and_choice_of_sets() -> None:
    found = scores(WIDE.assign(parameters=["1,000", "2", "3"]), sets=["val", "shift"], n={"val": 500})
    assert set(found[found["dataset"] == "val"]["n"]) == {500}
    assert found[found["dataset"] == "shift"]["n"].isna().all()


def test_the_reference_is_asked_for_or_named_by_roles_or_the_only_one() -> None:
    roles = IMAGES.assign(role=np.where(IMAGES["dataset"] == "val", "reference", "shift"))
    assert read(roles).reference == "val"
    assert read(roles, reference="shift").reference == "shift"
    assert read(WIDE[["model", "val"]]).reference == "val"
    with pytest.raises(
        ValueError, match=r"which data set is the choice made on\? Name it with --reference \(reference=\): shift, val"
    ):
        read(IMAGES)
    with pytest.raises(ValueError, match="no data set 'vall' to choose on: did you mean 'val'"):
        read(IMAGES, reference="vall")


def test_one_protocol_at_a_time() -> None:
    both = pd.concat([IMAGES.assign(protocol="knn"), IMAGES.assign(protocol="linear")])
    found = read(both, reference="val", protocol="knn").predictions
    assert found is not None
    assert len(found) == len(IMAGES)
    with pytest.raises(ValueError, match="the table mixes the protocols knn, linear: choose one"):
        read(both, reference="val")
    with pytest.raises(ValueError, match="no rows with the protocol 'nearest'; there are knn, linear"):
        read(both, reference="val", protocol="nearest")


def test_families_come_from_their_column() -> None:
    found = read(WIDE.assign(group=["x", "x", None]), reference="val", family="group").families
    assert found == {"a": "x", "b": "x"}
    with pytest.raises(ValueError, match="the model 'a' is in two families"):
        read(LONG.assign(family=["x", "y", "z", "v", "y", "z"]), reference="val")


HOSTILE = ["<script>alert(1)</script>", "../../etc", "two\nlines", "n" * 10_000, "\u202egnp", "NA", "'; drop table"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_hostile_names_are_names(tmp_path: Path, kind: str) -> None:
    table = pd.DataFrame({"model": HOSTILE, "dataset": "val", "score": range(50, 50 + len(HOSTILE))})
    found = scores(written(table, tmp_path, kind))
    assert set(found["model"]) == set(HOSTILE)
    assert list(tmp_path.iterdir()) == [tmp_path / f"t.{kind}"] * (kind != "frame")


BAD = {
    "no model": (WIDE.drop(columns="model"), "needs a column 'model', got val, shift"),
    "no rows": (WIDE.head(0), "the table has no rows"),
    "no scores": (WIDE[["model"]], "the table has the columns model and no scores"),
    "a long table without its sets": (LONG.drop(columns="dataset"), "scores want model, dataset, score"),
    "images without correct": (IMAGES.drop(columns="correct"), "one row an image wants model, dataset, item, correct"),
    "a misspelt column": (IMAGES.rename(columns={"seed": "seeds"}), "unknown column 'seeds': did you mean 'seed'"),
    "text": (WIDE.assign(val=["70", "71", "many"]), "the column 'val' holds text in some cells .1., first 'many'"),
    "two numbers in a cell": (
        LONG.assign(score="70 71"),
        "the column 'score' holds text in some cells .6., first '70 71'",
    ),
    "out of range": (
        WIDE.assign(val=[70, 71, 130.0]),
        r"scores outside 0 to 100 \(percent\): 1, first 130 of 'c' on 'val'",
    ),
    "below 0": (WIDE.assign(val=[70, 71, -1.0]), "scores outside 0 to 100 .*: 1, first"),
    "mixed units": (
        WIDE.assign(val=[0.7, 0.8, 0.9], shift=[50.1, 51.2, 52.3]),
        r"percent and fractions may be mixed: 'shift' goes up to 52.3, val not above 1: say --unit \(unit=\) for each",
    ),
    "infinity": (WIDE.assign(val=[70, 71, np.inf]), "the column 'val' holds infinity"),
    "nothing measured": (WIDE.assign(val=np.nan, shift=np.nan), "every score is empty"),
    "twice": (
        pd.concat([LONG, LONG.head(1).assign(score=70.5)]),
        r"rows that repeat \(model, dataset, seed\): 2, first \(a, val, 0\)",
    ),
    "no name": (LONG.assign(model=["", "b", "c"] * 2), "the column 'model' has empty cells .2.: fill them"),
    "a column twice": (pd.concat([WIDE, WIDE[["val"]]], axis=1), "the column 'val' is there more than once"),
    "a number of items in a wide table": (WIDE.assign(n=50), "a wide table wants model and one column a data set, of"),
    "half an item": (LONG.assign(n=10.5), "the number of items of 'val' is 10.5: a score wants a whole number of 1"),
    "no items": (LONG.assign(n=0), "the number of items of 'val' is 0: a score wants a whole number of 1"),
    "an item without a name": (
        IMAGES.assign(item=IMAGES["item"].replace("i3", "")),
        "'item' has empty cells .8.: fill them",
    ),
    "metrics without a name": (
        pd.concat([LONG, LONG.assign(metric="error")]),
        "the column 'metric' has empty cells .6.: fill them",
    ),
    "text for right": (IMAGES.assign(correct="yes"), "the column 'correct' holds text in some cells .48., first 'yes'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused_with_the_reason(name: str) -> None:
    table, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        read(table, reference="val")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"sets": ["vall"]}, "no column for the data set 'vall': did you mean 'val'"),
        ({"n": {"vall": 5}}, "no scores of the data set 'vall'"),
        ({"unit": "percents"}, "unknown unit 'percents': did you mean 'percent'"),
        ({"family": "famly"}, "no column 'famly' for the family"),
        ({"higher_is_better": {"vall": False}}, r"--lower \(higher_is_better=\) names 'vall': did you mean 'val'"),
        ({"sets": []}, r"--sets \(sets=\) names no data set"),
        ({"n": {"val": -3}}, "greater than or equal to 1"),
        ({"family": "model"}, "the column 'model' cannot be the family too"),
        ({"cluster": "shift"}, r"--cluster \(cluster=\) 'shift' is for images, and this table holds scores alone"),
    ],
)
def test_wishes_that_name_nothing_are_refused(asked: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(WIDE, **{"reference": "val", **asked})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"n": {"val": 6}}, r"--n \(n=\) is for scores, and this table has one row an image"),
        ({"unit": "percent"}, r"--unit \(unit=\) is for scores"),
        ({"higher_is_better": {"val": False}}, r"--lower \(higher_is_better=\) is for scores"),
        ({"cluster": "item"}, "the column 'item' cannot be the cluster too"),
    ],
)
def test_wishes_that_images_cannot_have_are_refused(asked: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(IMAGES, **{"reference": "val", **asked})


def test_a_table_that_counts_its_models_is_read_where_it_is_said() -> None:
    counted = WIDE.assign(row=[1.0, 2.0, 3.0])
    assert set(scores(counted, sets=["val", "row"])["dataset"]) == {"val", "row"}


def test_names_with_line_ends_in_a_long_csv(tmp_path: Path) -> None:
    names = [f"{'x' * 500}\n{i}" for i in range(5000)]  # more than one block of a file that is read in parts
    table = pd.DataFrame({"model": names, "dataset": "val", "score": 50.5})
    assert set(scores(written(table, tmp_path, "csv"))["model"]) == set(names)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the table .*absent.csv"):
        read(tmp_path / "absent.csv")
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(ValueError, match=r"cannot read the table .*bad.parquet"):
        read(tmp_path / "bad.parquet")
    (tmp_path / "torn.csv").write_text("model,dataset,score\na,val,70\nb,val\n")
    with pytest.raises(ValueError, match="Expected 3 columns, got 2"):
        read(tmp_path / "torn.csv")
    (tmp_path / "text.csv").write_text("model,dataset,score\na,val,70\nb,val,many\n")
    with pytest.raises(ValueError, match="many"):
        read(tmp_path / "text.csv")


def test_the_callers_frame_stays_as_it_was() -> None:
    before = LONG.copy()
    read(LONG, reference="val", n={"val": 10})
    pd.testing.assert_frame_equal(LONG, before)


def test_images_of_some_sets_are_chosen_and_a_set_without_rows_is_named() -> None:
    items = read(IMAGES, reference="val", sets=["val"]).predictions
    assert items is not None
    assert set(items["dataset"]) == {"val"}
    with pytest.raises(ValueError, match="no rows of the data set 'vall': did you mean 'val'"):
        read(IMAGES, reference="val", sets=["val", "vall"])


# each step by itself


def asked_of(frame: pd.DataFrame, reference: str | None, datasets: list[str], **excluded: str) -> tuple[str, Questions]:
    asked = Questions(None, TableOptions())
    return select_reference(frame, reference, datasets, asked, excluded), asked


def test_the_reference_is_asked_for_only_where_nothing_says_it() -> None:
    frame = pd.DataFrame({"dataset": ["night", "val", "x"], "role": ["shift", "reference", "shift"]})
    assert asked_of(frame, "x", ["night", "val", "x"])[0] == "x"
    found, asked = asked_of(frame, None, ["night", "val", "x"])
    assert (found, asked.sentences) == ("val", [])
    gone, asked = asked_of(frame, None, ["night", "x"])  # the set of the role was not chosen
    assert (gone, asked.answers) == ("night", {"reference": "night"})
    assert asked_of(frame.drop(columns="role"), None, ["night"]) == ("night", Questions(None, TableOptions()))
    guess, asked = asked_of(frame.drop(columns="role"), None, ["night", "val", "x"])
    assert (guess, asked.answers) == ("val", {"reference": "val"})
    two = frame.assign(role="reference")
    assert asked_of(two, None, ["night", "val", "x"])[1].sentences != []
    with pytest.raises(ValueError, match="no data set 'vale' to choose on: did you mean 'val'"):
        asked_of(frame, "vale", ["night", "val"])
    with pytest.raises(ValueError, match=r"the column 'year' is not taken for a data set .cost.: choose on one of val"):
        asked_of(frame, "year", ["val"], year="excluded_cost")
    assert guess_reference(["b", "a"], ["a", "b"]) == "b"
    assert guess_reference(["gone"], ["a", "b"]) == "a"
    assert guess_reference(["b", "ImageNet", "val"], ["val", "b", "ImageNet"]) in ("val", "ImageNet")


def test_rows_of_images_have_a_seed_and_numbers() -> None:
    frame = pd.DataFrame(
        {"model": "a", "dataset": ["s", "t"], "item": ["i", "j"], "correct": [True, False], "extra": 1}
    )
    found = item_rows(frame, None)
    assert list(found) == ["model", "dataset", "item", "correct", "seed"]
    assert (found["correct"].tolist(), found["seed"].tolist(), found["correct"].dtype) == ([1.0, 0.0], [0, 0], float)
    assert item_rows(frame.assign(seed=[None, None]), None)["seed"].tolist() == [0, 0]
    assert item_rows(frame.assign(seed=[1, 2]), ["t"])["seed"].tolist() == [2]
    with pytest.raises(ValueError, match="no rows of the data set 'u'"):
        item_rows(frame, ["s", "u"])
    with pytest.raises(ValueError, match=r"the column 'correct' holds text in some cells \(2\)"):
        item_rows(frame.assign(correct=["yes", "no"]), None)
    for name in ("dataset", "item"):
        with pytest.raises(ValueError, match=f"the column '{name}' has empty cells .1.: fill them"):
            item_rows(frame.assign(**{name: ["x", None]}), None)


def test_families_are_of_models_that_have_one() -> None:
    frame = pd.DataFrame({"model": ["a", "a", "b", "c"], "family": ["x", "x", None, 3]})
    assert families(frame) == {"a": "x", "c": "3"}
    assert families(frame.assign(family=None)) is families(frame[["model"]]) is None
    with pytest.raises(ValueError, match="the model 'a' is in two families"):
        families(frame.assign(family=["x", "y", None, None]))
