"""YOLO txt: what is read, and one clear sentence for whatever makes no sense."""

import pytest
from box_files import Drawn, Memory, yolo_bytes

from kogen.data.boxes.yolo import label_files, read_yolo

CLASSES = ["scratch", "dent"]
IMAGE = Drawn("images/train/a.png", (40, 30), [("dent", 10, 3, 20, 9)])
FILES = {IMAGE.name: b"", "labels/train/a.txt": yolo_bytes(IMAGE, CLASSES), "data.yaml": b"names: [scratch, dent]"}


def test_corners_are_shares_and_the_folder_is_the_split():
    found = read_yolo(Memory(FILES))
    assert found.in_shares
    (image,) = found.images
    assert (image.name, image.split, found.classes) == (IMAGE.name, "train", ("scratch", "dent"))
    assert image.boxes[0].corners == pytest.approx((0.25, 0.1, 0.5, 0.3))
    assert image.boxes[0].label == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.yaml", "path: ..\nnames:\n  0: scratch\n  1: dent\nnc: 2\n"),
        ("data.yml", "names:\n- scratch\n- dent\n"),
        ("classes.txt", "scratch\r\ndent\n\n"),
        ("obj.names", "\ufeffscratch\ndent"),
    ],
)
def test_classes_are_read_of_yaml_and_of_lists(name: str, text: str):
    files = {key: value for key, value in FILES.items() if key != "data.yaml"}
    assert read_yolo(Memory(files)) is None
    assert read_yolo(Memory(files | {name: text.encode()})).classes == ("scratch", "dent")


def test_a_label_file_lies_in_labels_or_beside_its_image():
    assert label_files("images/x/images/a.b.png") == [
        "images/x/labels/a.b.txt",
        "labels/x/images/a.b.txt",
        "images/x/images/a.b.txt",
    ]
    beside = {"set/a.png": b"", "set/a.txt": b"0 .5 .5 .5 .5\n", "set/classes.txt": b"dent\n"}
    assert [len(image.boxes) for image in read_yolo(Memory(beside)).images] == [1]


def test_an_image_without_a_file_has_no_box_and_this_is_said():
    found = read_yolo(Memory(FILES | {"images/train/b.png": b"", "images/train/c.png": b"", "labels/train/c.txt": b""}))
    assert [len(image.boxes) for image in found.images] == [1, 0, 0]
    assert found.notes == ("images without a label file, taken to have no box: 1, for example images/train/b.png",)


def test_names_without_labels_are_no_set_of_boxes():
    assert read_yolo(Memory({"a.png": b"", "classes.txt": b"dent"})) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 .5 .5 .5", r"labels/train/a.txt: images/train/a.png, line 2 has 4 numbers, no box; wanted: class"),
        ("1 .5 .5 .5 .5 .9", r"line 2 has 6 numbers, a score, too"),
        ("1 .1 .1 .2 .1 .2 .2", r"line 2 has 7 numbers, an outline"),
        ("2 .5 .5 .5 .5", r"line 2 is of the class 2, and there are 0 to 1"),
        ("-1 .5 .5 .5 .5", r"line 2 is of the class -1"),
        ("0.5 .5 .5 .5 .5", r"line 2 is of the class 0.5"),
        ("nan .5 .5 .5 .5", r"line 2 is of the class nan"),
        ("dent .5 .5 .5 .5", r"line 2 is 'dent', wanted a number"),
        ("1 320 240 20 20", r"line 2 is '1 320 240 20 20', which is in pixels"),
    ],
)
def test_a_line_that_is_no_box_is_named(line: str, message: str):
    with pytest.raises(ValueError, match=message):
        read_yolo(Memory(FILES | {"labels/train/a.txt": f"0 .5 .5 .1 .1\n{line}\n".encode()}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [a, a]", r"classes of memory/data.yaml are not distinct: a stands twice"),
        ("names: {1: a, 2: b}", r"names has the numbers 1, 2, wanted 0, 1, 2 and so on"),
        ("names: dent", r"names is no list of classes"),
        ("nc: 3\nnames: [a, b]", r"says nc: 3 and names 2 classes: which is right"),
        ("names: [a", r"memory/data.yaml cannot be read"),
        ("names: !!python/object/apply:os.system [ls]", r"memory/data.yaml cannot be read"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nnames: [a]", r"cannot be read \(it has aliases"),
        ("names: " + "[" * 5000, r"memory/data.yaml cannot be read"),
        ("names: [a, b]\nnames: [b, a]", r"cannot be read \(it has the key 'names' twice: which is meant"),
        ("names: {0: a, 0: b}", r"cannot be read \(it has the key '0' twice"),
        ("names: [yes, no]", r"data.yaml: names has yes, no, on, off, true or false: put a class called so in quotes"),
        ("names: [a, no box]", r"'no box' is what an image without a box is called: give"),
        ("names: [a, " + "b" * 251 + "]", r"one has too long a name \('bbbbbbbbbbbbbbbbbbbb'\): at most 250"),
        ("names: [a, '']", r"one has no name"),
    ],
)
def test_a_list_of_classes_that_is_none_is_named(text: str, message: str):
    with pytest.raises(ValueError, match=message):
        read_yolo(Memory(FILES | {"data.yaml": text.encode()}))


def test_two_files_that_name_other_classes_are_refused():
    other = {"train/data.yaml": b"names: [dent, scratch]"}
    with pytest.raises(ValueError, match=r"data.yaml and train/data.yaml name different classes, or in another order"):
        read_yolo(Memory(FILES | other))
    assert read_yolo(Memory(FILES | {"train/data.yaml": FILES["data.yaml"]})).classes == ("scratch", "dent")
    lists = {name: data for name, data in FILES.items() if name != "data.yaml"} | {"classes.txt": b"a\nb"}
    with pytest.raises(ValueError, match=r"classes.txt and obj.names name different classes"):
        read_yolo(Memory(lists | {"obj.names": b"b\na"}))


def test_two_images_never_share_a_label_file():
    with pytest.raises(ValueError, match=r"labels/train/a.txt may be of images/train/a.jpg or of images/train/a.png"):
        read_yolo(Memory(FILES | {"images/train/a.jpg": b""}))


def test_texts_of_no_image_beside_the_labels_are_said():
    beside = {"a.png": b"", "a.txt": b"0 .5 .5 .5 .5\n", "b.txt": b"0 .5 .5 .5 .5\n", "classes.txt": b"dent\n"}
    found = read_yolo(Memory(beside))
    assert found.notes == ("text files among labels that are of no image, not read: 1, for example b.txt",)


def test_splits_of_a_yaml_are_said_not_to_be_read_unless_folders_say_some():
    yaml = {"data.yaml": b"train: one\nval: two\nnames: [dent]"}
    plain = {"one/a.png": b"", "one/a.txt": b"0 .5 .5 .5 .5\n"}
    (note,) = read_yolo(Memory(plain | yaml)).notes
    assert note.startswith("splits that data.yaml names (train, val) are not read, and no folder says any")
    named = {"train/a.png": b"", "train/a.txt": b"0 .5 .5 .5 .5\n"}
    assert read_yolo(Memory(named | yaml)).notes == ()


def test_label_files_of_no_image_are_named():
    with pytest.raises(ValueError, match=r"label files without an image: 1, for example labels/train/z.txt"):
        read_yolo(Memory(FILES | {"labels/train/z.txt": b""}))
