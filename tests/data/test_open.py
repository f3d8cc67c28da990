"""Sources: settings of another type are refused by name, and no set runs code that lies beside it."""

import os
import pickle
from pathlib import Path

import pytest

from kogen.common import registry
from kogen.data.open import open_images


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
