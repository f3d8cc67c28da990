"""Mat files: the channels of bearing sets, chosen variables, and what is asked about."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from kogen.data.series.mat_files import read_mat
from kogen.data.series.recording import Reading, Recording, Refused


def read(folder: Path, variables: dict, **reading) -> Recording:
    savemat(folder / "97.mat", variables)
    return read_mat(str(folder / "97.mat"), "97.mat", Reading(**reading))


def column(first: float) -> np.ndarray:
    return np.arange(first, first + 5)[:, None]


def test_variables_of_bearings_are_channels(tmp_path: Path):
    stored = {"X097_DE_time": column(0), "X097_FE_time": column(10), "X097RPM": np.array([[1796]])}
    found = read(tmp_path, stored)
    assert found.channel_names == ("DE", "FE")
    assert found.blocks[0].values.tolist() == np.hstack([column(0), column(10)]).tolist()  # type: ignore[index]
    assert read(tmp_path, stored, channels=("FE",)).channel_names == ("FE",)


def test_two_tests_in_one_file_are_asked_about(tmp_path: Path):
    stored = {"X098_DE_time": column(0), "X099_DE_time": column(10)}
    with pytest.raises(Refused, match="has X098_DE_time and X099_DE_time, of two tests: give channels=X099_DE_time"):
        read(tmp_path, stored)
    assert read(tmp_path, stored, channels=("X098_DE_time",)).channel_names == ("X098_DE_time",)


def test_other_files_say_what_they_hold(tmp_path: Path):
    assert read(tmp_path, {"signal": column(3), "fs": 100}).channel_names == ("signal",)
    with pytest.raises(Refused, match=r"several lists of numbers, a \(5\), b \(5\): say which are channels"):
        read(tmp_path, {"a": column(0), "b": column(1)})
    with pytest.raises(Refused, match="channels of several lengths, a 5, b 4"):
        read(tmp_path, {"a": column(0), "b": column(1)[:4]}, channels=("a", "b"))
    with pytest.raises(Refused, match="has no channel 'c': choose one of a, b"):
        read(tmp_path, {"a": column(0), "b": column(1)}, channels=("c",))
    with pytest.raises(ValueError, match="holds no list of numbers, but text"):
        read(tmp_path, {"text": "words"})


def test_what_is_no_mat_file_cannot_be_read(tmp_path: Path):
    place = tmp_path / "a.mat"
    for content, message in ((b"", "it is empty"), (b"no mat file" * 30, "it is no mat file of Matlab 5")):
        place.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_mat(str(place), "a.mat", Reading())
    place.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n" + bytes(600))
    with pytest.raises(ValueError, match=r"of Matlab 7.3"):
        read_mat(str(place), "a.mat", Reading())
