"""The layouts of VisA: its split csv, and the folders of one object."""

import numpy as np
import pytest
from inspections import draw_part, write_visa

from kogen.data.cache_settings import CacheSettings
from kogen.data.masks.mask_pixels import masks_at
from kogen.data.open import open_images
from kogen.data.split_names import judging_part, training_part


@pytest.fixture
def storage(tmp_path):
    return CacheSettings(cache=tmp_path / "cache", progress=False)


@pytest.fixture
def visa(tmp_path):
    return write_visa(tmp_path / "visa")


def test_an_object_of_the_split_csv(visa, storage):
    for source in (f"visa:{visa}?object=candle", f"visa:{visa}/split_csv/1cls.csv?object=candle"):
        images = open_images(source, storage)
        assert images.classes == ("anomaly", "normal")
        train, test = training_part(images), judging_part(images)
        assert (len(train), train.classes, len(test)) == (8, ("normal",), 11)
        bad = test.subset(test.labels == 0)
        assert all("candle" in source for source in test.sources)
        assert (masks_at(bad.masks.tolist(), 40) == np.stack([draw_part(3000 + n, True)[1] for n in range(3)])).all()


def test_the_folders_of_one_object(visa, storage):
    images = open_images(f"visa:{visa}/fryum", storage)
    assert images.splits is None
    assert [int((images.labels == k).sum()) for k in range(2)] == [3, 16]
    assert (images.masks != "").sum() == 3


def change(visa, old: str, new: str) -> None:
    table = visa / "split_csv/1cls.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("query", "change_it", "message"),
    [
        ("", None, r"has the objects candle, fryum: choose one, visa:FOLDER\?object=candle"),
        ("?object=candel", None, r"has no object 'candel': .*candle"),
        (
            "?object=candle",
            ("image,mask", "image,masks"),
            r"has no column 'mask': wanted object,split,label,image,mask",
        ),
        ("?object=candle", ("candle,train,normal", "candle,test,normal"), r"has no normal images of candle"),
        ("?object=candle", ("test,anomaly,candle", "test,broken,candle"), r"has the label 'broken' of candle"),
        ("?object=candle", ("candle/Data/Masks/Anomaly/000", "candle/Data/Masks/Anomaly/9"), r"Anomaly/9.png \("),
        ("?object=candle", ("candle/Data/Masks/Anomaly/000.png", ""), r"that have no mask: 1 of 3"),
    ],
)
def test_a_wrong_table_is_named(visa, storage, query, change_it, message):
    if change_it:
        change(visa, *change_it)
    with pytest.raises(ValueError, match=message):
        open_images(f"visa:{visa}{query}", storage)


def test_another_layout(tmp_path, visa, storage):
    with pytest.raises(ValueError, match=r"visa needs a csv .* or one with Data/Images/Normal"):
        open_images(f"visa:{tmp_path}", CacheSettings(progress=False))
    with pytest.raises(ValueError, match=r"is the folder of one object: leave object=fryum out"):
        open_images(f"visa:{visa}/fryum?object=fryum", storage)
