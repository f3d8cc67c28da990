"""COCO json: what is read, and one clear sentence for whatever makes no sense."""

import json

import pytest
from box_files import Drawn, Memory, coco, coco_bytes

from kogen.data.boxes.coco import read_coco

CLASSES = ["scratch", "dent"]
IMAGES = [
    Drawn("images/a.png", (40, 30), [("dent", 1, 2, 11, 12.5)]),
    Drawn("images/b.png", (40, 30), [("scratch", 0, 0, 4, 4), ("dent", 3, 3, 9, 9)]),
    Drawn("images/c.png"),
]
PIXELS = {image.name: b"" for image in IMAGES}


def document(**changes) -> dict:
    return coco(IMAGES, CLASSES) | changes


def read(found: object, name: str = "annotations/instances_train.json", **more: bytes):
    return read_coco(Memory({name: json.dumps(found).encode(), **PIXELS, **more}))


def test_boxes_are_read_as_corners_with_classes_by_name_and_the_split_of_the_file():
    found = read(document())
    assert found.classes == ("scratch", "dent")
    assert [(image.name, image.split, image.size) for image in found.images] == [
        (image.name, "train", image.size) for image in IMAGES
    ]
    assert found.images[0].boxes[0].corners == (1, 2, 11, 12.5)
    assert [[found.classes[box.label] for box in image.boxes] for image in found.images] == [
        ["dent"],
        ["scratch", "dent"],
        [],
    ]


def test_crowds_areas_and_groups_are_kept():
    changed = document()
    changed["annotations"][0] |= {"iscrowd": 1, "area": 12.5}
    changed["annotations"][1] |= {"ignore": 1}
    changed["images"][0] |= {"group": "line 1", "cluster": 7}
    first, second, _ = read(changed).images
    assert (first.boxes[0].crowd, first.boxes[0].area, first.group, first.cluster) == (True, 12.5, "line 1", "7")
    assert (second.boxes[0].crowd, second.boxes[0].difficult) == (False, True)


def test_files_of_several_splits_are_one_set_whose_classes_are_joined_by_name():
    files = {
        "train/_annotations.coco.json": coco_bytes([Drawn("a.png", boxes=[("dent", 0, 0, 1, 1)])], ["dent"]),
        "test/_annotations.coco.json": coco_bytes(
            [Drawn("b.png", boxes=[("dent", 0, 0, 1, 1), ("scratch", 0, 0, 1, 1)])], ["scratch", "dent"]
        ),
    }
    found = read_coco(Memory(files | {"train/a.png": b"", "test/b.png": b""}))
    assert [(image.name, image.split) for image in found.images] == [("test/b.png", "test"), ("train/a.png", "train")]
    assert [[found.classes[box.label] for box in image.boxes] for image in found.images] == [
        ["dent", "scratch"],
        ["dent"],
    ]


def test_instances_are_read_beside_captions_and_key_points_and_this_is_said():
    others = {"annotations/person_keypoints_train.json": coco_bytes(IMAGES, CLASSES)}
    captions = document(annotations=[{"id": 1, "image_id": 90, "caption": "a part"}])
    others["annotations/captions_train.json"] = json.dumps(captions).encode()
    found = read(document(), **others)
    assert len(found.images) == 3
    assert found.notes == (
        "not read beside instances: annotations/person_keypoints_train.json; choose with annotations=",
    )


def test_a_file_is_chosen():
    files = {f"{name}.json": coco_bytes(IMAGES[:count], CLASSES) for name, count in (("first", 1), ("second", 2))}
    with pytest.raises(ValueError, match=r"second.json: the image images/a.png is listed twice"):
        read_coco(Memory(files | PIXELS))
    assert len(read_coco(Memory(files | PIXELS), "second.json").images) == 2
    with pytest.raises(ValueError, match=r"no annotations 'secnd.json': did you mean 'second.json'"):
        read_coco(Memory(files | PIXELS), "secnd.json")
    with pytest.raises(ValueError, match=r"other.json lists no boxes"):
        read_coco(Memory({"other.json": b"{}"}), "other.json")


def test_other_json_is_no_list_of_boxes():
    assert read_coco(Memory({"package.json": b"{}", "list.json": b"[1]"})) is None


def changed(key: str, place: int, **fields: object) -> dict:
    found = document()
    found[key][place] = {name: value for name, value in (found[key][place] | fields).items() if value != "gone"}
    return found


BROKEN = {
    "category": (changed("annotations", 0, category_id=99), r"images/a.png, annotation 1 has the category 99.*3, 10"),
    "list": (changed("annotations", 0, category_id=[1]), r"annotation 1 has the category \[1\]"),
    "image": (changed("annotations", 2, image_id=5), r"annotation 3 is of the image 5, which is not among"),
    "no image": (changed("annotations", 2, image_id="gone"), r"annotation 3 is of the image None"),
    "numbers": (changed("annotations", 1, bbox=[1, 2, 3]), r"b.png, annotation 2: its bbox is \[1, 2, 3\], wanted 4"),
    "text": (changed("annotations", 1, bbox=["1", 2, 3, 4]), r"annotation 2: its bbox is .*wanted 4 numbers"),
    "huge": (changed("annotations", 1, bbox=[10**400, 2, 3, 4]), r"annotation 2: its bbox is .*wanted 4 numbers"),
    "gone": (changed("annotations", 1, bbox="gone"), r"annotation 2: its bbox is None"),
    "area": (changed("annotations", 1, area="big"), r"annotation 2: its area is \['big'\]"),
    "name": (changed("images", 0, file_name="gone"), r"the image 90 has no file_name"),
    "twice": (changed("images", 0, file_name="images/b.png"), r"the image images/b.png is listed twice: keep one"),
    "id": (changed("images", 0, id=89), r"the images images/a.png and images/b.png have one id, 89"),
    "odd id": (changed("images", 0, id=[1]), r"the id of the image images/a.png is \[1\]: wanted a whole number"),
    "absent": (changed("images", 0, file_name="z.png"), r"not in memory: 1 of 3, for example z.png: put them there"),
    "above": (changed("images", 0, file_name="../../etc/passwd"), r"for example ../../etc/passwd"),
    "size": (changed("images", 0, width="wide"), r"width and height of images/a.png is \('wide', 30\)"),
    "class": (changed("categories", 0, name=""), r"the category 3 has no name"),
    "classes": (changed("categories", 0, name="dent"), r"categories of .* are not distinct: dent stands twice"),
    "class id": (changed("categories", 0, id=10), r"two categories have one id"),
    "no box": (changed("categories", 0, name="no box"), r"'no box' is what an image without a box is called"),
    "long class": (changed("categories", 0, name="x" * 251), r"too long a name"),
    "objects": (document(images=[1]), r"images is no list of objects"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_makes_no_sense_is_named(case: str):
    found, message = BROKEN[case]
    with pytest.raises(ValueError, match=message):
        read(found)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_broken_json_is_named(data: bytes):
    with pytest.raises(ValueError, match=r"memory/a.json is no json"):
        read_coco(Memory({"a.json": data}))


def test_a_key_that_stands_twice_is_refused():
    text = json.dumps(document())
    twice = text.replace('"bbox": ', '"bbox": [0, 0, 9, 9], "bbox": ', 1)
    with pytest.raises(ValueError, match=r"memory/a.json is no json \(an object has the key 'bbox' twice: which is"):
        read_coco(Memory({"a.json": twice.encode(), **PIXELS}))


@pytest.mark.parametrize("value", ["0", "false", 5, [0], float("nan")])
@pytest.mark.parametrize("flag", ["iscrowd", "ignore"])
def test_flags_are_yes_or_no_and_never_guessed(flag: str, value: object):
    changed = document()
    changed["annotations"][0][flag] = value
    with pytest.raises(ValueError, match=rf"its {flag} is .*, wanted 0 or 1"):
        read(changed)
    changed["annotations"][0][flag] = None
    box = read(changed).images[0].boxes[0]
    assert (box.crowd, box.difficult) == (False, False)


@pytest.mark.parametrize("width", [10**30, 40.7, -40, float("nan")])
def test_sides_are_whole_numbers_of_pixels(width: float):
    changed = document()
    changed["images"][0]["width"] = width
    with pytest.raises(ValueError, match=r"a side of .*a.png is .*, wanted a whole number of pixels"):
        read(changed)


def test_images_that_no_list_names_are_told():
    found = read(document(), **{"images/z.png": b""})
    assert found.notes[-1] == "images that no list names, which are left out: 1, for example images/z.png"
