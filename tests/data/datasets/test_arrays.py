"""Array sources that lie about themselves: offsets, labels, names of classes, fuzzed bytes."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

from kogen.data.open import open_images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
TWO = np.zeros((2, 4, 4), np.uint8)
BYTES = np.zeros(100, np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"offsets": [0, 60, 40, 100]}, "put image 1 from 60 to 40, wanted rising numbers from 0 to 100"),
        ({"offsets": [0, 60, 101]}, "put image 1 from 60 to 101"),
        ({"offsets": [-5, 60, 100]}, "put image 0 from -5 to 60"),
        ({"offsets": np.array([0, 2**64 - 1], np.uint64)}, "put image 0 from 0 to 18446744073709551615"),
        ({"offsets": [0.0, 50.0]}, "offsets in .* are float64 of shape .* wanted whole numbers"),
        ({"offsets": [[0, 50]]}, r"offsets in .* are int64 of shape \(1, 2\)"),
        ({"offsets": [0]}, r"offsets in .* are int64 of shape \(1,\)"),
        ({"offsets": 3}, r"offsets in .* are int64 of shape \(\)"),
        (
            {"offsets": [0, 50], "jpeg": BYTES.astype(np.uint16)},
            r"jpeg in .* is uint16 of shape \(100,\), wanted uint8",
        ),
    ],
)
def test_offsets_that_do_not_fit(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **{"jpeg": BYTES, **arrays})
    with pytest.raises(ValueError, match=message):
        open_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": [0, 2**62], "class_names": ["a", "b"]}, "has the label 4611686018427387904 and only 2 class_names"),
        (
            {"labels": np.array([0, 2**64 - 1], np.uint64), "class_names": ["a", "b"]},
            "has the label 18446744073709551615 and only 2",
        ),
        (
            {"labels": np.array([0, 1], complex)},
            r"labels in .* are complex128 of shape \(2,\), wanted numbers, or text of at most 250",
        ),
        ({"labels": ["x" * 251, "y"]}, r"labels in .* are <U251 of shape"),
        ({"labels": np.array([b"a", b"b"])}, r"labels in .* are \|S1 of shape"),
        ({"labels": [[0, 1], [1, 0]]}, r"labels of shape \(2, 2\), wanted \(2,\)"),
        ({"labels": [0, 1], "class_names": np.zeros(1_000_001, np.uint8)}, "wanted a list of at most 1,000,000 names"),
        ({"labels": [0, 1], "class_names": "ab"}, r"class_names in .* are <U2 of shape \(\)"),
        ({"labels": [0, 1], "class_names": ["a", "x" * 251]}, r"class_names in .* are <U251 of shape"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=TWO, **arrays)
    with pytest.raises(ValueError, match=message):
        open_images(tmp_path / "a.npz")


def test_names_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    np.savez(tmp_path / "caf\udce9.npz", x=PIXELS, labels=[0, 1, 0, 1], class_names=["a\udce9", "b\x1b[2J\n"])
    images = open_images(tmp_path / "caf\udce9.npz")
    assert images.classes == ("a\\udce9", "b\x1b[2J\n")
    assert (images.name, images.sources[1]) == ("caf\\udce9", "caf\\udce9.npz[1]")


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_a_pipe_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match="is a pipe or a device, wanted a file"):
        open_images(tmp_path / name)
    np.savez(tmp_path / "b.npz", x=PIXELS, labels=[0, 1, 0, 1])
    with pytest.raises(ValueError, match="is a pipe or a device, wanted a file"):
        open_images(f"{tmp_path}/b.npz?humans={tmp_path / name}")


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_fuzzed_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / f"whole.{kind}"
    np.save(whole, PIXELS) if kind == "npy" else np.savez_compressed(whole, x=PIXELS, labels=[0, 1, 0, 1])
    data, read, refused = whole.read_bytes(), 0, 0
    for seed in range(60):
        chance, fuzzed = random.Random(seed), bytearray(data)
        for _ in range(chance.choice([1, 3, 20])):
            fuzzed[chance.randrange(len(fuzzed))] = chance.randrange(256)
        place = tmp_path / f"{seed}.{kind}"
        place.write_bytes(fuzzed[: chance.choice([len(fuzzed), chance.randrange(len(fuzzed))])])
        try:
            open_images(place)
            read += 1
        except ValueError as error:
            refused += place.name in str(error)
    assert read + refused == 60
    assert refused > 15


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((64, 48, 3), r"one image, \(64, 48, 3\) as \(H, W, C\), or 64 gray ones, \(48, 3\) as \(H, W\)\? Save it as"),
        (
            (3, 64, 48),
            r"one image, \(64, 48, 3\) as \(H, W, C\), or 3 gray ones, .* \(1, 64, 48, 3\) or \(3, 64, 48, 1\)",
        ),
        ((5, 64, 64, 64), r"not clearly \(N, H, W, C\) or \(N, C, H, W\): fewer channels than pixels on a side"),
        ((5, 3, 64, 3), "not clearly"),
    ],
)
def test_shapes_of_two_readings_are_refused(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    np.savez(tmp_path / "a.npz", x=np.zeros(shape, np.uint8))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=message):
            open_images(tmp_path / name)


def test_labels_say_how_many_images_there_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=PIXELS[:3, :, :, 0], labels=[0, 1, 1])
    assert open_images(tmp_path / "a.npz").pixels.shape == (3, 1, 8, 8)


@pytest.mark.parametrize("side", [8, 40])
def test_channels_in_front_are_turned(tmp_path: Path, side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels.transpose(0, 3, 1, 2))
    (tmp_path / "in").mkdir()
    for number, image in enumerate(pixels):
        np.save(tmp_path / "in" / f"{number}.npy", image.transpose(2, 0, 1))
    for source in ("a.npy", "in"):
        found = open_images(tmp_path / source)
        np.testing.assert_array_equal(found.read(np.arange(4)).numpy(), pixels.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize("dtype", [">u2", "<u2", "i8", "f4", "f8"])
def test_numbers_of_every_kind(tmp_path: Path, ending: str, dtype: str) -> None:
    """12 bits, whatever they are stored as: read as 12 bits, floats from the least to the largest."""
    stored = np.random.default_rng(0).integers(0, 4096, (5, 8, 7)).astype(dtype)
    stored[0, 0, :2] = 0, 4095
    place = tmp_path / f"a.{ending}"
    np.save(place, stored) if ending == "npy" else np.savez(place, x=stored)
    found = open_images(place)
    assert found.pixels.dtype == np.uint16
    np.testing.assert_allclose(found.read(np.arange(5)).numpy()[:, 0], stored / 4095 * 65535, atol=0.51)


def test_full_16_bits_of_the_other_byte_order(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).integers(0, 65536, (5, 8, 7), dtype=np.uint16)
    np.save(tmp_path / "a.npy", stored.astype(">u2"))
    np.testing.assert_array_equal(open_images(tmp_path / "a.npy").read(np.arange(5)).numpy()[:, 0], stored)


def test_labels_and_splits_of_an_npz_under_the_names_they_have(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    np.savez(
        tmp_path / "a.npz", x=pixels, y=[1, 0, -1, 1], splits=["Train", "train", "test", "test"], angle=[0, 1, 2, 3]
    )
    images = open_images(tmp_path / "a.npz")
    assert (images.classes, images.labels.tolist()) == (("0", "1"), [1, 0, -1, 1])
    assert images.notes == (
        f"arrays in {tmp_path}/a.npz that are not read: angle",
        f"labels of {tmp_path}/a.npz that mean no label: -1 (images: 1)",
    )
    assert images.splits is not None
    assert images.splits.tolist() == ["Train", "train", "test", "test"]
    assert open_images(f"{tmp_path}/a.npz?split=test").labels.tolist() == [-1, 1]
    np.savez(tmp_path / "b.npz", x=pixels, labels=[1.0, 0.0, np.nan, -1.0], class_names=["ok", "bad"])
    assert open_images(tmp_path / "b.npz").labels.tolist() == [1, 0, -1, -1]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": [0, -2, 1, 0]}, "has the label -2: wanted -1 where there is none, else 0 or more"),
        ({"labels": [0, 0.5, 1, 0], "class_names": ["a", "b"]}, "are no whole numbers: they count class_names, from 0"),
        ({"labels": [0, 1, 1, 0], "y": [0, 1, 1, 0]}, "has the arrays labels, y: keep one of them as labels"),
        ({"splits": [0, 1, 1, 0]}, "splits in .* are int64 .*, wanted the names of splits as text"),
        ({"splits": ["train"]}, r"has 4 images and splits of shape \(1,\), wanted \(4,\)"),
    ],
)
def test_arrays_that_do_not_say_what_they_mean(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 8, 8, 3), np.uint8), **arrays)
    with pytest.raises(ValueError, match=message):
        open_images(tmp_path / "a.npz")


def test_a_split_that_an_array_file_does_not_have(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 8, 8, 3), np.uint8))
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8, 3), np.uint8))
    for name in ("a.npz", "a.npy"):
        with pytest.raises(ValueError, match="has no splits, so no 'test'"):
            open_images(f"{tmp_path}/{name}?split=test")


@pytest.mark.parametrize("shape", [(28, 28, 40), (60, 60, 5), (16, 16, 200)])
def test_gray_images_along_the_last_axis_are_asked_about(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(
        ValueError, match=rf"{shape[2]} images along the last axis, or {shape[0]} of .*Save it as \(N, H, W\)"
    ):
        open_images(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("keys", "part"), [(("train_images", "test_images"), "train_images"), (("x_train", "x_test"), "x_train")]
)
def test_array_files_of_several_parts_have_a_cure(tmp_path: Path, keys: tuple[str, str], part: str) -> None:
    np.savez(tmp_path / "a.npz", **{key: np.zeros((2, 8, 8), np.uint8) for key in keys})
    with pytest.raises(ValueError, match=rf"save one part as images and labels, .*images=file\['{part}'\]"):
        open_images(tmp_path / "a.npz")


def test_an_array_that_says_who_is_held_out_is_not_overlooked(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=pixels, is_test=[0, 0, 1, 1])
    with pytest.raises(
        ValueError, match=r"has an array 'is_test' that seems to say which .*: save it as splits \(N,\)"
    ):
        open_images(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", images=pixels, is_test=[0, 0, 1, 1], splits=["train", "train", "test", "test"])
    assert open_images(tmp_path / "b.npz").notes == (f"arrays in {tmp_path}/b.npz that are not read: is_test",)
