"""Arrays as recordings: which axis is time, what an .npz says of its rows, and shapes that are refused."""

from pathlib import Path

import numpy as np
import pytest

from kogen.data.series.array_recordings import read_npy, read_stack
from kogen.data.series.recording import Reading


def values(recording) -> np.ndarray:
    return np.concatenate([block.values for block in recording.blocks])


@pytest.mark.parametrize("turned", [False, True])
def test_the_longer_axis_is_time(turned: bool, tmp_path: Path):
    stored = np.arange(20.0).reshape(10, 2)
    np.save(tmp_path / "a.npy", stored.T if turned else stored)
    assert values(read_npy(str(tmp_path / "a.npy"), "a.npy", Reading())).tolist() == stored.tolist()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5)), r"shape \(4, 5\): channels or time first\? Save it as a stack"),
        (np.zeros((4, 5, 6)), r"shape \(4, 5, 6\), wanted .*; a stack \(N, C, T\) is read alone"),
        (np.zeros((0,)), r"shape \(0,\), wanted"),
        (np.array(["a", "b"]), "it holds <U1, wanted numbers"),
    ],
)
def test_arrays_that_may_be_read_in_two_ways_are_refused(array, message: str, tmp_path: Path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        read_npy(str(tmp_path / "a.npy"), "a.npy", Reading())


def test_an_npz_says_labels_splits_clusters_groups_rate_and_names(tmp_path: Path):
    stack = np.arange(24.0).reshape(3, 2, 4)
    said = {"labels": np.array(["a", "b", "a"]), "splits": np.array(["train", "train", "test"])}
    said |= {"clusters": np.array([7, 7, 8]), "groups": np.array(["x", "y", "y"]), "other": np.zeros(2)}
    np.savez(tmp_path / "s.npz", series=stack, rate=50.0, channel_names=np.array(["u", "v"]), **said)
    notes: list[str] = []
    found = list(read_stack(str(tmp_path / "s.npz"), "s.npz", Reading(channels=("v",)), notes))
    assert [values(one).T.tolist() for one in found] == stack[:, 1:].tolist()
    assert [(one.blocks[0].label, one.split, one.cluster, one.group) for one in found] == [  # type: ignore[index]
        ("a", "train", "7", "x"),
        ("b", "train", "7", "y"),
        ("a", "test", "8", "y"),
    ]
    assert (found[0].rate, found[0].channel_names, found[0].name) == (50.0, ("v",), "s.npz[0]")
    assert notes == [f"arrays in {tmp_path / 's.npz'} that are not read: other"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((3, 2, 4))}, "holds pictures; wanted series"),
        (
            {"series": np.zeros((3, 4))},
            r"'series' of .* has the shape \(3, 4\), wanted \(N, C, T\).*save one channel as",
        ),
        ({"series": np.zeros((3, 2, 4)), "labels": np.zeros(2)}, r"3 images and labels of shape \(2,\)"),
        ({"series": np.zeros((3, 2, 4)), "rate": np.zeros(3)}, "wanted one number"),
        (
            {"series": np.zeros((3, 2, 4)), "channel_names": np.array(["u", "u"])},
            "channel_names in .* are not distinct",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message: str, tmp_path: Path):
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        list(read_stack(str(tmp_path / "s.npz"), "s.npz", Reading(), []))


def test_objects_are_never_unpickled(tmp_path: Path):
    np.savez(tmp_path / "s.npz", series=np.array([object()]))
    with pytest.raises(ValueError, match="Python objects"):
        list(read_stack(str(tmp_path / "s.npz"), "s.npz", Reading(), []))
