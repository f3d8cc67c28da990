"""Sources: settings of another type are refused by name, no set runs code beside it, what is read is known."""

import os
import pickle
from pathlib import Path

import pytest

from kogen.common import registry
from kogen.common.outputs import claim_folder
from kogen.data.cache_settings import CacheSettings
from kogen.data.open import open_images, source_paths


@pytest.mark.parametrize("value", ["1,2", "true", "None,1", "((1,),)"])
@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("torchvision:MNIST", "root"),
        ("digits", "split"),
        ("FOLDER", "labels"),
        ("FOLDER", "split"),
        ("imagenet:.", "like"),
    ],
)
def test_a_setting_of_another_type_is_refused_by_name(source: str, key: str, value: str, tmp_path: Path):
    source = source.replace("FOLDER", str(tmp_path))
    with pytest.raises(ValueError, match=rf"{key} of '.*' is .*, wanted a text"):
        open_images(f"{source}?{key}={value}")


def test_true_or_false_and_names_that_are_numbers(tmp_path: Path):
    with pytest.raises(ValueError, match=r"download of .* is 1, wanted true or false"):
        open_images(f"torchvision:MNIST?root={tmp_path}&download=1")
    with pytest.raises(ValueError, match="digits has no split '2012'"):
        open_images("digits?split=2012")


class Malicious:
    """A pickle that would run a command."""

    def __reduce__(self):
        return os.system, ("touch PWNED",)


@pytest.mark.parametrize(
    "name", ["LSUN", "LSUNClass", "DatasetFolder", "VisionDataset", "wrap_dataset_for_transforms_v2"]
)
def test_sets_that_may_unpickle_or_are_none_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("_cache_a").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ValueError, match=f"torchvision reads none of these as images with a class each '{name}'"):
        open_images(f"torchvision:{name}?root=.")
    assert not Path("PWNED").exists()


def test_a_changed_pickle_of_cifar_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("batches.meta", "test_batch", *(f"data_batch_{number}" for number in range(1, 6))):
        (folder / name).write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ValueError, match=r"torchvision cannot open CIFAR10 .*not found or corrupted"):
        open_images(f"torchvision:CIFAR10?root={tmp_path}")
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("name", ["__init__", "../open", "_surface_drawing", "os", "folder\n"])
def test_a_name_is_a_file_of_its_shelf(name: str):
    with pytest.raises(ValueError, match=r"unknown name .* among the datasets"):
        registry.load("datasets", name)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("imgs", "real", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "real" / "1.png").touch()
    (tmp_path / "imgs" / "1.png").symlink_to(tmp_path / "real" / "1.png")
    (tmp_path / "t.csv").write_text("path,label\nimgs/1.png,a\n")
    (tmp_path / "t.txt").write_text("path,label\nreal/1.png,a\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("imgs", {"imgs", "real"}),
        ("val=imgs", {"imgs", "real"}),
        ("t.csv", {"t.csv", "imgs", "real"}),
        ("table:t.txt", {"t.txt", "real"}),
        ("imgs?labels=t.csv", {"imgs", "t.csv", "real"}),
        ("torchvision:ImageFolder?root=real", {"real"}),
        ("torchvision:ImageFolder?root='real'", {"real"}),
        ("imagenet:real?like='imgs'", {"real", "imgs"}),
        ("real/1.png?backbone=resnet18", {"real/1.png"}),
        ("surfaces?n=96", set()),
        ("a\0b", set()),
        ("nowhere", set()),
    ],
)
def test_paths_of_a_source(root: Path, source: str, wanted: set[str]):
    found = {path.resolve() for path in source_paths(source)}
    assert {(root / name).resolve() for name in wanted} <= found
    assert (root / "out").resolve() not in found


def test_a_table_of_a_folder_protects_the_folder_and_itself_and_not_where_it_lies(root: Path):
    (root / "l.csv").write_text("path,label\n1.png,a\n")
    for found in (source_paths("imgs", labels="l.csv"), source_paths("imgs?labels=l.csv")):
        assert {path.resolve() for path in found} == {root / "imgs", root / "real", root / "l.csv"}
    claim_folder(root / "out", source_paths("imgs", labels="l.csv"))
    for place, words in (("imgs/out", "lies inside .*imgs"), ("real/out", "lies inside .*real"), ("l.csv", "lies on")):
        with pytest.raises(ValueError, match=f"{words}.*, which is read and stays as it is"):
            claim_folder(root / place, source_paths("imgs", labels="l.csv"))


def test_a_table_alone_protects_the_folders_that_its_rows_are_found_in(root: Path):
    (root / "gr\u00fcn").mkdir()
    (root / "gr\u00fcn" / "1.png").touch()
    (root / "l.csv").write_text("path,label\ngru\u0308n\\1.png,a\nnowhere.png,a\n", encoding="utf-8")
    assert {path.resolve() for path in source_paths("l.csv")} == {root / "l.csv", root / "gr\u00fcn"}
    (root / "l.csv").write_text("path,label\n1.png,a\n")
    (root / "1.png").touch()  # beside the table: all of its folder is read
    with pytest.raises(ValueError, match=r"lies inside .*, which is read and stays as it is"):
        claim_folder(root / "out", source_paths("l.csv"))


def test_links_to_folders_below_a_folder_and_circles(root: Path):
    (root / "deep").mkdir()
    (root / "deep" / "more").symlink_to(root / "imgs")
    (root / "deep" / "circle").symlink_to(root / "deep")
    assert {root / "imgs", root / "real"} <= {path.resolve() for path in source_paths("deep")}


@pytest.mark.parametrize("place", ["imgs", "imgs/cache", "imgs/a/b"])
def test_a_cache_among_the_images_is_refused(root: Path, place: str):
    with pytest.raises(ValueError, match="lies among the images imgs: set KOGEN_CACHE to another folder"):
        open_images("imgs", CacheSettings(cache=root / place))
    assert not (root / "imgs" / "cache").exists()
