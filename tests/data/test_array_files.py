"""Array files whose headers lie: refused, with the numbers, before anything is allocated."""

import io
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kogen.data import array_files
from kogen.data.array_files import NpzFile, open_npy
from kogen.data.decode import decode, read_header
from kogen.data.image_facts import UnreadableImage


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def headed(shape: tuple[int, ...], descr: str = "|u1", body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An .npy file with any header over any body."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + body


def write_npz(path: Path, how: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for key, data in members.items():
            archive.writestr(f"{key}.npy", data)
    return path


LIES = [
    (
        headed((10**11, 32, 32, 3), body=b"x" * 50),
        r"claims uint8 of shape \(100000000000, 32, 32, 3\), 307,200,.* holds 50",
    ),
    (headed((2**70,), body=b"x"), r"shape \(1180591620717411303424,\).* holds 1"),
    (headed((-1, 4), body=b"xxxx"), r"claims uint8 of shape \(-1, 4\)"),
    (headed((10,), "<f8", b"x" * 79), r"claims float64 of shape \(10,\), 80 bytes, and holds 79"),
    (headed((10**12,), "<U0"), r"it holds <U0|it holds \|?<?U0"),
    (headed((3,), body=b"xxx", version=(2, 0)), r"an array of format \(2, 0\), wanted \(1, 0\)"),
    (headed((3,), body=b"xxx", version=(9, 9)), r"an array of format \(9, 9\)"),
    (npy(np.array([{}], object)), "it holds Python objects"),
    (npy(np.zeros(2, [("a", "i4")])), r"it holds \[\('a', '<i4'\)\]"),
    (b"\x93NUMPY\x01\x00\xff\xff{", "EOF: reading array header"),
    (b"\x93NUMPY\x01\x00\x08\x00" + b"(" * 8, ""),
    (b"PK\x03\x04", "EOF: reading magic string"),
    (b"", "EOF: reading magic string"),
]


@pytest.mark.parametrize(("data", "message"), LIES)
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_headers_that_lie(tmp_path: Path, data: bytes, message: str, how: int) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    file = NpzFile(str(write_npz(tmp_path / "a.npz", how, x=data)))
    tracemalloc.start()
    for read in (lambda: open_npy(str(tmp_path / "a.npy")), lambda: file.header("x"), lambda: file.read("x")):
        with pytest.raises(ValueError, match=f"cannot read the arrays of .*{message}"):
            read()
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize(("data", "message"), LIES)
def test_headers_of_images_that_lie(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    for source in (str(tmp_path / "a.png"), data):
        for read in (read_header, decode):
            with pytest.raises(UnreadableImage):
                read(source)


def relabel(path: Path, claimed: int) -> None:
    """Make the directory of a zip of one member claim another size."""
    data = bytearray(path.read_bytes())
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", claimed)
    path.write_bytes(data)


def test_members_that_are_bombs(tmp_path: Path, monkeypatch) -> None:
    path = write_npz(tmp_path / "a.npz", x=headed((4 * 10**9,), body=b"\0" * 1000))
    relabel(path, 4 * 10**9)
    with pytest.raises(ValueError, match=r"'x' claims 4,000,000,000 bytes, more than its .* packed bytes can hold"):
        NpzFile(str(path)).header("x")
    honest = write_npz(tmp_path / "b.npz", x=npy(np.zeros(10**6, np.uint8)))  # a thousandth of it
    assert NpzFile(str(honest)).read("x").shape == (10**6,)
    monkeypatch.setattr(array_files, "machine_memory", lambda: 10**5)
    with pytest.raises(ValueError, match=r"'x' has 1,000,128 bytes, this machine can hold 100,000: cut it"):
        NpzFile(str(honest)).read("x")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_packed_in_another_way(tmp_path: Path, how: int) -> None:
    path = write_npz(tmp_path / "a.npz", how, x=npy(np.zeros(10**6, np.uint8)))
    with pytest.raises(ValueError, match="'x' is packed in a way that numpy does not write"):
        NpzFile(str(path)).header("x")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    for name, message in (
        (tmp_path / "pipe.npz", "is a pipe or a device"),
        ("/dev/zero", "is a pipe or a device"),
        (tmp_path / "folder.npz", "is a folder"),
        (tmp_path / "gone.npz", "No such file"),
    ):
        for read in (open_npy, NpzFile):
            with pytest.raises(ValueError, match=message):
                read(str(name))


def test_honest_files_are_read(tmp_path: Path) -> None:
    for array in (
        np.zeros((0, 4), np.uint8),
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.ones((3, 2))),
        np.array("a"),
    ):
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_array_equal(open_npy(str(tmp_path / "a.npy")), array)
        np.savez(tmp_path / "a.npz", x=array)
        np.testing.assert_array_equal(NpzFile(str(tmp_path / "a.npz")).read("x"), array)
