"""Frames: columns as those of tables in files, paths from the current folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kogen.common.objects import hold
from kogen.data.cache_settings import CacheSettings
from kogen.data.objects.frame import hold_frame
from kogen.data.open import open_images, source_paths

STORAGE = CacheSettings(progress=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "imgs").mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "imgs" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(**more) -> pd.DataFrame:
    return pd.DataFrame({"path": [f"imgs/{number}.png" for number in range(6)], **more})


def test_a_frame_is_read_as_the_same_table_in_a_file_is(folder: Path):
    table = frame(label=["a", "b", None, "a", "b", "a"], lot=[1, 1, 2, 2, 3, 3], split=["train"] * 4 + ["test"] * 2)
    table.to_csv("t.csv", index=False)
    given, read = hold_frame(table, "source").open(STORAGE, "", None, None), open_images("t.csv", STORAGE)
    assert given.digest == read.digest
    for name in ("ids", "labels", "clusters", "splits", "sources"):
        assert (getattr(given, name) == getattr(read, name)).all()
    assert given.classes == read.classes == ("a", "b")
    assert any("read from the current folder" in note for note in given.notes)
    assert hold_frame(table, "source").open(STORAGE, "", "test", None).labels.tolist() == [1, 0]


def test_columns_are_named_and_others_may_hold_anything(folder: Path):
    table = frame(kind=pd.Categorical(list("ababab")), boxes=[[1, 2]] * 6, day=pd.date_range("2026-01-01", periods=6))
    table["path"] = [Path(path).absolute() for path in table["path"]]
    images = hold_frame(table, "source").open(STORAGE, "", None, "label=kind")
    assert images.classes == ("a", "b")
    assert not any("current folder" in note for note in images.notes)
    with pytest.raises(ValueError, match=r"the column 'boxes' of the frame holds .*a list: wanted texts or numbers"):
        hold_frame(table, "source").open(STORAGE, "", None, "label=boxes")


def test_labels_of_a_folder_may_be_a_frame_and_what_it_names_is_known(folder: Path):
    table = frame(label=list("ababab"))
    with hold(table, ["a"] * 6) as (text, labels):
        assert open_images("imgs", STORAGE, labels=text).classes == ("a", "b")
        assert source_paths(text) == [folder / "imgs"]
        with pytest.raises(ValueError, match="give a frame with the columns path and label"):
            open_images("imgs", STORAGE, labels=labels)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (frame()[:0], "frame of 0 rows"),
        (pd.DataFrame([["a.png", "b.png"]], columns=["path", "path"]), "two columns of one name"),
    ],
)
def test_frames_that_cannot_be_read_are_refused(given: pd.DataFrame, said: str):
    with pytest.raises(ValueError, match=said):
        hold_frame(given, "source")


def test_a_frame_without_paths_and_files_that_are_not_there(folder: Path):
    with pytest.raises(ValueError, match="the frame has the columns label; wanted path"):
        hold_frame(pd.DataFrame({"label": ["a"]}), "source").open(STORAGE, "", None, None)
    with pytest.raises(ValueError, match="do not exist below"):
        hold_frame(pd.DataFrame({"path": ["gone.png"]}), "source").open(STORAGE, "", None, None)


def test_the_text_names_the_cells(folder: Path):
    assert hold_frame(frame(), "source").text == hold_frame(frame(), "source").text
    assert hold_frame(frame(label=list("ababab")), "source").text != hold_frame(frame(), "source").text
