"""VOC xml: what is read, what is refused, and that nothing in a file reaches anything beside it."""

import pytest
from box_files import Drawn, Memory, voc_bytes

from kogen.data.boxes.voc import read_voc

BOX = ("dent", 0, 0, 4, 5)
IMAGES = [Drawn("JPEGImages/a.png", (40, 30), [BOX, ("scratch", 1.5, 2, 9, 9)]), Drawn("JPEGImages/b.png")]
PIXELS = {image.name: b"" for image in IMAGES}
XML = {f"Annotations/{name}.xml": voc_bytes(image) for name, image in zip("ab", IMAGES, strict=True)}


def broken(old: str, new: str) -> Memory:
    data = XML["Annotations/a.xml"].decode()
    assert old in data
    return Memory(PIXELS | XML | {"Annotations/a.xml": data.replace(old, new).encode()})


def test_the_first_pixel_is_one_and_xmax_is_inside():
    found = read_voc(Memory(PIXELS | XML))
    assert found.classes == ("dent", "scratch")
    assert [box.corners for box in found.images[0].boxes] == [(0, 0, 4, 5), (1.5, 2, 9, 9)]
    assert [image.size for image in found.images] == [(40, 30), (40, 30)]
    assert [len(image.boxes) for image in found.images] == [2, 0]


def test_difficult_is_kept_and_a_size_may_be_absent():
    files = {
        "a.png": b"",
        "a.xml": voc_bytes(Drawn("a.png", boxes=[BOX]), "<difficult>1</difficult>").replace(b"size", b"other"),
    }
    (image,) = read_voc(Memory(files)).images
    assert (image.boxes[0].difficult, image.size) == (True, (0, 0))


def test_lists_are_splits():
    lists = {"ImageSets/Main/train.txt": b"a\n", "ImageSets/Main/val.txt": b"b\r\n"}
    lists |= {"ImageSets/Main/trainval.txt": b"a\nb\n", "ImageSets/Main/dent_train.txt": b"a 1\n"}
    assert [image.split for image in read_voc(Memory(PIXELS | XML | lists)).images] == ["train", "val"]
    with pytest.raises(ValueError, match=r"ImageSets/Main puts a in test and in train"):
        read_voc(Memory(PIXELS | XML | lists | {"ImageSets/Main/test.txt": b"a\n"}))


def test_images_without_an_xml_are_left_out_and_said():
    found = read_voc(Memory(PIXELS | XML | {"JPEGImages/c.png": b""}))
    assert len(found.images) == 2
    assert found.notes[0].startswith("images without an xml, which are left out: 1, for example JPEGImages/c.png")


def test_images_of_one_name_are_told_apart_by_their_split():
    files = {f"{split}/{name}": b"" for split in ("train", "test") for name in ("a.png",)}
    files |= {f"{split}/a.xml": voc_bytes(Drawn("a.png", boxes=[BOX])) for split in ("train", "test")}
    found = read_voc(Memory(files))
    assert [(image.name, image.split) for image in found.images] == [("test/a.png", "test"), ("train/a.png", "train")]
    with pytest.raises(ValueError, match=r"a.xml may be of one/a.png, two/a.png: give the images names of their own"):
        read_voc(Memory({"one/a.png": b"", "two/a.png": b"", "a.xml": files["train/a.xml"]}))


BROKEN = {
    "name": ("<name>dent</name>", "<name> </name>", r"a.png, object 1 has no name"),
    "edge": ("<ymax>5</ymax>", "", r"JPEGImages/a.png, object 1 has no ymax"),
    "number": ("<ymax>5</ymax>", "<ymax>five</ymax>", r"a.xml: .*object 1: its ymax is 'five', wanted a number"),
    "size": ("<width>40</width>", "<width>wide</width>", r"a side of its size is 'wide'"),
    "end": ("</annotation>", "", r"a.xml is no xml \(no element found"),
    "other": ("<filename>a.png", "<filename>b.png", r"is called after JPEGImages/a.png and names b.png: which image"),
    "below": ("<width>40</width>", "<width>-40</width>", r"a.xml: a side of its size is -40, wanted a whole number"),
    "half": ("<width>40</width>", "<width>40.7</width>", r"a side of its size is 40.7, wanted a whole number"),
    "flag": ("<name>dent</name>", "<name>dent</name><difficult>2</difficult>", r"difficult is 2, wanted 0 or 1"),
    "none": ("<name>dent</name>", "<name>no box</name>", r"'no box' is what an image without a box is called"),
    "deep": ("<size>", "<size>" + "<x>" * 40, r"nested deeper than 32"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_makes_no_sense_is_named(case: str):
    old, new, message = BROKEN[case]
    with pytest.raises(ValueError, match=message):
        read_voc(broken(old, new))


def test_files_that_count_from_zero_are_said():
    assert read_voc(Memory(PIXELS | XML)).notes == ()
    (note,) = read_voc(broken("</part><bndbox><xmin>1<", "</part><bndbox><xmin>0<")).notes
    assert note.startswith("boxes with an xmin or ymin of 0: 1 of 2, for example JPEGImages/a.png, object 1")


def test_an_xml_of_no_image_is_named():
    with pytest.raises(ValueError, match=r"c.xml is of the image c.png, which is not there"):
        read_voc(Memory(PIXELS | XML | {"Annotations/c.xml": voc_bytes(Drawn("c.png"))}))


def test_two_xml_of_one_image_are_named():
    again = {"other/a.xml": voc_bytes(IMAGES[0])}
    with pytest.raises(ValueError, match=r"the image JPEGImages/a.png is listed twice"):
        read_voc(Memory(PIXELS | XML | again))


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE annotation [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE annotation SYSTEM "http://127.0.0.1:9/a.dtd">',
    ],
)
def test_a_document_type_is_refused_before_anything_of_it_is_read(head: str):
    data = voc_bytes(IMAGES[0]).decode().replace("dent", "&b;")
    with pytest.raises(ValueError, match=r"a.xml has a document type"):
        read_voc(Memory(PIXELS | {"Annotations/a.xml": (head + data).encode()}))


def test_an_entity_that_nobody_declares_is_no_xml():
    with pytest.raises(ValueError, match=r"a.xml is no xml \(undefined entity"):
        read_voc(broken("dent", "&b;"))


def test_other_xml_is_no_annotation():
    assert read_voc(Memory({"config.xml": b"<config><object/></config>"})) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<xmin>", "<xmin>9</xmin><xmin>"),
        ("<name>dent", "<name>other</name><name>dent"),
        ("<bndbox>", "<bndbox><xmin>1</xmin></bndbox><bndbox>"),
        ("<width>", "<width>4</width><width>"),
    ],
)
def test_what_is_said_twice_is_no_longer_text(old: str, new: str):
    with pytest.raises(ValueError, match=r"a\.xml says <\w+> twice where one is wanted"):
        read_voc(broken(old, new))


def test_an_encoding_that_cannot_be_read_names_its_file():
    data = b'<?xml version="1.0" encoding="shift_jis"?>' + "<annotation>傷</annotation>".encode("shift_jis")
    with pytest.raises(ValueError, match=r"a\.xml cannot be read \(.*\): save it as UTF-8"):
        read_voc(Memory(PIXELS | XML | {"Annotations/a.xml": data}))
