"""Labels: what means none, numbers that are no classes, names that are likely one; in tables and arrays alike."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kogen.data.images import Images, from_array
from kogen.data.labels import clean_labels, is_none, require_classes
from kogen.data.open import open_images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("label", ["", "nan", "NaN", "-1", "-1.0"])
def test_what_means_no_label(label: str) -> None:
    assert is_none(label)
    found, notes = clean_labels(np.array(["a", label, "b"], object), "t.csv")
    assert found.tolist() == ["a", "", "b"]
    assert notes == ([f"labels of t.csv that mean no label: {label} (images: 1)"] if label else [])


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "folder"])
def test_unlabelled_is_unlabelled_in_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    labels = [0.0, 1.0, float("nan"), -1.0, 1.0]
    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / f"t.{kind}"
    if kind == "npz":
        np.savez(source, images=pixels, labels=np.array(labels))
    else:
        for i in range(5):
            Image.fromarray(pixels[i]).save(tmp_path / "in" / f"{i}.png")
        frame = pd.DataFrame({"path": [f"{i}.png" for i in range(5)], "label": labels})
        frame.to_parquet(source) if kind == "parquet" else frame.to_csv(tmp_path / "in" / "t.csv", index=False)
        source = source if kind != "folder" else tmp_path / "in"
    images = open_images(source, labels=tmp_path / "in" / "t.csv" if kind == "folder" else None)
    known = [images.classes[label] if label >= 0 else None for label in images.labels]
    assert [None if label is None else float(label) for label in known] == [0, 1, None, None, 1]


@pytest.mark.parametrize("numbers", [range(20), np.arange(20) * 0.37, range(1000, 1012)])
def test_a_number_of_its_own_at_each_image_is_no_class(numbers) -> None:
    with pytest.raises(
        ValueError, match=r"labels of t.csv are numbers that stand at one image alone, for example .*--columns"
    ):
        clean_labels(np.array([str(n) for n in numbers], object), "t.csv")


def test_few_classes_of_one_image_each_are_classes() -> None:
    assert clean_labels(np.array([str(n) for n in range(9)], object), "t")[1] == []
    assert clean_labels(np.array([f"part {n}" for n in range(30)], object), "t")[1] == []


def test_names_that_are_likely_one_or_none_are_said() -> None:
    found, notes = clean_labels(
        np.array(["OK", "ok", "NG", "OK|NG", "NA", "NA", "caf\u00e9", "cafe\u0301"], object), "t.csv"
    )
    assert found[6] == found[7] == "caf\u00e9"
    assert notes == [
        "t.csv has the class 'NA' (images: 2): if it means no label, leave these labels empty",
        "t.csv has several labels in one, each combination is a class of its own: 'OK|NG'",
        "t.csv has classes that may be one: OK, ok",
    ]


@pytest.mark.parametrize(
    "names", [["007", "7"], ["1", "1.0"], ["TRUE", "1"], ["A|B", "B|A"], ["a b", "ab"], ["\uff2f\uff2b", "OK"]]
)
def test_names_that_mean_one_class(names: list[str]) -> None:
    notes = clean_labels(np.array([*names, "other"], object), "t")[1]
    assert f"t has classes that may be one: {', '.join(sorted(names))}" in notes


@pytest.mark.parametrize(
    ("labels", "odd"), [("0 1 2 255", "255"), ("1 2 -999", "-999"), ("0 200 255", None), ("a 255", None)]
)
def test_numbers_far_beyond_the_others_are_said(labels: str, odd: str | None) -> None:
    notes = clean_labels(np.array(labels.split(), object), "t")[1]
    assert [note for note in notes if "if it means no label" in note] == (
        [] if odd is None else [f"t has the class '{odd}' (images: 1): if it means no label, leave these labels empty"]
    )


def test_require_classes() -> None:
    def labelled(*labels: int) -> Images:
        return from_array(np.zeros((len(labels), 3, 4, 4), np.uint8), np.array(labels), ("a", "b"))

    require_classes(labelled(0, 1))
    with pytest.raises(ValueError, match="the set has only the class 'b', at least 2 classes are wanted: give labels"):
        require_classes(labelled(1, 1, -1))
    with pytest.raises(ValueError, match="the set has no labels"):
        require_classes(labelled(-1))
