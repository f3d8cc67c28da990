"""The section on errors: sentences, tables and pictures from a small hand-made verdict."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2
import pytest
from PIL import Image

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.reporting import html
from kogen.reporting.study import errors
from kogen.reporting.study.cautions import threshold_sentences
from kogen.reporting.study.errors import errors_section
from kogen.reporting.words import say


def metric_row(model: str, metric: str, value: float | None, **more: Any) -> dict[str, Any]:
    row = {"dataset": "val", "model": model, "metric": metric, "protocol": "linear", "n": 100, "value": value}
    row |= {"lo": None if value is None else value - 2, "hi": None if value is None else value + 2, "floor": 50.0}
    return row | {"better": "higher", "unit": "points", "reason": None} | more


def recall_row(name: str, value: float, half: float, by: str = "class", **more: Any) -> dict[str, Any]:
    row = {"dataset": "val", "by": by, "name": name, "model": "a", "n": 40, "value": float(value)}
    return row | {"lo": float(value - half), "hi": float(value + half), "worst": False} | more


SHIFT = {
    "dataset": "night",
    "model": "a",
    "accuracy": 32.1,
    "reference_accuracy": 85.4,
    "auroc": 58.2,
    "auroc_lo": 55.0,
    "auroc_hi": 61.0,
    "reference_auroc": 92.3,
    "larger": 70.8,
    "larger_class": "good",
    "best_accuracy": 71.0,
    "case": "ranking",
}


@dataclass(frozen=True)
class Made:
    metric: MetricFacts = ACCURACY
    metrics: list[Any] = field(default_factory=list)
    threshold_shift: list[Any] = field(default_factory=list)
    recall: list[Any] = field(default_factory=list)
    confusion: list[Any] = field(default_factory=list)
    hard: list[Any] = field(default_factory=list)
    reference: str = "val"
    protocol: str = "linear"
    sets: tuple[str, ...] = ("val", "night")
    order: dict[str, list[str]] = field(default_factory=lambda: {"val": ["a", "b"], "night": ["b", "a"]})


def told(made: Made, study: Path = Path("/nowhere"), lang: str = "en") -> list[str]:
    return [say(lang, said.key, **said.values) for said in errors_section(study, made)["sentences"]]


def lost(rows: list[Any], lang: str = "en") -> list[str]:
    return [say(lang, said.key, **said.values) for said in threshold_sentences(rows, "a", "val")]


def test_the_ranking_is_lost_too() -> None:
    row = SHIFT | {"accuracy_hi": 70.7}
    said = lost([row, row | {"model": "b"}])
    assert said == [  # of the model that leads on the reference
        "Do not use a on night: it is right on 32.1 %, and always answering “good” on 70.8 %. Another accept limit "
        "will not mend it: it sorts the images less well there, too (AUROC 58.2, 92.3 on val; guessing is 50)."
    ]
    assert lost([SHIFT | {"accuracy_hi": 70.8}]) == [
        "On night, a is right on 32.1 % (85.4 on val), and another accept limit will not mend it: it sorts the images "
        "less well there (AUROC 58.2, 92.3 on val; guessing is 50)."
    ]


def test_the_threshold_is_off_while_the_ranking_holds() -> None:
    row = SHIFT | {"accuracy_hi": 35.0}
    assert lost([row | {"case": "threshold", "auroc": 91.0, "best_accuracy": 84.0}]) == [
        "On night, a is right on 32.1 % (always “good”: 70.8 %), but it sorts the images as well as before (AUROC "
        "91.0, 92.3 on val): only the accept limit is off. Choose a new one on a few labelled images of night; the "
        "best would give 84.0 %."
    ]
    assert not lost([row | {"case": "none"}, row | {"case": None}])
    (japanese,) = lost([row], lang="ja")
    assert "合否のしきい値を変えても直りません" in japanese


def test_the_worst_class_is_told_where_its_interval_lies_below() -> None:
    rows = [recall_row("bad", 60, 9), recall_row("good", 90, 9), recall_row("odd", 75, 9)]
    (said,) = told(Made(recall=rows))
    assert (
        said
        == "a is worst on “bad” on val: it gets 60.0 % of 40 images right (51.0 to 69.0), against 90.0 % of “good”."
    )
    assert not told(Made(recall=[recall_row("bad", 60, 15), recall_row("good", 90, 15)]))  # 75 is not below 75
    assert not told(Made(recall=[recall_row("bad", 60, 9), recall_row("good", 90, 9) | {"lo": None}]))
    (group,) = told(Made(recall=[recall_row("line 1", 60, 9, "group"), recall_row("line 2", 90, 9, "group")]))
    assert group.startswith("a is worst in the group “line 1” of val: 60.0 % right of 40 images")


def test_why_this_metric_decides() -> None:
    assert errors_section(Path(), Made())["reason"] is None
    unbalanced = replace(ACCURACY, name="balanced_accuracy", reason="imbalance", larger=1060, smaller=40)
    reason = errors_section(Path(), Made(metric=unbalanced))["reason"]
    assert say("en", reason.key, **reason.values) == (
        "The classes are unbalanced (1,060 images of the largest, 40 of the smallest), so balanced accuracy decides "
        "here, where every class counts alike."
    )
    asked = errors_section(Path(), Made(metric=replace(ACCURACY, reason="asked")))["reason"]
    assert say("en", asked.key, **asked.values) == "accuracy decides here, as asked."


def test_every_metric_has_a_row_the_deciding_one_first() -> None:
    rows = [metric_row("a", "accuracy", 80.0), metric_row("b", "accuracy", 70.0), metric_row("a", "auroc", None)]
    rows += [metric_row("b", "auroc", None, reason="no_probabilities"), metric_row("a", "log_loss", 0.3, unit="nats")]
    rows[2]["reason"] = "no_probabilities"
    rows += [metric_row("a", "accuracy", 1.0, protocol="knn")]
    part = errors_section(Path(), Made(metrics=rows, metric=replace(ACCURACY, name="log_loss")))["metrics"]["val"]
    assert [row["metric"] for row in part["rows"]] == ["log_loss", "accuracy"]
    assert [row["decides"] for row in part["rows"]] == [True, False]
    assert [cell["value"] for cell in part["rows"][1]["cells"]] == [80.0, 70.0]
    assert part["rows"][0]["cells"][1] == {"value": None, "lo": None, "hi": None, "reason": None}
    assert part["absent"] == [{"label": "name_of_auroc", "reason": "reason_no_probabilities"}]
    assert part["models"] == ["a", "b"]


def confusion_rows(classes: int) -> list[dict[str, Any]]:
    names = [f"c{n:02d}" for n in range(classes)]
    return [
        {"dataset": "val", "model": "a", "label": i, "predicted": j, "n": 9.0 if i == j else int(i < j), "share": 0.5}
        for i in names
        for j in names
    ]


def test_a_confusion_matrix_of_twelve_classes_and_a_list_of_thirteen() -> None:
    (whole,) = errors_section(Path(), Made(confusion=confusion_rows(12)))["confusion"]["val"]
    assert (len(whole["rows"]), len(whole["rows"][0][1]), whole["commonest"]) == (12, 12, [])
    assert whole["rows"][1][1][1] == {"n": 9.0, "share": 0.5, "right": True}
    (listed,) = errors_section(Path(), Made(confusion=confusion_rows(13)))["confusion"]["val"]
    assert listed["rows"] == []
    assert len(listed["commonest"]) == 10
    assert (listed["commonest"][0]["label"], listed["commonest"][0]["predicted"]) == ("c00", "c01")


HARD = {"dataset": "val", "kind": "nobody", "item": "ab#2", "path": "x/1.png", "label": "bad", "leader": "a"}
HARD |= {"leader_says": "good", "other": "b", "other_says": "good", "sureness": 0.9}


def test_pictures_and_what_is_said_where_they_are_missing(tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "gallery" / "ab-2.jpg")
    found = errors_section(tmp_path, Made(hard=[HARD]))
    assert found["gallery"]["val"][0]["images"][0]["picture"].startswith("data:image/jpeg;base64,")
    assert found["gallery_note"] is None
    assert errors_section(tmp_path, Made(hard=[HARD, HARD | {"item": "cd"}]))["gallery_note"] == "gallery_unreadable"
    assert (
        errors_section(tmp_path, Made(hard=[HARD | {"item": "cd", "path": None}]))["gallery_note"]
        == "gallery_without_paths"
    )
    assert errors_section(tmp_path, Made())["gallery_note"] is None
    (tmp_path / "gallery" / "ab-2.jpg").write_bytes(b"\xff\xd8\xff cut")
    assert errors_section(tmp_path, Made(hard=[HARD]))["gallery"]["val"][0]["images"][0]["picture"] is None


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_macro_draws_it(tmp_path: Path, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(html.__file__).parent / "templates"
    page = "{% from 'errors.html.j2' import errors %}{{ errors(found) }}"
    loaders = [jinja2.DictLoader({"try.html": page}), jinja2.FileSystemLoader(place)]
    monkeypatch.setattr(jinja2, "FileSystemLoader", lambda _: jinja2.ChoiceLoader(loaders))
    rows = [
        metric_row("a", "accuracy", 80.04),
        metric_row("b", "accuracy", 70.0, lo=None, hi=None, reason="few_of_class"),
    ]
    made = Made(
        metric=replace(ACCURACY, reason="asked"),
        metrics=[*rows, metric_row("a", "auroc", None, reason="one_class")],
        threshold_shift=[SHIFT],
        recall=[recall_row("b<ad", 60, 9, worst=True), recall_row("good", 90, 9)],
        confusion=[*confusion_rows(2), *[row | {"model": "b"} for row in confusion_rows(13)]],
        hard=[HARD],
    )
    html.write_page(tmp_path / "p.html", "try.html", lang, {}, found=errors_section(tmp_path, made))
    text = (tmp_path / "p.html").read_text("utf-8")
    assert "80.0 <small>(78.0–82.0)</small>" in text
    assert f"({say(lang, 'interval_unknown')})" in text
    assert say(lang, "reason_one_class") in text
    assert "b&lt;ad" in text
    assert "<b<ad" not in text
    assert say(lang, "gallery_unreadable") in text
    assert say(lang, "h_confusion") in text
    assert "x/<wbr>1<wbr>.png" in text or "x/1" in text


def test_six_models_are_shown() -> None:
    assert (errors.MAX_MODELS, errors.MAX_MATRIX, errors.MAX_CONFUSIONS) == (6, 12, 10)
    names = [f"m{n}" for n in range(8)]
    made = Made(order={"val": names, "night": names[::-1]}, metrics=[metric_row(n, "accuracy", 50.0) for n in names])
    assert errors_section(Path(), made)["metrics"]["val"]["models"] == names[:6]


def test_the_leader_and_the_runner_up_are_looked_at_and_the_worst_class_is_the_leaders() -> None:
    made = Made(order={"val": ["a", "b", "c"], "night": ["c", "a"]})
    assert errors.leaders_of(made) == ["a", "b"]  # type: ignore[arg-type]
    assert errors.shown_models(made, "night") == ["a", "c"]  # type: ignore[arg-type]
    assert errors.leaders_of(Made(order={})) == []  # type: ignore[arg-type]
    rows = [recall_row("x", 60, 9, worst=True), recall_row("y", 90, 9), recall_row("z", 80, 9, model="b", worst=True)]
    (part,) = errors.recall_of(Made(recall=rows), "val")  # type: ignore[arg-type]
    assert [(row["name"], row["worst"], row["n"]) for row in part["rows"]] == [
        ("x", True, 40),
        ("y", False, 40),
        ("z", False, 40),
    ]
    assert [cell["value"] for cell in part["rows"][2]["cells"]] == [None, 80.0]
    assert errors.recall_of(Made(recall=rows, order={}), "val")[0]["rows"][0]["worst"] is False  # type: ignore[arg-type]


def test_of_many_classes_only_confusions_that_happened_are_listed() -> None:
    rows = confusion_rows(13)
    few = [row | {"n": 3 if (row["label"], row["predicted"]) == ("c05", "c02") else 0} for row in rows]
    (listed,) = errors.confusion_of(Made(confusion=few), "val")  # type: ignore[arg-type]
    assert [(row["label"], row["predicted"]) for row in listed["commonest"]] == [("c05", "c02")]
    ordered = [row | {"n": int(row["label"] != row["predicted"]) + (row["label"] == "c09")} for row in rows]
    (listed,) = errors.confusion_of(Made(confusion=ordered), "val")  # type: ignore[arg-type]
    assert {row["label"] for row in listed["commonest"]} == {"c09"}
    assert [row["predicted"] for row in listed["commonest"]] == [f"c{i:02d}" for i in range(11) if i != 9]
    assert errors.cell_of({"value": 1.0, "lo": 0.5, "hi": 2.0, "reason": "one_class"}) == {
        **{"value": 1.0, "lo": 0.5, "hi": 2.0, "reason": "reason_one_class"}
    }


def test_two_classes_with_intervals_are_needed_to_call_one_the_worst() -> None:
    rows = [recall_row("bad", 60, 9), recall_row("good", 90, 9)]
    assert len(errors.recall_sentences(Made(recall=rows))) == 1  # type: ignore[arg-type]
    assert errors.recall_sentences(Made(recall=rows[:1])) == []  # type: ignore[arg-type]
    touching = [recall_row("bad", 60, 9), recall_row("good", 78, 9)]  # both end at 69
    assert errors.recall_sentences(Made(recall=touching)) == []  # type: ignore[arg-type]
    others = [row | {"model": "b"} for row in rows]
    assert errors.recall_sentences(Made(recall=others)) == []  # type: ignore[arg-type]
