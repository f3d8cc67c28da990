"""Series from end to end: folders, tables, .ts files and arrays as windows, what is said of them, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from kogen.data.cache_settings import CacheSettings
from kogen.data.image_facts import content_id
from kogen.data.near_copies import find_copies
from kogen.data.open import open_images, source_paths
from kogen.data.split_names import judging_part, training_part

RNG = np.random.default_rng(0)


def put(place: Path, length: int = 100, channels: str = "ab", time: bool = True) -> np.ndarray:
    """A csv of so many samples at 100 a second."""
    place.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(RNG.normal(size=(length, len(channels))), columns=list(channels))
    if time:
        frame.insert(0, "time", np.arange(length) / 100)
    frame.to_csv(place, index=False)
    return frame[list(channels)].to_numpy().astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for label in ("good", "worn"):
            for number in range(2):
                put(tmp_path / "set" / split / label / f"{number}.csv")
    return tmp_path / "set"


def test_a_folder_is_read_as_one_of_images(folder: Path):
    images = open_images(f"series:{folder}?window=32&stride=16")
    assert images.pixels.shape == (8 * 5, 2, 32)
    assert (images.kind, images.rate, images.channel_names, images.name) == ("series", 100, ("a", "b"), "set")
    assert images.classes == ("good", "worn")
    assert images.clusters[:5].tolist() == ["test/good/0.csv"] * 5
    assert images.sources[1] == "test/good/0.csv 0.16–0.48 s"
    whole = pd.read_csv(folder / "test/good/0.csv")[["a", "b"]].to_numpy().astype(np.float32)
    assert (images.pixels[1] == whole[16:48].T).all()
    assert images.ids[1] == content_id(np.ascontiguousarray(whole[16:48].T))
    assert images.root == ""
    assert len(training_part(images)) == len(judging_part(images)) == 20
    said = images.quality()["notes"]
    assert "windows of 32 samples (0.32 s at 100 samples a second), every 16: 40 of 8 recordings" in said
    assert "samples at the ends of recordings, too few for a window and left out: 32" in said
    assert "folders are taken as splits: test 4, train 4" in said


def test_without_a_window_a_recording_is_one(folder: Path):
    images = open_images(f"series:{folder}?channels=b")
    assert images.pixels.shape == (8, 1, 100)
    assert images.sources[0] == images.clusters[0] == "test/good/0.csv"
    put(folder / "train/good/2.csv", length=90)
    with pytest.raises(ValueError, match=r"have 90 to 100 samples \(2 lengths\): give window=SAMPLES"):
        open_images(f"series:{folder}")
    with pytest.raises(ValueError, match="stride = 5 without a window: give window="):
        open_images(f"series:{folder}?stride=5")


def test_windows_in_seconds_and_another_rate(folder: Path):
    images = open_images(f"series:{folder}?window=0.5s&rate=50")
    assert images.pixels.shape == (16, 2, 25)
    assert images.rate == 50
    assert open_images(f"series:{folder}?window=20&stride=30").quality()["notes"][-1] == (
        "samples between windows that are not read: 10 of every 30"
    )


def test_a_table_labels_a_folder(tmp_path: Path):
    for number in range(4):
        put(tmp_path / f"{number}.csv")
    rows = "path,label,cluster,split,group\n0.csv,up,m1,train,x\n1.csv,down,m1,train,x\n2.csv,up,m2,test,y\n"
    (tmp_path / "labels.csv").write_text(rows)
    images = open_images(f"series:{tmp_path}?window=50", labels=tmp_path / "labels.csv")
    assert images.clusters[::2].tolist() == ["m1", "m1", "m2", "3.csv"]
    assert images.splits is not None
    assert images.splits[::2].tolist() == ["train", "train", "test", "unlabelled"]
    assert images.groups is not None
    assert images.groups[::2].tolist() == ["x", "x", "y", ""]
    assert images.labels[::2].tolist() == [1, 0, 1, -1]
    assert any(note.startswith("recordings that are not in") for note in images.notes)
    (tmp_path / "labels.csv").write_text("path,label\nnone.csv,up\n")
    with pytest.raises(ValueError, match=r"paths in .* that are no recordings below"):
        open_images(f"series:{tmp_path}?window=50", labels=tmp_path / "labels.csv")


def test_a_split_is_chosen(folder: Path):
    assert len(open_images(f"series:{folder}?window=50&split=train")) == 8
    with pytest.raises(ValueError, match="has no split 'other'"):
        open_images(f"series:{folder}?window=50&split=other")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_windows_never_leave_their_recording(tmp_path: Path, data):
    """Of any long table: each window has the values of one recording, whose cluster, label and split it has."""
    lengths = data.draw(st.lists(st.integers(12, 40), min_size=2, max_size=5))
    window, stride = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 15))
    parts = []
    for number, length in enumerate(lengths):
        part = pd.DataFrame({"x": RNG.normal(size=length), "y": RNG.normal(size=length)})
        parts.append(part.assign(recording=f"r{number}", label="ab"[number % 2], split=["train", "test"][number % 2]))
    place = tmp_path / "long.csv"
    pd.concat(parts).to_csv(place, index=False)
    images = open_images(f"series:{place}?window={window}&stride={stride}")
    row = 0
    for number, part in enumerate(parts):
        values = part[["x", "y"]].to_numpy().astype(np.float32)
        for start in range(0, lengths[number] - window + 1, stride):
            np.testing.assert_array_equal(images.pixels[row], values[start : start + window].T)
            assert images.clusters[row] == f"long.csv/r{number}"
            assert images.sources[row] == f"long.csv/r{number} [{start}:{start + window}]"
            assert images.classes[images.labels[row]] == "ab"[number % 2]
            assert images.splits is not None
            assert images.splits[row] == ["train", "test"][number % 2]
            row += 1
    assert row == len(images)


def test_gaps_changes_and_missing_values_are_left_out_and_counted(tmp_path: Path):
    frame = pd.DataFrame({"time": np.arange(400) / 10, "x": RNG.normal(size=400), "label": ["a"] * 205 + ["b"] * 195})
    frame.loc[300, "x"] = np.nan
    frame = frame.drop(index=range(50, 60))
    frame.to_csv(tmp_path / "long.csv", index=False)
    images = open_images(f"series:{tmp_path}/long.csv?window=10", CacheSettings(max_bad=0.1))
    said = images.quality()["notes"]
    assert len(images) == 39 - 2
    assert "windows across a change of the label, left out: 1" in said
    assert "windows with values that are missing or infinite, left out: 1" in said
    assert images.sources[0] == "long.csv [0:10]"  # of a recording with gaps samples say where, and seconds do not
    shifted = open_images(f"series:{tmp_path}/long.csv?window=20", CacheSettings(max_bad=0.1))
    assert "windows across a gap in time, left out: 1" in shifted.quality()["notes"]
    assert images.quality()["classes"] == {"a": 19, "b": 18}
    with pytest.raises(ValueError, match=r"1 of 17 windows of .* missing or infinite, at most 5 % may"):
        open_images(f"series:{tmp_path}/long.csv?window=20")


def test_short_recordings_are_bad(folder: Path):
    put(folder / "train/good/short.csv", length=20)
    with pytest.raises(
        ValueError, match=r"1 of 9 recordings cannot be used, at most 5 % .*\n  train/good/short.csv: has 20"
    ):
        open_images(f"series:{folder}?window=32")
    images = open_images(f"series:{folder}?window=32", CacheSettings(max_bad=0.2))
    assert [(bad.source, bad.reason) for bad in images.bad] == [("train/good/short.csv", "has 20 samples, a window 32")]


def test_nothing_whole_is_refused(tmp_path: Path):
    put(tmp_path / "a.csv", length=30)
    with pytest.raises(ValueError, match="1 of 1 recordings cannot be used"):
        open_images(f"series:{tmp_path}?window=64", CacheSettings(max_bad=1.0))
    frame = pd.DataFrame({"x": range(30), "label": list("ab" * 15)})
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=r"has no window that is whole .*across a change of the label, left out: 7"):
        open_images(f"series:{tmp_path}/a.csv?window=4")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"no recordings below .*: wanted files that end in csv, mat, npy"):
        open_images(f"series:{tmp_path}/none?window=4")


def test_kinds_of_files_in_one_folder_and_channels_that_differ(tmp_path: Path):
    np.save(tmp_path / "a.npy", RNG.normal(size=(90, 2)))
    wavfile.write(tmp_path / "b.wav", 100, RNG.normal(size=(80, 2)).astype(np.float32))
    images = open_images(f"series:{tmp_path}?window=40&own_rate=100")
    assert sorted(set(images.clusters)) == ["a.npy", "b.wav"]
    put(tmp_path / "c.csv")
    with pytest.raises(ValueError, match=r"a.npy has 2 channels, c.csv has 2 channels \(a, b\): choose those that all"):
        open_images(f"series:{tmp_path}?window=40&own_rate=100")


def test_ts_files_are_read_by_their_ending_and_their_folder(tmp_path: Path):
    head = "@problemName Two\n@classLabel true x y\n@data\n"
    (tmp_path / "Two_TRAIN.ts").write_text(head + "1,2,3:x\n4,5,6:y\n")
    (tmp_path / "Two_TEST.ts").write_text(head + "7,8,9:x\n")
    (tmp_path / "Two.txt").write_text("what it is")
    images = open_images(tmp_path)
    assert images.splits is not None
    assert images.splits.tolist() == ["test", "train", "train"]
    assert images.pixels[:].tolist() == [[[7, 8, 9]], [[1, 2, 3]], [[4, 5, 6]]]
    assert [images.classes[label] for label in images.labels] == ["x", "x", "y"]
    assert images.clusters.tolist() == ["Two_TEST.ts[0]", "Two_TRAIN.ts[0]", "Two_TRAIN.ts[1]"]
    alone = open_images(tmp_path / "Two_TRAIN.ts")
    assert alone.splits is None
    assert alone.name == "Two_TRAIN"
    (tmp_path / "Other_TRAIN.ts").write_text(head + "7,8,9:x\n")
    with pytest.raises(ValueError, match=r"holds the sets Other, Two: name one, series:.*/Other"):
        open_images(tmp_path)
    (tmp_path / "Two_TRAIN.tsv").write_text("1\t2\n3\t4\n")
    chosen = open_images(f"series:{tmp_path}/Two")
    assert chosen.ids.tolist() == images.ids[[1, 2, 0]].tolist()
    assert chosen.name == "Two"
    assert "files beside them that are not read: Other_TRAIN.ts, Two_TRAIN.tsv" in chosen.notes
    assert tmp_path in source_paths(f"series:{tmp_path}/Two")
    with pytest.raises(ValueError, match=r"no such folder or file: .*/Three, of which series"):
        open_images(f"series:{tmp_path}/Three")


def test_a_stack_is_a_recording_a_row(tmp_path: Path):
    stack = RNG.normal(size=(4, 2, 30)).astype(np.float32)
    np.savez(tmp_path / "s.npz", series=stack, labels=np.array([0, 1, 0, 1]), class_names=np.array(["n", "m"]))
    images = open_images(f"series:{tmp_path}/s.npz")
    np.testing.assert_array_equal(images.pixels[:], stack)
    assert [images.classes[label] for label in images.labels] == ["n", "m", "n", "m"]
    np.save(tmp_path / "s.npy", stack)
    cut = open_images(f"series:{tmp_path}/s.npy?window=10&channels=2")
    np.testing.assert_array_equal(cut.pixels[1], stack[0, 1:, 10:20])


def test_labels_may_not_be_said_twice(tmp_path: Path):
    pd.DataFrame({"x": range(30), "label": "a", "split": "train"}).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "l.csv").write_text("path,label,split\na.csv,b,test\n")
    with pytest.raises(ValueError, match="files that have labels themselves: leave labels= out"):
        open_images(f"series:{tmp_path}?window=10", labels=tmp_path / "l.csv")
    with pytest.raises(ValueError, match="one file, whose rows are labelled in itself"):
        open_images(f"series:{tmp_path}/a.csv?window=10", labels=tmp_path / "l.csv")
    pd.DataFrame({"x": range(30), "split": "train"}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(ValueError, match=r"splits are in the files, and the table .* name some too"):
        open_images(f"series:{tmp_path}?window=10", labels=tmp_path / "l.csv")


def test_overlapping_windows_are_stored_once(folder: Path, tmp_path: Path):
    cache = CacheSettings(cache=tmp_path / "cache")
    open_images(f"series:{folder}?window=64&stride=1", cache)
    stored = sum(place.stat().st_size for place in (tmp_path / "cache").rglob("*.f32"))
    assert stored == 8 * 100 * 2 * 4
    open_images(f"series:{folder}?window=32&stride=1", cache)
    assert len(list((tmp_path / "cache").rglob("*.f32"))) == 1


def test_a_folder_of_recordings_that_is_read_as_images_says_how(folder: Path):
    with pytest.raises(ValueError, match=r"no images below .*; of recordings of sensors write series:.*set"):
        open_images(folder)


def test_a_recording_that_is_read_as_images_says_how(tmp_path: Path):
    wavfile.write(tmp_path / "a.wav", 100, np.zeros(50, np.int16))
    with pytest.raises(
        ValueError, match=r"a.wav is neither a folder .*: of a recording of sensors write series: before"
    ):
        open_images(tmp_path / "a.wav")


def test_near_copies_of_series_are_equal_ones(folder: Path):
    assert find_copies([open_images(f"series:{folder}?window=32")]) == {}


def test_the_folder_is_among_what_is_read(folder: Path):
    assert folder in source_paths(f"series:{folder}?window=32")
