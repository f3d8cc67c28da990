"""Several files as one table: a set a file, models told apart where they must be."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions, TableOptions
from kogen.results.join_files import Part, common_keys, file_labels, join_tables, shorten_names, stack_tables
from kogen.results.model_names import name_models
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable, table_from_frame
from kogen.results.results import Results, read_results

VAL = "model,img_size,top1,top1_err,top5,param_count\n"
VAL += "a,224,80.1,19.9,95,1.5\na,384,81.2,18.8,96,1.5\nb,224,79,21,94,2.5\n"
SHIFT = "model,img_size,top1,top1_err,top1_diff\n"
SHIFT += "a,224,60.1,39.9,-20\na,384,62,38,-19.2\nb,224,61,39,-18\nc,224,5.5,94.5,0\n"


def joined(folder: Path, texts: dict[str, str], **asked: Any) -> Results:
    for name, text in texts.items():
        (folder / name).write_text(text)
    return read_results([folder / name for name in texts], LotteryOptions(**asked))


def values(found: Results, dataset: str) -> dict[str, float]:
    assert found.scores is not None
    rows = found.scores[found.scores["dataset"] == dataset]
    return dict(zip(rows["model"], rows["score"], strict=True))


def test_each_file_is_a_set_where_all_have_one_column_of_scores(tmp_path: Path) -> None:
    found = joined(tmp_path, {"results-val.csv": VAL, "results-shift_b.csv": SHIFT}, reference="val")
    assert found.datasets == ("shift-b", "val")
    assert values(found, "val") == {"a / 224": 80.1, "a / 384": 81.2, "b": 79}
    assert values(found, "shift-b") == {"a / 224": 60.1, "a / 384": 62, "b": 61, "c": 5.5}
    assert found.axes["param_count"] == {"a / 224": 1.5, "a / 384": 1.5, "b": 2.5}
    said = {note.key: note.values for note in found.notes}
    assert said["read_files"] == {"files": 2, "models": 4, "all": 3}
    assert said["read_keys"] == {"names": ["img_size"]}


def test_files_of_other_columns_are_joined_by_model(tmp_path: Path) -> None:
    texts = {"a.csv": "name,val,w\nx,80.5,7\ny,70,9.5\n", "b.csv": "Model;shift\ny;60,5\nx;61,5\n"}
    found = joined(tmp_path, texts, reference="val")
    assert values(found, "shift") == {"x": 61.5, "y": 60.5}
    assert values(found, "w") == {"x": 7, "y": 9.5}
    both = {"a.csv": "model,val,w\nx,80.5,7\n", "b.csv": "model,val,w\nx,60,5.5\n"}
    assert joined(tmp_path, both, reference="a val").datasets == ("a val", "a w", "b val", "b w")


def test_long_files_stand_below_one_another(tmp_path: Path) -> None:
    texts = {"a.csv": "model,dataset,score\nx,v,80.5\n", "b.csv": "model,dataset,score\nx,w,70\ny,v,60\n"}
    found = joined(tmp_path, texts, reference="v")
    assert values(found, "v") == {"x": 80.5, "y": 60}
    assert values(found, "w") == {"x": 70}


def test_errors_in_joined_files_are_asked_about(tmp_path: Path) -> None:
    texts = {"a.csv": "model,mCE\nx,80.5\ny,70\n", "b.csv": "model,mCE\nx,70\ny,60\n"}
    with pytest.raises(ValueError, match="the columns a mCE, b mCE seem to hold errors"):
        joined(tmp_path, texts, reference="a mCE")


def test_what_cannot_be_joined(tmp_path: Path) -> None:
    torn = {"a.csv": "model,val\nx,80.5\nx,70\n", "b.csv": "model,val\nx,70\n"}
    with pytest.raises(ValueError, match=r"a\.csv has several rows of 'x', and no column that is in all files tells"):
        joined(tmp_path, torn)
    with pytest.raises(ValueError, match=r"b\.csv has no column of scores: leave the file out"):
        joined(tmp_path, {"a.csv": "model,val\nx,80.5\n", "b.csv": "model,params\nx,70\n"})
    with pytest.raises(ValueError, match=r"b\.csv has no rows: leave it out"):
        joined(tmp_path, {"a.csv": "model,val\nx,80.5\n", "b.csv": "model,val\n"})
    with pytest.raises(ValueError, match="no table is given"):
        read_results([], LotteryOptions())


def test_names_of_files_are_names_of_sets() -> None:
    assert file_labels([Path("results-imagenet.csv"), Path("results-imagenet-a.csv")]) == ["imagenet", "imagenet-a"]
    assert file_labels([Path("val.csv"), Path("shift.csv")]) == ["val", "shift"]
    assert file_labels([Path("x/val.csv"), Path("y/val.csv")]) == ["x val", "y val"]
    with pytest.raises(ValueError, match="two files have the same name"):
        file_labels([Path("x/val.csv"), Path("x/val.md")])


SPREAD = {"a.csv": "model,val\nx,80.5 ± 0.5\ny,79.5 ± 0.25\n", "b.csv": "model;shift\ny;61,5 %\nx;60,25 ± 1,5 %\n"}


@pytest.mark.parametrize("where", [{}, {"model": "x"}])
def test_intervals_percent_signs_and_decimal_marks_come_along(tmp_path: Path, where: dict[str, str]) -> None:
    found = joined(tmp_path, SPREAD, reference="val", where=where)
    assert found.scores is not None
    rows = found.scores.set_index(["model", "dataset"])
    assert rows.loc[("x", "val"), ["score", "lo", "hi"]].tolist() == [80.5, 80, 81]
    assert rows.loc[("x", "shift"), ["score", "lo", "hi"]].tolist() == [60.25, 58.75, 61.75]
    assert len(rows) == (2 if where else 4)


def test_text_among_the_scores_of_joined_files_is_refused(tmp_path: Path) -> None:
    texts = {"a.csv": "model,val\nx,80.5\ny,79.5\nz,70\n", "b.csv": "model,shift\nx,60\ny,broken\nz,61\n"}
    with pytest.raises(ValueError, match=r"the column 'shift' holds text in some cells \(1\), first 'broken'"):
        joined(tmp_path, texts, reference="val")


def test_long_files_of_two_decimal_marks_are_refused(tmp_path: Path) -> None:
    texts = {"a.csv": "model,dataset,score\nx,v,80.51\n", "b.csv": "model;dataset;score\nx;w;70,25\n"}
    with pytest.raises(ValueError, match="some files write decimals with a comma and some with a point"):
        joined(tmp_path, texts, reference="v")


# each step by itself


def raw(**columns: list[Any]) -> RawTable:
    return table_from_frame(pd.DataFrame(columns))


def part(path: str, **columns: list[Any]) -> Part:
    return Part(Path(path), raw(**columns), TableOptions(), Questions(None, TableOptions()))


def test_columns_that_tell_rows_apart_do_so_in_every_file() -> None:
    torn = part("a.csv", model=["x", "x", "y"], size=["s", "t", "s"], val=[80.5, 70.5, 60.5])
    whole = part("b.csv", model=["x", "y"], size=["s", "s"], val=[50.5, 40.5])
    assert common_keys([whole]) == []
    assert common_keys([torn, whole]) == common_keys([whole, torn]) == ["size"]
    lacking = part("c.csv", model=["x", "y"], val=[50.5, 40.5])
    with pytest.raises(ValueError, match=r"a.csv has several rows of 'x'"):
        common_keys([torn, lacking])
    still = part("d.csv", model=["x", "x"], size=["s", "s"], data=["u", "v"], val=[50.5, 40.5])
    with pytest.raises(ValueError, match="several rows of 'x'"):
        common_keys([torn, still])


def test_only_models_that_need_it_have_longer_names() -> None:
    one, two = (
        part("a.csv", model=["x", "x", "y"], size=["s", "t", "s"], val=[80.5, 70.5, 60.5]),
        part("b.csv", model=["y"], size=["s"], val=[1.5]),
    )
    names = [name_models(each.raw, ["model", "size"]) for each in (one, two)]
    assert [list(each) for each in shorten_names([one, two], names)] == [["x / s", "x / t", "y"], ["y"]]


def test_a_file_has_its_scores_its_errors_and_what_describes_its_models() -> None:
    made = part(
        "a.csv",
        model=["x", "y"],
        val=[80.5, 70.5],
        err=[19.5, 29.5],
        mCE=[60.5, 70.2],
        params=[5.5, 6.5],
        rank=[1, 2],
        words=["u", "v"],
    )
    assert (made.scores, made.errors) == (["val", "mCE"], {"mCE"})
    assert made.others == ["params", "words"]
    with pytest.raises(ValueError, match=r"a.csv has no rows: leave it out"):
        Part(Path("a.csv"), raw(model=[], val=[]), TableOptions(), Questions(None, TableOptions()))


def test_columns_are_put_in_the_order_of_the_models_and_named_by_their_files() -> None:
    first = raw(model=["x", "y"], acc=[80.5, 70.5], params=[1.5, 2.5])
    second = raw(model=["y", "z"], acc=[60.5, 50.5], params=[9.5, 9.5])
    found = join_tables(
        [Path("val.csv"), Path("night.csv")], [first, second], TableOptions(), Questions(None, TableOptions())
    )
    assert list(found.columns) == ["model", "val", "night", "params"]
    assert found.columns["val"].tolist() == pytest.approx([80.5, 70.5, float("nan")], nan_ok=True)
    assert found.columns["night"].tolist() == pytest.approx([float("nan"), 60.5, 50.5], nan_ok=True)
    assert found.columns["params"].tolist() == pytest.approx([1.5, 2.5, float("nan")], nan_ok=True)  # of the first file
    assert found.notes[-1].values == {"files": 2, "models": 3, "all": 1}
    both = raw(model=["x", "y"], acc=[80.5, 70.5], f1=[60.5, 50.5])
    named = join_tables(
        [Path("val.csv"), Path("night.csv")], [both, both], TableOptions(), Questions(None, TableOptions())
    )
    assert list(named.columns) == ["model", "val acc", "val f1", "night acc", "night f1"]
    other = raw(model=["x", "y"], f1=[60.5, 50.5])
    apart = join_tables(
        [Path("val.csv"), Path("night.csv")], [first, other], TableOptions(), Questions(None, TableOptions())
    )
    assert list(apart.columns) == ["model", "acc", "f1", "params"]


def test_long_tables_are_stacked_with_one_decimal_mark() -> None:
    one, two = raw(model=["a"], dataset=["s"], score=["80,5"]), raw(model=["b"], dataset=["t"], score=["70,5"], n=["9"])
    found = stack_tables([one, two])
    assert (found.decimal, list(found.columns)) == (",", ["model", "dataset", "score", "n"])
    assert found.texts("n").isna().tolist() == [True, False]
    assert found.columns["model"].tolist() == ["a", "b"]
    two.decimal = "."
    with pytest.raises(ValueError, match="some files write decimals with a comma"):
        stack_tables([one, two])


def test_words_that_all_files_begin_with_are_left_out_of_their_names() -> None:
    assert file_labels([Path("a-b-val.csv"), Path("a_b_night.csv")]) == ["val", "night"]
    assert file_labels([Path("a-val.csv"), Path("b-val.csv")]) == ["a-val", "b-val"]
    assert file_labels([Path("a.csv"), Path("a-b.csv")]) == ["a", "a-b"]
    assert file_labels([Path("a-b-c.csv")]) == ["c"]
