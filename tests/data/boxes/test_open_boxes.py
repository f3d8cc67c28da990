"""Opens boxes: folders and zips give the same, images and boxes stay together, and faults of a set are named."""

from pathlib import Path

import numpy as np
import pytest
from box_files import Drawn, in_folder, in_format, in_zip, png, with_images
from small import SHARED

from kogen.data.boxes.open_boxes import open_boxes
from kogen.data.cache_settings import CacheSettings

CLASSES = ["dent", "scratch"]
IMAGES = [
    Drawn("images/train/a.png", (40, 30), [("dent", 1.0, 2.0, 11.0, 12.0), ("scratch", 0.0, 0.0, 4.0, 4.0)]),
    Drawn("images/train/b.png", (40, 30)),
    Drawn("images/test/c.png", (20, 50), [("scratch", 3.0, 3.0, 9.0, 9.5)]),
]
SMALL = CacheSettings(stored_side=32)
FORMATS = ("coco", "voc", "yolo")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def files(kind: str = "coco", images: list[Drawn] = IMAGES) -> dict[str, bytes]:
    return with_images(in_format(kind, images, CLASSES), images)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_and_a_zip_give_the_same(kind: str, tmp_path: Path):
    folder = open_boxes(in_folder(tmp_path / "in", files(kind)), SMALL)
    packed = open_boxes(in_zip(tmp_path / "in.zip", files(kind)), SMALL)
    assert folder.digest == packed.digest
    assert folder.images.sources.tolist() == ["images/test/c.png", "images/train/a.png", "images/train/b.png"]
    assert folder.sizes.tolist() == [[20, 50], [40, 30], [40, 30]]
    assert [len(boxes) for boxes in folder.boxes] == [1, 2, 0]
    assert (folder.classes, folder.count) == (("dent", "scratch"), 3)
    np.testing.assert_array_equal(folder.images.pixels[[0, 1, 2]], packed.images.pixels[[0, 1, 2]])
    assert "images without a box: 1 of 3" in folder.images.notes
    assert "boxes: dent 1, scratch 2" in folder.images.notes


def test_boxes_are_scaled_to_what_is_stored(tmp_path: Path):
    found = open_boxes(in_folder(tmp_path / "in", files()), SMALL)
    assert found.images.pixels.shape == (3, 1, 32, 32)
    np.testing.assert_allclose(found.boxes[0].corners * found.scales[0], [[4.8, 1.92, 14.4, 6.08]], rtol=1e-6)


def test_splits_are_those_of_the_source(tmp_path: Path):
    found = open_boxes(in_folder(tmp_path / "in", files("yolo")))
    assert found.images.splits.tolist() == ["test", "train", "train"]
    assert found.part("train").images.sources.tolist() == ["images/train/a.png", "images/train/b.png"]
    assert [len(boxes) for boxes in found.part("train").boxes] == [2, 0]
    with pytest.raises(ValueError, match=r"has no split 'val'"):
        found.part("val")
    whole = open_boxes(in_folder(tmp_path / "coco", files("coco")))
    with pytest.raises(ValueError, match=r"has no splits, so no 'train'"):
        whole.part("train")


def test_a_table_says_splits_groups_and_clusters(tmp_path: Path):
    folder = in_folder(tmp_path / "in", files())
    (tmp_path / "more.csv").write_text("path,split,group,cluster\nimages/train/a.png,test,line 2,lot\n")
    found = open_boxes(f"{folder}?table={tmp_path / 'more.csv'}")
    assert found.images.groups.tolist() == ["", "line 2", ""]
    assert found.images.splits.tolist() == ["", "test", ""]
    assert found.images.clusters[1] == "lot"
    (tmp_path / "more.csv").write_text("path,group\nz.png,a\n")
    with pytest.raises(ValueError, match=r"that are no images below .*: 1 of 1, for example z.png"):
        open_boxes(f"{folder}?table={tmp_path / 'more.csv'}")


def test_two_formats_are_told_apart_by_asking(tmp_path: Path):
    folder = in_folder(tmp_path / "in", files("coco") | files("voc"))
    with pytest.raises(ValueError, match=r"has boxes as coco, voc: choose with .*in\?format=coco"):
        open_boxes(folder)
    assert open_boxes(f"{folder}?format=voc").digest == open_boxes(f"{folder}?format=coco").digest


def test_a_broken_image_takes_its_boxes_with_it_and_this_is_said(tmp_path: Path):
    made = files() | {"images/test/c.png": b"no image"}
    found = open_boxes(in_folder(tmp_path / "in", made), CacheSettings(max_bad=0.5))
    assert found.images.sources.tolist() == ["images/train/a.png", "images/train/b.png"]
    assert found.images.bad[0].source == "images/test/c.png"
    assert "boxes of images that cannot be used: 1" in found.images.notes


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("coco", {"annotations/instances.json": b"{}"}, r"has no boxes: wanted COCO json .*VOC xml .*YOLO txt"),
        (
            "coco",
            {"images/train/a.png": png((30, 40))},
            r"lists images/train/a.png as 40 x 30 pixels, its file has 30 x",
        ),
        ("voc", {"images/train/a.png": png((9, 9))}, r"a.xml lists images/train/a.png as 40 x 30 pixels"),
    ],
)
def test_faults_of_a_set_are_named(kind: str, change: dict[str, bytes], message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        open_boxes(in_folder(tmp_path / "in", files(kind) | change))


def test_a_set_without_boxes_has_nothing_to_look_for(tmp_path: Path):
    empty = [Drawn(image.name, image.size) for image in IMAGES]
    with pytest.raises(ValueError, match=r"none of the 3 images of .* has a box: there is nothing to look for"):
        open_boxes(in_folder(tmp_path / "in", files("coco", empty)))


def test_what_is_asked_has_to_make_sense(tmp_path: Path):
    folder = in_folder(tmp_path / "in", files())
    with pytest.raises(ValueError, match=r"unknown format of boxes 'coc': did you mean 'coco'"):
        open_boxes(f"{folder}?format=coc")
    with pytest.raises(ValueError, match=r"have no setting 'formt': did you mean 'format'"):
        open_boxes(f"{folder}?formt=coco")
    with pytest.raises(ValueError, match=r"annotations= chooses among COCO files, and the format is voc"):
        open_boxes(f"{folder}?format=voc&annotations=a.json")
    with pytest.raises(ValueError, match=r"has no boxes in the format yolo"):
        open_boxes(f"{folder}?format=yolo")
    with pytest.raises(ValueError, match=r"there is no .*nowhere: give a folder or a zip"):
        open_boxes(tmp_path / "nowhere")


@pytest.mark.skipif(not (SHARED / "factory" / "factory_deeppcb.zip").exists(), reason="no ../shared")
def test_deeppcb_is_read_from_its_zip():
    found = open_boxes(SHARED / "factory" / "factory_deeppcb.zip", CacheSettings(on_demand=True, progress=False))
    assert (len(found), found.count) == (1500, 10013)
    assert found.classes == ("open", "short", "mousebite", "spur", "copper", "pin-hole")
    assert [len(found.part(split)) for split in ("train", "test")] == [1000, 500]
    groups = {split: set(found.part(split).images.groups) for split in ("train", "test")}
    assert sorted(groups["test"] - groups["train"]) == ["group12000", "group12100", "group12300", "group90100"]
