"""Images: every source by one string, labels and splits, duplicates and twins, and the errors that help."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small import SHARED

from kogen.data.cache_settings import CacheSettings
from kogen.data.images import BadFile, Images, duplicates, from_array, sorted_class_names
from kogen.data.near_copies import twins
from kogen.data.open import open_images

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def paint(*paths: Path, size: tuple[int, int] = (9, 6)) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)


def named(images: Images) -> dict[str, str | None]:
    """Source -> label."""
    pairs = zip(images.sources, images.labels, strict=True)
    return {source: images.classes[label] if label >= 0 else None for source, label in pairs}


def test_a_folder_without_labels_at_any_depth(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png", tmp_path / "in" / "x" / "y" / "b.png")
    images = open_images(tmp_path / "in")
    assert named(images) == {"a.png": None, "x/y/b.png": None}
    assert (images.classes, images.name, images.channels, len(images)) == ((), "in", 3, 2)
    assert images.clusters.tolist() == images.ids.tolist()
    np.testing.assert_allclose(images.aspect, 1.5)


def test_class_folders(tmp_path: Path) -> None:
    paint(*(tmp_path / "in" / label / f"{i}.png" for label in ("10", "9") for i in range(2)))
    images = open_images(str(tmp_path / "in"), CacheSettings(progress=False))
    assert images.classes == ("9", "10")  # by value, not as text
    assert named(images) == {"10/0.png": "10", "10/1.png": "10", "9/0.png": "9", "9/1.png": "9"}


@pytest.mark.parametrize("paths", [["a/1.png", "2.png"], ["a/1.png", "a/2.png"], ["a/1.png", "b/c/2.png"]])
def test_what_are_no_class_folders(tmp_path: Path, paths: list[str]) -> None:
    paint(*(tmp_path / "in" / path for path in paths))
    assert open_images(tmp_path / "in").classes == ()


def test_a_folder_with_a_table_of_labels(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    paint(*(folder / "sub" / f"{i}.png" for i in range(4)))
    (tmp_path / "labels.csv").write_text(
        "path,label,cluster,split\nsub/0.png,007,lot 1,train\nin/sub/1.png,12,,test\nsub/2.png,,lot 2,train\n"
    )
    images = open_images(folder, labels=tmp_path / "labels.csv")
    assert named(images) == {"sub/0.png": "007", "sub/1.png": "12", "sub/2.png": None, "sub/3.png": None}
    assert images.classes == ("007", "12")
    assert images.clusters.tolist() == ["lot 1", images.ids[1], "lot 2", images.ids[3]]
    train = open_images(folder, labels=tmp_path / "labels.csv", split="train")
    assert named(train) == {"sub/0.png": "007", "sub/2.png": None}
    assert named(open_images(f"{folder}?labels={tmp_path}/labels.csv&split=test")) == {"sub/1.png": "12"}


def test_a_table_with_paths_that_are_not_there(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png")
    (tmp_path / "l.csv").write_text("path,label\n" + "".join(f"gone{i}.png,x\n" for i in range(5)) + "in/a.png,x\n")
    with pytest.raises(
        ValueError, match=r"paths in .*l.csv that are no images below .* \(1\): 5 of 6, .*gone0.png, gone1"
    ):
        open_images(tmp_path / "in", labels=tmp_path / "l.csv")
    with pytest.raises(
        ValueError, match=r"paths in the table that do not exist below .*: 5 of 6, for example gone0.png"
    ):
        open_images(tmp_path / "l.csv")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table(tmp_path: Path, kind: str) -> None:
    paint(tmp_path / "0.png", tmp_path / "1.png", tmp_path / "2.png")
    frame = pd.DataFrame({"path": ["2.png", "0.png", "1.png"], "label": ["NA", "b", None], "split": ["x", "y", "x"]})
    if kind == "csv":
        frame.to_csv(tmp_path / "t.csv", index=False)
    else:
        frame.to_parquet(tmp_path / "t.parquet")
    assert named(open_images(tmp_path / f"t.{kind}")) == {"2.png": "NA", "0.png": "b", "1.png": None}
    assert named(open_images(f"{tmp_path}/t.{kind}?split=x")) == {"2.png": "NA", "1.png": None}
    assert named(open_images(tmp_path / f"t.{kind}", split="y")) == {"0.png": "b"}


def test_a_parquet_of_numbers(tmp_path: Path) -> None:
    paint(*(tmp_path / f"{i}.png" for i in range(3)))
    pd.DataFrame({"path": ["0.png", "1.png", "2.png"], "label": [10, 9, None]}).to_parquet(tmp_path / "t.parquet")
    images = open_images(tmp_path / "t.parquet")
    assert named(images) == {"0.png": "10", "1.png": "9", "2.png": None}
    assert images.classes == ("9", "10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("what,label\na.png,x\n", r"has the columns what, label; wanted path .* with --columns path=NAME,label=NAME"),
        ("path,label\n", "has no rows"),
        ("", "cannot read the table"),
        ("path,label\n,x\n", "has a row without a path, number 1"),
        ("path\na.png\na.png\n", "names a.png twice: keep one row"),
    ],
)
def test_tables_that_do_not_make_sense(tmp_path: Path, text: str, message: str) -> None:
    paint(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_images(tmp_path / "t.csv")


def test_splits_that_are_not_there(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png")
    (tmp_path / "t.csv").write_text("path,split\nin/a.png,train\n")
    with pytest.raises(ValueError, match="has no split 'trian': did you mean 'train'"):
        open_images(tmp_path / "t.csv", split="trian")
    (tmp_path / "t.csv").write_text("path\nin/a.png\n")
    with pytest.raises(ValueError, match="has no column split"):
        open_images(tmp_path / "t.csv", split="train")
    with pytest.raises(ValueError, match="in has no splits: give a table"):
        open_images(tmp_path / "in", split="train")


def test_one_image_with_two_labels(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png")
    (tmp_path / "t.csv").write_text("path,label\na.png,x\nin/a.png,y\n")
    with pytest.raises(ValueError, match=r"gives in/a\.png two labels, 'x' and 'y': keep one"):
        open_images(tmp_path / "in", labels=tmp_path / "t.csv")


@pytest.mark.parametrize("shape", [(5, 8, 7), (5, 8, 7, 1), (5, 8, 7, 3), (5, 8, 7, 6)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_npy_is_read_in_place(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    pixels = RNG.integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    np.save(tmp_path / "a.npy", pixels)
    images = open_images(tmp_path / "a.npy")
    expected = pixels.reshape(*shape[:3], -1).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(images.read(np.array([4, 0])).numpy(), expected[[4, 0]])
    assert not list((tmp_path / "cache").glob("*/pixels.npy"))
    assert images.sources[1] == "a.npy[1]"
    assert images.ids[0] == from_array(expected).ids[0]


def test_npy_channels_first_and_npy_of_large_images(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 200, (5, 3, 32, 32), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    np.testing.assert_array_equal(open_images(tmp_path / "a.npy").read(np.arange(5)).numpy(), pixels)
    np.save(tmp_path / "b.npy", RNG.integers(0, 200, (2, 200, 300), dtype=np.uint8))
    images = open_images(tmp_path / "b.npy", CacheSettings(stored_side=64))
    assert images.pixels.shape == (2, 1, 64, 64)
    np.testing.assert_allclose(images.aspect, 1.5)


def test_npz_of_arrays(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 200, (4, 8, 8, 3), dtype=np.uint8)
    np.savez_compressed(tmp_path / "a.npz", images=pixels, labels=np.array([1, 0, -1, 1]), class_names=["cat", "ant"])
    images = open_images(tmp_path / "a.npz")
    assert (images.classes, images.labels.tolist()) == (("cat", "ant"), [1, 0, -1, 1])
    np.testing.assert_array_equal(images.pixels[:].transpose(0, 2, 3, 1), pixels)
    np.savez(tmp_path / "b.npz", x=pixels, labels=np.array([10, 9, 10, 9], np.uint8))
    images = open_images(tmp_path / "b.npz")
    assert (images.classes, images.labels.tolist()) == (("9", "10"), [1, 0, 1, 0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 4, 4), np.uint8)}, r"holds pictures; wanted images \(or x\), or jpeg and offsets"),
        ({"x": np.zeros((2, 4, 4), np.complex64)}, "holds complex64, wanted whole numbers .uint8, uint16. or floats"),
        ({"x": np.zeros((2, 4), np.uint8)}, r"has the shape \(2, 4\), wanted \(N, H, W\)"),
        ({"x": np.uint8(3)}, "is a single number, wanted an array"),
        ({"x": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(3, int)}, "has 2 images and labels of shape"),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, 2]), "class_names": ["a", "b"]},
            "has the label 2 and only 2 class_names",
        ),
        (
            {"x": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, 1]), "class_names": ["a", "a"]},
            "class_names in .* are not distinct: a stands twice",
        ),
    ],
)
def test_npz_that_do_not_make_sense(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        open_images(tmp_path / "a.npz")


def test_array_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK no zip")
    (tmp_path / "b.npy").write_bytes(b"")
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 4, 4), np.uint8), labels=np.array(["a", "b"], object))
    for name in ("a.npz", "b.npy", "c.npy", "d.npz"):
        with pytest.raises(ValueError, match="cannot read the arrays of"):
            open_images(tmp_path / name)


def test_packed_jpeg_with_a_bad_one(tmp_path: Path) -> None:
    paint(*(tmp_path / f"{i}.jpg" for i in range(40)))
    data = [(tmp_path / f"{i}.jpg").read_bytes() for i in range(40)]
    data[3] = b"no jpeg"
    offsets = np.cumsum([0, *map(len, data)])
    np.savez(
        tmp_path / "a.npz", jpeg=np.frombuffer(b"".join(data), np.uint8), offsets=offsets, labels=np.arange(40) % 2
    )
    images = open_images(tmp_path / "a.npz")
    assert len(images) == 39
    assert images.bad == (BadFile("a.npz[3]", "not an image of a known format"),)
    assert images.labels.tolist() == [i % 2 for i in range(40) if i != 3]
    np.testing.assert_array_equal(images.pixels[3], np.asarray(Image.open(tmp_path / "4.jpg")).transpose(2, 0, 1))


def test_digits() -> None:
    train, test, both = (open_images(f"digits{query}") for query in ("?split=train", "?split=test", ""))
    assert (len(train), len(test), len(both)) == (1437, 360, 1797)
    assert both.pixels.shape == (1797, 1, 8, 8)
    assert both.classes == tuple("0123456789")
    assert both.pixels[:].max() == 255
    assert (both.name, len(twins(test, train, {}))) == ("digits", 0)
    with pytest.raises(ValueError, match="digits has no split 'val': train, test"):
        open_images("digits?split=val")


def test_torchvision(tmp_path: Path) -> None:
    paint(*(tmp_path / "tv" / label / f"{i}.png" for label in ("no", "yes") for i in range(3)))
    images = open_images(f"torchvision:ImageFolder?root={tmp_path}/tv")
    assert images.classes == ("no", "yes")
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(
        images.pixels[4], np.asarray(Image.open(tmp_path / "tv" / "yes" / "1.png")).transpose(2, 0, 1)
    )


def test_torchvision_idx_files_by_split(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, count in (("train", 6), ("t10k", 4)):
        pixels = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        head = b"".join(n.to_bytes(4, "big") for n in (2051, count, 28, 28))
        (raw / f"{split}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        head = b"".join(n.to_bytes(4, "big") for n in (2049, count))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(head + bytes(range(count)))
    images = open_images(f"torchvision:MNIST?root={tmp_path}&split=test")
    assert images.pixels.shape == (4, 1, 28, 28)
    np.testing.assert_array_equal(images.pixels[:].reshape(4, 28, 28), pixels)
    assert len(open_images(f"torchvision:MNIST?root={tmp_path}&split=train")) == 6
    with pytest.raises(ValueError, match="MNIST has the splits train and test, not 'val'"):
        open_images(f"torchvision:MNIST?root={tmp_path}&split=val")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("torchvision:CIFAR11?root=.", "torchvision has no set 'CIFAR11': did you mean 'CIFAR10'"),
        ("torchvision:CIFAR10", r"torchvision needs a folder: write torchvision:CIFAR10\?root=FOLDER"),
        ("torchvision:CIFAR10?root=/nowhere", r"cannot open CIFAR10 under /nowhere: .*add &download=true"),
        ("surfaecs", "no such path and no such data source: 'surfaecs'; did you mean 'surfaces'"),
        ("in/not/there", "no such path and no such data source: 'in/not/there'; choose one of arrays"),
        ("digits?spilt=test", "'digits' has no setting 'spilt': did you mean 'split'"),
        ("digits?split", "'split' is not key=value"),
    ],
)
def test_sources_that_are_not_there(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_images(source)


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"split is given twice, as 'test' in 'digits\?split=test' and as 'train'"):
        open_images("digits?split=test", split="train")
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="'arrays' has no setting 'labels': choose one of humans"):
        open_images(tmp_path / "a.npy", labels="x.csv")
    paint(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a.png is neither a folder nor one of .csv, .*: give the folder it lies in"):
        open_images(tmp_path / "a.png")


def test_an_existing_path_wins(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "digits" / "a.png", tmp_path / "what?split=x" / "b.png")
    assert named(open_images("digits")) == {"a.png": None}
    assert named(open_images("what?split=x")) == {"b.png": None}
    assert open_images("what?split=x", name="mine").name == "mine"
    paint(tmp_path / "lot 1.5" / "a.png")
    assert open_images("lot 1.5/").name == "lot 1.5"


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match=r"no images below .*in: it is empty, or holds only"):
        open_images(tmp_path / "in")


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ValueError, match="no permission to list the folder"):
        open_images(tmp_path / "in")


def test_bad_files_are_listed_and_the_rest_stays_in_step(tmp_path: Path) -> None:
    paint(*(tmp_path / "in" / label / f"{i}.png" for label in "ab" for i in range(3)))
    (tmp_path / "in" / "a" / "1.png").write_bytes(b"")
    images = open_images(tmp_path / "in", CacheSettings(max_bad=0.2))
    assert images.bad == (BadFile("a/1.png", "empty (0 bytes)"),)
    assert named(images) == {"a/0.png": "a", "a/2.png": "a", "b/0.png": "b", "b/1.png": "b", "b/2.png": "b"}
    for row, source in enumerate(images.sources):
        pixels = np.asarray(Image.open(tmp_path / "in" / source)).transpose(2, 0, 1)
        np.testing.assert_array_equal(images.read(np.array([row])).numpy()[0], pixels)
    with pytest.raises(ValueError, match="1 of 6 images cannot be used"):
        open_images(tmp_path / "in")


def tiny(labels: list[int], classes: tuple[str, ...] = ("a", "b"), pixels: list[int] | None = None) -> Images:
    values = np.array(pixels if pixels is not None else range(len(labels)), np.uint8)
    return from_array(np.broadcast_to(values[:, None, None, None], (len(labels), 3, 4, 4)), np.array(labels), classes)


def test_read_gives_tensors_of_the_stored_depth() -> None:
    images = tiny([0, 1, -1])
    got = images.read(np.array([2, 0, 2]))
    assert got.dtype == torch.uint8
    assert got[:, 0, 0, 0].tolist() == [2, 0, 2]
    deep = from_array(np.full((1, 1, 2, 2), 65535, np.uint16))
    assert deep.read(np.array([0])).dtype == torch.uint16


def test_subset_of_a_subset_shares_pixels() -> None:
    images = tiny([0, 1, -1, 0, 1])
    part = images.subset(np.array([4, 3, 0])).subset(np.array([True, False, True]))
    assert part.read(np.arange(2))[:, 0, 0, 0].tolist() == [4, 0]
    assert part.labels.tolist() == [1, 0]
    assert part.pixels.shape == (2, 3, 4, 4)
    assert part.pixels.pixels is images.pixels  # type: ignore[attr-defined]
    assert part.digest not in ("", images.digest)
    assert images.labelled_subset().labels.tolist() == [0, 1, 0, 1]


def test_with_classes_counts_labels_in_another_list() -> None:
    images = tiny([0, 1, -1]).with_classes(("z", "b", "a"))
    assert images.labels.tolist() == [2, 1, -1]
    assert images.classes == ("z", "b", "a")
    assert tiny([0, 0]).with_classes(("a",)).labels.tolist() == [0, 0]  # b is named but no image has it
    with pytest.raises(ValueError, match=r"classes missing from train but present in test: b \(known: a, c\)"):
        tiny([0, 1]).with_classes(("a", "c"))


def test_gray_can_be_read_as_colour_and_nothing_else_as_something_else() -> None:
    gray = from_array(np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2))
    colour = gray.with_channels(3).subset(np.array([1]))
    assert (colour.channels, colour.pixels.shape, colour.ids[0]) == (3, (1, 3, 2, 2), gray.ids[1])
    assert colour.read(np.array([0])).tolist() == [[[[4, 5], [6, 7]]] * 3]
    assert gray.with_channels(1) is gray
    with pytest.raises(ValueError, match="the set has 3 channels, wanted 5: only gray"):
        tiny([0]).with_channels(5)


def test_digest_knows_order_content_and_label_names() -> None:
    base = tiny([0, 1, -1])
    assert base.digest == tiny([0, 1, -1]).digest == base.with_classes(("b", "a")).digest
    assert len({base.digest, tiny([0, 1, 0]).digest, tiny([0, 1, -1], ("a", "c")).digest}) == 3
    assert base.digest != base.subset(np.array([1, 0, 2])).digest


def test_duplicates_and_twins() -> None:
    images = tiny([0, 1, 0, 1, 0], pixels=[7, 3, 7, 3, 5])
    assert [group.tolist() for group in duplicates(images)] == [[0, 2], [1, 3]]
    assert twins(images, tiny([0, 0], pixels=[3, 9]), {}).tolist() == [1, 3]
    assert duplicates(images.subset(np.array([], int))) == []


def test_the_same_pixels_in_another_file_are_twins(tmp_path: Path) -> None:
    paint(tmp_path / "train" / "a.png", tmp_path / "train" / "b.png", tmp_path / "test" / "c.png", size=(300, 200))
    Image.open(tmp_path / "train" / "b.png").save(tmp_path / "test" / "renamed.bmp")
    train, test = (
        open_images(tmp_path / "train", CacheSettings(stored_side=64)),
        open_images(tmp_path / "test", CacheSettings(stored_side=32)),
    )
    assert test.sources[twins(test, train, {})].tolist() == ["renamed.bmp"]


def test_quality() -> None:
    report = tiny([0, 1, 0, -1], pixels=[7, 3, 7, 7]).quality()
    assert report == {
        "images": 4,
        "labelled": 3,
        "classes": {"a": 2, "b": 1},
        "bad": [],
        "bad_count": 0,
        "duplicates_inside": 2,
        "notes": [],
        "root": "",
    }
    assert (
        tiny([0, 1, 0], pixels=[7, 7, 3])
        .quality()["notes"][0]
        .startswith("images that stand there more than once with")
    )


def test_classes_in_order() -> None:
    assert sorted_class_names(["b", "", "a", "b"]) == ("a", "b")
    assert sorted_class_names(["10", "9", "007"]) == ("007", "9", "10")
    assert sorted_class_names(["10", "9", "x"]) == ("10", "9", "x")


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/data is not there")
def test_cifar_as_packed_jpeg() -> None:
    cinic = open_images(SHARED / "cifar10" / "cinic10_imagenet_dev.npz")
    test = open_images(SHARED / "cifar10" / "cifar10_jpeg_test.npz")
    assert (cinic.pixels.shape, test.pixels.shape) == ((765, 3, 32, 32), (10000, 3, 32, 32))
    assert cinic.classes == test.classes
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert not test.bad
