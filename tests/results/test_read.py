"""Tables as people have them: every writing of the same numbers to the same scores, published files in one more try."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import SHARED

from kogen.options import forms
from kogen.options.lottery import LotteryOptions, TableOptions
from kogen.options.model import validate
from kogen.results.questions import Questions
from kogen.results.read import ReadTable, canonical_names, matching_rows, read_columns
from kogen.results.results import Results, read_results

TIMM = SHARED / "timm"


def read(place: Any, **asked: Any) -> Results:
    return read_results(place, LotteryOptions(**asked))


def table_of(found: Results) -> dict[str, dict[str, float]]:
    assert found.scores is not None
    wide = found.scores.pivot_table(index="model", columns="dataset", values="score", sort=False).round(6)
    return {str(name): wide[name].dropna().to_dict() for name in wide}


def keys(found: Results) -> list[str]:
    return [note.key for note in found.notes]


def answer(place: Any, **asked: Any) -> Results:
    """What comes of the command that the one refusal offers."""
    with pytest.raises(ValueError, match="If the guesses are right, this answers all:\n  kogen lottery ") as refused:
        read(place, **asked)
    words = shlex.split(str(refused.value).rpartition("\n  ")[2])[2:]
    paths = [word for word in words if word.startswith("/")]
    given_: dict[str, list[str]] = {}
    for flag, value in zip(words[len(paths) :: 2], words[len(paths) + 1 :: 2], strict=True):
        given_.setdefault(flag.removeprefix("--").replace("-", "_"), []).append(value)
    return read(paths, **options_of(given_))


def options_of(given_: dict[str, list[str]]) -> dict[str, Any]:
    """Options as the command line parses them."""
    parsers, found = {**forms.SINGLE_FORMS, **forms.REPEATABLE_FORMS}, {}
    for name, field in LotteryOptions.model_fields.items():
        about: Any = field.json_schema_extra
        flag = about["flag"] or name
        if flag in given_:
            form, texts = about["form"], given_[flag]
            repeated = form in forms.REPEATABLE_FORMS
            found[name] = parsers[form](texts if repeated else texts[0], flag) if form else texts[0]
    if "table_number" in found:
        found["table_number"] = int(found["table_number"])
    validate(LotteryOptions, found, "lottery")
    return found


NUMBERS = {"ネットA": (80.1, 70.25), "net b": (79.5, 71.5), "c": (64.25, 55.75)}


def rows(write: Any) -> list[list[str]]:
    return [["model", "検証", "line2"], *[[name, *map(write, pair)] for name, pair in NUMBERS.items()]]


def joined(between: str, write: Any = str) -> str:
    return "".join(between.join(row) + "\n" for row in rows(write))


def comma(value: float) -> str:
    return str(value).replace(".", ",")


def piped(write: Any, edge: str = "|") -> str:
    lines = [f"{edge} {' | '.join(row)} {edge}".strip() for row in rows(write)]
    return "\n".join([lines[0], f"{edge}---|:-:|--:{edge}", *lines[1:]]) + "\n"


WRITINGS: dict[str, bytes] = {
    "csv": joined(",").encode(),
    "tsv": joined("\t").encode(),
    "semicolons": joined(";", comma).encode(),
    "tabs and commas": joined("\t", comma).encode(),
    "pipes": joined("|").encode(),
    "percent": joined(",", lambda value: f"{value} %").encode(),
    "fractions": joined(",", lambda value: f"{value / 100:.4f}").encode(),
    "bom": joined(",").encode("utf-8-sig"),
    "cp932": joined(",").encode("cp932"),
    "utf-16": joined(",").encode("utf-16"),
    "utf-16 tabs": joined("\t").encode("utf-16"),
    "quoted": joined(",", lambda value: f'" {value}"').encode(),
    "spaces": joined("   ").encode(),
    "excel": ("sep=;\n" + joined(";")).encode(),
    "crlf": joined(",").replace("\n", "\r\n").encode(),
    "blank lines": joined(",").replace("\n", "\n\n").encode(),
    "empty column": joined(",").replace("\n", ",\n").encode(),
    "markdown": piped(str).encode(),
    "bold markdown": piped(lambda value: f"**{value}%**").encode(),
    "markdown without edges": piped(str, "").encode(),
    "other names": joined(",").replace("model", " Model ").encode(),
    "japanese names": joined(",").replace("model", "モデル").encode("cp932"),
    "title above": ("Results of 2024,,\n" + joined(",")).encode(),
}


@pytest.mark.parametrize("name", WRITINGS)
def test_every_writing_of_a_table_gives_the_same_scores(tmp_path: Path, name: str) -> None:
    place = tmp_path / "t.csv"
    place.write_bytes(WRITINGS[name])
    found = read(place, reference="検証")
    wanted = {"検証": {k: a for k, (a, _) in NUMBERS.items()}, "line2": {k: b for k, (_, b) in NUMBERS.items()}}
    assert table_of(found) == wanted
    assert not found.excluded


POINTS = st.integers(101, 9999).map(lambda hundredths: hundredths / 100)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(POINTS, POINTS), min_size=2, max_size=6))
def test_the_same_numbers_in_any_writing_are_the_same(tmp_path: Path, pairs: list[tuple[float, float]]) -> None:
    table = {f"net{k}": pair for k, pair in enumerate(pairs)}

    def write(between: str, text: Any, head: str = "model,val,shift") -> str:
        lines = [head.replace(",", between), *(between.join([k, text(a), text(b)]) for k, (a, b) in table.items())]
        return "\n".join(lines) + "\n"

    def fraction(value: float) -> str:
        return f"{value / 100:.4f}"

    markdown = write("|", str).replace("\n", "\n-|-|-\n", 1)
    texts = [write(",", str), write("\t", str), write(";", comma), write(",", lambda v: f"{v}%"), markdown]
    texts += [write(",", lambda v: f"{v:.2f} ± 0.10"), write("\t", comma), write(";", lambda v: comma(v) + " %")]
    texts += [write(",", fraction)]
    found = []
    for text, encoding in [*((text, "utf-8") for text in texts), (texts[0], "utf-16"), (texts[6], "utf-16")]:
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))
        found.append(table_of(read(tmp_path / "t.csv", reference="val")))
    assert all(each == found[0] for each in found)
    assert found[0]["val"] == {k: a for k, (a, _) in table.items()}


OPEN_CLIP = """name,pretrained,params (M),FLOPs (B),Average perf. on 35 datasets,ImageNet 1k,Caltech-101,CIFAR-10
E-14,laion2b,5044.89,2362.19,0.6980,0.8201,0.9535,0.9934
L-14,datacomp,427.62,175.33,0.6674,0.7921,0.9465,0.9824
L-14,openai,427.62,175.33,0.6237,0.7554,0.9249,0.9559
L-14,laion2b,427.62,175.33,030282.63050701,0.7525,0.9388,0.9662
"""  # the layout of docs/openclip_results.csv, with its torn average


def test_open_clips_table_in_one_more_try(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(OPEN_CLIP)
    found = answer(tmp_path / "t.csv")
    assert found.reference == "ImageNet 1k"
    assert table_of(found)["CIFAR-10"]["L-14 / openai"] == 95.59
    assert found.excluded == {
        "params (M)": "excluded_cost",
        "FLOPs (B)": "excluded_cost",
        "Average perf. on 35 datasets": "excluded_summary",
    }
    assert found.axes["params (M)"] == {
        "E-14 / laion2b": 5044.89,
        **{f"L-14 / {data}": 427.62 for data in ("datacomp", "openai", "laion2b")},
    }
    assert found.scores is not None
    assert set(found.scores.loc[found.scores["dataset"] == "ImageNet 1k", "n"]) == {50_000}
    part = read(tmp_path / "t.csv", reference="ImageNet 1k", where={"pretrained": "laion*"}, family="pretrained")
    assert list(table_of(part)["ImageNet 1k"]) == ["E-14", "L-14"]
    assert part.families == {"E-14": "laion2b", "L-14": "laion2b"}


ROBUST_BENCH = """# Zoo
### Linf
| <sub>#</sub> | <sub>Model ID</sub> | <sub>Paper</sub> | <sub>Clean accuracy</sub> | <sub>Robust accuracy</sub> | <sub>Architecture</sub> |
|:---:|---|---|:---:|:---:|:---:|
| <sub>**1**</sub> | <sub><sup>**Wu_extra**</sup></sub> | <sub>*[Weights](https://a.b)*</sub> | <sub>88.25%</sub> | <sub>60.04%</sub> | <sub>WRN-28-10</sub> |
| <sub>**2**</sub> | <sub>**Carmon**</sub> | <sub>*[Unlabeled](https://a.b)*</sub> | <sub>89.69%</sub> | <sub>59.53%</sub> | <sub>RN-50 <br/> (3x)</sub> |
| <sub>**3**</sub> | <sub>**Standard**</sub> | <sub>*[Plain](https://a.b)*</sub> | <sub>94.78%</sub> | <sub>0.00%</sub>| <sub>WRN-28-10</sub>|

### L2
| # | Model ID | Paper | Clean accuracy | Robust accuracy |
|:---:|---|---|:---:|:---:|
| 1 | W | p | 88.51% | 73.66% |
| 2 | V | q | 91.08% | 72.91% |
"""  # noqa: E501 - as published


def test_robust_benchs_readme_in_one_more_try(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(ROBUST_BENCH)
    found = answer(tmp_path / "README.md")
    assert found.reference == "Clean accuracy"
    assert table_of(found)["Robust accuracy"] == {"Wu_extra": 60.04, "Carmon": 59.53, "Standard": 0.0}
    assert found.excluded == {
        "#": "excluded_order",
        "Paper": "excluded_text",
        "Architecture": "excluded_text",
    }
    other = read(tmp_path / "README.md", table_number=2, reference="Clean accuracy")
    assert list(table_of(other)["Clean accuracy"]) == ["W", "V"]
    with pytest.raises(ValueError, match=r"--table-number 3: .*README.md holds 2 tables"):
        read(tmp_path / "README.md", table_number=3)


ERRORS = """|  Method  | Reference | Standalone? |   mCE   |    Clean Error |
|----------|-----------|:-------:|:-------:| :-------:|
| [AugMix](https://a.b) | [H. et al.](https://a.b) | No | 53.6%   |  24.2%
| [Blur]| | Yes | 104.9%   |   21.2%
| ResNet-50 |   | N/A    | 76.7%   | 23.85%
"""


def test_a_leaderboard_of_errors_in_one_more_try(tmp_path: Path) -> None:
    (tmp_path / "t.md").write_text(ERRORS)
    found = answer(tmp_path / "t.md", reference="Clean Error")
    assert table_of(found) == {
        "mCE": {"AugMix": -53.6, "Blur": -104.9, "ResNet-50": -76.7},
        "Clean Error": {"AugMix": 75.8, "Blur": 78.8, "ResNet-50": 76.15},
    }
    assert found.unbounded == ("mCE",)


SOLO = """### CIFAR-10

| Method | Backbone | Epochs | Dali | Acc@1 | Acc@5 | Checkpoint |
|--------|:--------:|:------:|:----:|:-----:|:-----:|:----------:|
| BYOL   | ResNet18 |  1000  | :x:  | 92.58 | 99.79 | [:link:](https://a.b) |
| NNCLR  | ResNet18 |  1000  | :x:  | 91.88 :sparkles: | 99.78 | [:link:](https://a.b) |
| DINO   | ResNet18 |  1000  | :heavy_check_mark:  |  |  |  |

## Efficiency

| Method | Parameters | Time for 1 epoch |
|--------|------------|------------------|
| BYOL   |            |                  |
"""


def test_a_readme_whose_one_table_has_scores_needs_no_question(tmp_path: Path) -> None:
    (tmp_path / "t.md").write_text(SOLO)
    found = read(tmp_path / "t.md")
    assert table_of(found) == {"Acc@1": {"BYOL": 92.58, "NNCLR": 91.88}}
    assert found.excluded["Acc@5"] == "excluded_second"
    assert found.excluded["Epochs"] == "excluded_setting"
    assert found.excluded["Backbone"] == "excluded_text"
    assert "read_table_number" in keys(found)


@pytest.mark.skipif(not TIMM.exists(), reason="timm's tables are not here")
def test_timms_tables_in_one_more_try() -> None:
    one = answer(TIMM / "results-imagenet.csv")
    assert one.datasets == ("top1",)
    assert one.excluded["top1_err"] == "excluded_mirror"
    files = sorted(TIMM.glob("results-*.csv"))
    found = answer(files)
    assert found.reference == "imagenet"
    assert set(found.datasets) >= {"imagenet", "imagenet-a", "imagenet-real", "sketch", "imagenetv2-matched-frequency"}
    said = next(note for note in found.notes if note.key == "read_files")
    assert said.values == {"files": 8, "models": 1557, "all": 1555}
    best = pd.read_csv(TIMM / "results-imagenet.csv")["top1"].max()
    assert max(table_of(found)["imagenet"].values()) == best
    assert found.axes["param_count"]["eva02_large_patch14_448.mim_in22k_ft_in22k_in1k"] == 305.08


def test_all_questions_are_asked_at_once_with_what_was_given(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("net name,data,val,mCE\na,x,70,80\na,y,71,79\nb,x,72,75\n")
    with pytest.raises(ValueError, match="seems to hold errors") as refused:
        read(tmp_path / "t.csv", margin=2.0)
    text = str(refused.value)
    assert re.search(r"a table of results needs a column 'model'.* --model-column \(model_column=\)", text)
    assert "names of models that stand in several rows: 1, first 'a' in 2: the column data tells them apart" in text
    assert text.endswith("--margin 2.0 --model-column 'net name,data' --lower mCE --reference val")
    with pytest.raises(ValueError, match=r"kogen\.lottery\(table, reference='val'\)$"):
        read(pd.DataFrame({"model": ["a", "b"], "val": [70.5, 71], "w": [1.5, 2]}))


def test_rows_by_their_cells(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("model,img_size,val\na,224,70\nb,384,71\nc,384,72\n")
    found = read(tmp_path / "t.csv", where={"img_size": "384"})
    assert table_of(found) == {"val": {"b": 71, "c": 72}}
    note = next(note for note in found.notes if note.key == "read_where")
    assert note.values == {"names": ["img_size=384"], "n": 2, "of": 3}
    with pytest.raises(ValueError, match=r"--where \(where=\) img_size=99: no row has it; there are 224, 384"):
        read(tmp_path / "t.csv", where={"img_size": "99"})
    with pytest.raises(ValueError, match=r"--where \(where=\) names 'size', which is no column"):
        read(tmp_path / "t.csv", where={"size": "384"})
    frame = pd.DataFrame(
        {"model": ["a", "b"] * 2, "dataset": "v", "item": ["i", "i", "j", "j"], "correct": [1, 0, 1, 1]}
    )
    images = read(frame.assign(lot=[1, 1, 2, 2]), where={"lot": "2"}).predictions
    assert images is not None
    assert list(images["item"]) == ["j", "j"]


def test_images_in_a_file_of_any_separator_and_letters_of_any_case(tmp_path: Path) -> None:
    text = "Model;Dataset;Item;Correct\na;v;i;1\nb;v;i;0\n"
    (tmp_path / "t.csv").write_text(text)
    found = read(tmp_path / "t.csv").predictions
    assert found is not None
    assert list(found["correct"]) == [1, 0]
    with pytest.raises(ValueError, match=r"t.csv has one row an image, and files of scores alone are joined"):
        read([tmp_path / "t.csv", tmp_path / "t.csv"])


def test_rows_of_label_budgets_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    rows = pd.DataFrame({"model": np.repeat(["a", "b"], 20), "dataset": "val", "item": np.tile(np.arange(20), 2)})
    rows["correct"] = (rows["item"] % 3 > 0).astype(int)
    part = rows.assign(correct=0, budget="5%", draw=1)
    whole = rows.assign(budget=None, draw=np.nan)
    file = tmp_path / "predictions.csv"
    pd.concat([whole, part]).to_csv(file, index=False)
    found = read_results(file, LotteryOptions())
    assert found.predictions is not None
    assert len(found.predictions) == 40
    assert found.predictions["correct"].tolist() == rows["correct"].tolist()
    assert [(note.key, note.values) for note in found.notes] == [("read_budgets", {"n": 40})]
    stored = tmp_path / "predictions.parquet"
    pd.concat([whole, part]).astype({"draw": "Int64"}).to_parquet(stored)  # as kogen writes it
    for place, draw in ((file, "1.0"), (stored, "1")):
        asked = read_results(place, LotteryOptions(where={"budget": "5%", "draw": draw}))
        assert asked.predictions is not None
        assert asked.predictions["correct"].sum() == 0
    other = rows.assign(budget=np.tile([10, 20], 20), draw="summer")  # columns of another meaning
    other.to_csv(file, index=False)
    mine = read_results(file, LotteryOptions())
    assert mine.predictions is not None
    assert len(mine.predictions) == 40
    assert mine.ignored == ("budget", "draw")
    both = pd.concat([whole, part])
    both.to_parquet(tmp_path / "both.parquet")
    for table in (both.reset_index(drop=True), tmp_path / "both.parquet"):
        again = read_results(table, LotteryOptions())
        assert again.predictions is not None
        assert again.predictions["correct"].tolist() == rows["correct"].tolist()
    part.to_csv(file, index=False)
    with pytest.raises(ValueError, match="every row was learnt from part of the labels: choose one with --where"):
        read_results(file, LotteryOptions())


# each step by itself


IMAGES = pd.DataFrame({"model": ["a", "a", "b", "b"], "dataset": "s", "item": list("ijij"), "correct": [1, 0, 1, 1]})


def read_frame(frame: pd.DataFrame, **asked: Any) -> ReadTable:
    options = TableOptions(**asked)
    return read_columns(frame, options, Questions(frame, options))


def test_names_that_kogen_knows_are_taken_once_whatever_their_letters() -> None:
    assert canonical_names(["Model", "Data Set", "SCORE", "x"]) == {
        "Model": "model",
        "Data Set": "dataset",
        "SCORE": "score",
        "x": "x",
    }
    assert canonical_names(["Model", "model"]) == {"Model": "Model", "model": "model"}
    assert canonical_names(["MODEL", "Model"]) == {"MODEL": "model", "Model": "Model"}


def test_images_are_read_with_what_is_needed_and_the_rest_is_named() -> None:
    found = read_frame(
        IMAGES.assign(lot=list("xxyy"), size=[1, 2, 3, 4], notes="z", n=5, run="r"), cluster="lot", family="size"
    )
    assert found.images
    assert found.ignored == ("notes", "run")
    assert {"cluster", "family"} <= set(found.frame)
    assert {"lot", "size", "n", "run"}.isdisjoint(found.frame)
    assert found.frame["cluster"].tolist() == list("xxyy")
    assert found.notes == ()
    with pytest.raises(ValueError, match="no column 'lots' for the cluster"):
        read_frame(IMAGES.assign(lot="x"), cluster="lots")
    with pytest.raises(ValueError, match="the column 'seed' cannot be the family too"):
        read_frame(IMAGES, family="seed")
    with pytest.raises(ValueError, match="unknown column 'protocl': did you mean 'protocol'"):
        read_frame(IMAGES.assign(protocl="x"))


def test_rows_of_images_are_chosen_by_their_cells() -> None:
    table = IMAGES.assign(lot=["x1", "x2", "y", None], size=[1.0, 2.0, 2.0, None])
    found = read_frame(table, where={"lot": "X*"})
    assert found.frame["item"].tolist() == ["i", "j"]
    assert [(note.key, note.values) for note in found.notes] == [("read_where", {"names": ["lot=X*"], "n": 2, "of": 4})]
    assert read_frame(table, where={"size": "2"}).frame["item"].tolist() == ["j", "i"]
    both = read_frame(table, where={"size": "2.0", "lot": " Y "})
    assert both.frame["model"].tolist() == ["b"]
    with pytest.raises(ValueError, match=r"lot=z: no row has it; there are x1, x2, y"):
        read_frame(table, where={"lot": "z"})
    with pytest.raises(ValueError, match=r"size=big: no row has it; there are 1.0, 2.0"):
        read_frame(table, where={"size": "big"})
    with pytest.raises(ValueError, match="names 'gone', which is no column"):
        read_frame(table, where={"gone": "z"})
    many = pd.Series([float(i) for i in range(10, 0, -1)])
    with pytest.raises(ValueError, match=r"there are 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0 \(") as error:
        matching_rows(many, "size", "99")
    assert "9.0" not in str(error.value)


def test_one_protocol_is_read() -> None:
    table = IMAGES.assign(protocol=["knn", "knn", "linear", "linear"])
    assert read_frame(table, protocol="knn").frame["model"].tolist() == ["a", "a"]
    with pytest.raises(ValueError, match="the table mixes the protocols knn, linear"):
        read_frame(table)
    with pytest.raises(ValueError, match="no rows with the protocol 'other'; there are knn, linear"):
        read_frame(table, protocol="other")
    with pytest.raises(ValueError, match="no rows with the protocol 'knn'; there are none"):
        read_frame(IMAGES, protocol="knn")
    assert len(read_frame(table[table["protocol"] == "knn"]).frame) == 2


def test_answers_of_part_of_the_labels_are_left_out_and_columns_of_another_meaning_are_not() -> None:
    table = IMAGES.assign(budget=["5%", None, None, "5%"], draw=[0, None, None, 0])
    found = read_frame(table)
    assert found.frame["item"].tolist() == ["j", "i"]
    assert [(note.key, note.values["n"]) for note in found.notes] == [("read_budgets", 2)]
    assert {"budget", "draw"}.isdisjoint(found.frame)
    assert read_frame(table, where={"budget": "5%"}).frame["item"].tolist() == ["i", "j"]
    assert read_frame(table.assign(budget=None, draw=None)).notes == ()
    other = read_frame(IMAGES.assign(budget="large", draw="first"))
    assert (len(other.frame), other.ignored) == (4, ("budget", "draw"))
    with pytest.raises(
        ValueError, match=r"every row was learnt from part of the labels: .* such as budget=5% and draw=0"
    ):
        read_frame(table.assign(budget="5%", draw=0))
    assert len(read_frame(IMAGES.assign(budget="5%")).frame) == 4  # without a draw it says nothing


WIDE = pd.DataFrame(
    {"model": ["a", "b", "c"], "s": [80.5, 70.5, 60.5], "t": [75.5, 65.5, 55.5], "kind": ["x", "x", "y"]}
)


def test_families_of_scores_are_of_a_column_that_is_named_or_called_so() -> None:
    found = read_frame(WIDE, family="Kind").frame
    assert dict(zip(found["model"], found["family"], strict=True)) == {"a": "x", "b": "x", "c": "y"}
    assert "family" not in read_frame(WIDE).frame
    with pytest.raises(ValueError, match="no column 'kinds' for the family: did you mean 'kind'"):
        read_frame(WIDE, family="kinds")
    with pytest.raises(ValueError, match="no column 'family' for the family"):
        read_frame(WIDE, family="family")
    with pytest.raises(ValueError, match="the column 'score' cannot be the family too"):
        read_frame(WIDE, family="score")
    long = pd.DataFrame({"model": ["a", "a"], "dataset": ["s", "t"], "score": [80.5, 70.5], "kind": ["x", "y"]})
    with pytest.raises(ValueError, match="the model 'a' is in two families"):
        read_frame(long, family="kind")


def test_rows_of_scores_are_chosen_by_their_cells_and_what_is_left_says_how_many() -> None:
    found = read_frame(WIDE, where={"Kind": "x"})
    assert set(found.frame["model"]) == {"a", "b"}
    assert [(note.key, note.values) for note in found.notes] == [("read_where", {"names": ["Kind=x"], "n": 2, "of": 3})]
    with pytest.raises(ValueError, match="no row has kind=y and model=a at once: leave one out"):
        read_frame(WIDE, where={"kind": "y", "model": "a"})
    table = WIDE.assign(protocol=["knn", "knn", "linear"])
    assert set(read_frame(table, protocol="knn").frame["model"]) == {"a", "b"}
    with pytest.raises(ValueError, match="mixes the protocols"):
        read_frame(table)
    with pytest.raises(ValueError, match="the table has no rows"):
        read_frame(WIDE.head(0))


def test_other_columns_of_a_long_table_are_axes_or_are_named() -> None:
    long = pd.DataFrame(
        {
            "model": ["a", "b"],
            "dataset": "s",
            "score": [80.5, 70.5],
            "params": [5.0, 6.0],
            "words": ["x", "y"],
            "label": 1,
        }
    )
    found = read_frame(long)
    assert found.axes == {"params": {"a": 5.0, "b": 6.0}}
    assert found.excluded == {"words": "excluded_text", "params": "excluded_cost", "label": "excluded_unused"}
    assert not found.images
    with pytest.raises(ValueError, match="unknown column 'famly': did you mean 'family'"):
        read_frame(long.assign(famly="x"))


def test_no_file_and_files_of_images_beside_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table is given"):
        read_columns([], TableOptions(), Questions(None, TableOptions()))
    IMAGES.to_csv(tmp_path / "a.csv", index=False)
    WIDE.to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(ValueError, match=r"a.csv has one row an image, and files of scores alone are joined"):
        read_columns([tmp_path / "b.csv", tmp_path / "a.csv"], TableOptions(), Questions(None, TableOptions()))
    with pytest.raises(ValueError, match=r"b.csv: no column 'kinds' for the family"):
        read_columns(tmp_path / "b.csv", TableOptions(family="kinds"), Questions(None, TableOptions()))
    with pytest.raises(ValueError, match=r"b.csv and 1 more: "):
        read_columns([tmp_path / "b.csv"] * 2, TableOptions(), Questions(None, TableOptions()))
