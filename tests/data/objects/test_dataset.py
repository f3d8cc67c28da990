"""Map-style data sets: items and labels as they come; random transforms and streams are refused with a sentence."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from torchvision import transforms

from kogen.data.cache_settings import CacheSettings
from kogen.data.image_facts import content_id
from kogen.data.objects.dataset import hold_dataset

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 9, 11, 3), dtype=np.uint8)
STORAGE = CacheSettings(progress=False)


class Pictures(Dataset):
    """Images of PIL with a number each, as those of torchvision."""

    classes = ("ok", "bad", "never")

    def __init__(self, transform=None) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return len(PIXELS)

    def __getitem__(self, item: int):
        image = Image.fromarray(PIXELS[item])
        return image if self.transform is None else self.transform(image), item % 2


def test_items_are_read_with_labels_and_names():
    images = hold_dataset(Pictures(), "source").open(STORAGE, "", None, None)
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert images.classes == ("ok", "bad", "never")
    assert images.labels.tolist() == [0, 1] * 10
    part = hold_dataset(Subset(Pictures(), [3, 5, 6]), "source").open(STORAGE, "", None, None)
    assert part.ids.tolist() == [content_id(PIXELS[item]) for item in (3, 5, 6)]
    assert [part.classes[label] for label in part.labels] == ["bad", "bad", "ok"]


def test_two_classes_of_one_name_are_not_made_one():
    cranes = Pictures()
    cranes.classes = (
        ("crane",),
        ("crane",),
        ("maillot", "tank suit"),
    )  # the bird and the machine, as ImageNet has them
    with pytest.raises(ValueError, match="the classes of source are not distinct: crane stands twice; give each"):
        hold_dataset(cranes, "source")


def test_tensors_dicts_and_plain_classes():
    tensors = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    alone = hold_dataset(TensorDataset(tensors), "source").open(STORAGE, "", None, None)
    assert alone.ids.tolist() == [content_id(image) for image in PIXELS]
    assert (alone.labels == -1).all()

    class Rows:
        def __len__(self):
            return 5

        def __getitem__(self, item):
            return {"image": PIXELS[item], "label": ["a", None, "b", "a", "b"][item]}

    images = hold_dataset(Rows(), "source").open(STORAGE, "", None, None)
    assert images.labels.tolist() == [0, -1, 1, 0, 1]


def test_transforms_are_applied_and_random_ones_refused():
    fixed = transforms.Compose([transforms.Resize((6, 6)), transforms.PILToTensor()])
    images = hold_dataset(Pictures(fixed), "source").open(STORAGE, "", None, None)
    assert images.pixels.shape == (20, 3, 6, 6)
    with pytest.raises(ValueError, match=r"source\[\d+\] is another image .*random \(RandomCrop.*without them, kogen"):
        hold_dataset(Pictures(transforms.RandomCrop(5)), "source")


def test_an_item_that_changes_seldom_is_found_when_all_are_read_again(tmp_path):
    class Seldom(Pictures):
        reads = 0

        def __getitem__(self, item: int):
            self.reads += item == 1
            return PIXELS[item] + np.uint8(item == 1 and self.reads > 1), 0

    held = hold_dataset(Seldom(), "source")
    with pytest.raises(ValueError, match=r"dataset\[1\] is another image when it is read a second time"):
        held.open(CacheSettings(cache=tmp_path, progress=False), "", None, None)


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (DataLoader(Pictures()), r"DataLoader, .*source.dataset"),
        (Stream(), "IterableDataset, a stream"),
        (Subset(Pictures(), []), "without items"),
        (TensorDataset(torch.zeros(4, 3, 9, 9), torch.zeros(4), torch.zeros(4)), "have 3 parts"),
        (TensorDataset(torch.zeros(4, 5)), "the image of source.0. is an array of shape"),
        ([{"pixels": 1}], None),
    ],
)
def test_what_is_no_set_of_images_is_refused(given, said):
    if said is None:
        said = "have the keys pixels: wanted image"
    with pytest.raises(ValueError, match=said):
        hold_dataset(given, "source")


def test_a_broken_item_is_counted_as_a_broken_file_is():
    class Broken(Pictures):
        def __getitem__(self, item: int):
            if item == 9:
                raise OSError("truncated")
            return super().__getitem__(item)

    images = hold_dataset(Broken(), "source").open(CacheSettings(progress=False, max_bad=0.1), "", None, None)
    assert (len(images), images.bad[0].source) == (19, "dataset[9]")
    assert "truncated" in images.bad[0].reason


def test_floats_of_totensor_want_a_range():
    with pytest.raises(ValueError, match=r"of the dataset are floats, .*depth='0:1'"):
        hold_dataset(Pictures(transforms.ToTensor()), "source").open(STORAGE, "", None, None)
