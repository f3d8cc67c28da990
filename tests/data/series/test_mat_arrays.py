"""The reader of mat files against scipy's, and damage that it survives."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from kogen.data.series.mat_arrays import read_vectors

RNG = np.random.default_rng(0)
VARIABLES = {
    "column": RNG.normal(size=(50, 1)),
    "row": RNG.normal(size=(1, 50)).astype(np.float32),
    **{
        kind: RNG.integers(0, 100, (7, 1)).astype(kind)
        for kind in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
    },
    "a_name_that_is_rather_long": np.arange(3.0)[:, None],
}
OTHERS = {
    "text": "words",
    "one": 5.0,
    "square": np.eye(3),
    "complex": np.array([1j, 2]),
    "cells": np.array(["a", 2], object),
}
OTHERS |= {"struct": {"a": np.arange(5.0)}}


@pytest.mark.parametrize("packed", [False, True])
def test_lists_of_numbers_are_those_that_scipy_reads(packed: bool, tmp_path: Path):
    savemat(tmp_path / "a.mat", VARIABLES | OTHERS, do_compression=packed)
    found, expected = read_vectors(str(tmp_path / "a.mat")), loadmat(tmp_path / "a.mat")
    assert {name for name, value in found.items() if value is None} == set(OTHERS)
    for name in VARIABLES:
        np.testing.assert_array_equal(found[name], expected[name].ravel())  # type: ignore[arg-type]


def test_a_file_of_the_other_byte_order(tmp_path: Path):
    numbers, name = np.array([1.5, -2, 3], ">f8").tobytes(), b"other".ljust(8, b"\0")
    parts = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 3, 1) + struct.pack(">II", 1, 5) + name
    matrix = parts + struct.pack(">II", 9, 24) + numbers
    head = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    (tmp_path / "a.mat").write_bytes(head + struct.pack(">II", 14, len(matrix)) + matrix)
    found = read_vectors(str(tmp_path / "a.mat"))["other"]
    assert found is not None
    assert found.tolist() == [1.5, -2, 3]
    np.testing.assert_array_equal(loadmat(tmp_path / "a.mat")["other"].ravel(), found)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.booleans(), st.lists(st.tuples(st.integers(124, 1500), st.integers(0, 255)), max_size=8), st.integers(0, 1500)
)
def test_damage_is_an_error_and_never_a_crash(tmp_path: Path, packed: bool, changes: list, end: int):
    savemat(tmp_path / "a.mat", {"x": np.arange(60.0)[:, None], "y": np.arange(60), "z": "text"}, do_compression=packed)
    data = bytearray((tmp_path / "a.mat").read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    (tmp_path / "a.mat").write_bytes(data[: len(data) - end] if end % 3 else data)
    try:
        found = read_vectors(str(tmp_path / "a.mat"))
    except ValueError as error:
        assert "it is" in str(error) or "claims" in str(error)  # noqa: PT017  both ends are right
        return
    assert all(value is None or (value.ndim == 1 and len(value) > 1) for value in found.values())


def test_what_is_cut_off_says_so(tmp_path: Path):
    savemat(tmp_path / "a.mat", {"x": np.arange(60.0)[:, None]})
    data = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(data[:-100])
    with pytest.raises(ValueError, match="it is damaged or cut off: a part claims"):
        read_vectors(str(tmp_path / "a.mat"))
    savemat(tmp_path / "a.mat", {"x": np.arange(60.0)[:, None]}, do_compression=True)
    data = bytearray((tmp_path / "a.mat").read_bytes())
    data[140:150] = bytes(10)
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(ValueError, match="it is damaged"):
        read_vectors(str(tmp_path / "a.mat"))
