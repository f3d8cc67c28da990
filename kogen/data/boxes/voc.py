"""VOC xml: one file an image, read without entities, document types or anything that is fetched."""

import posixpath
from typing import Any
from xml.parsers import expat

from kogen.common.text import join_names
from kogen.data.boxes.annotations import (
    Annotations,
    ListedBox,
    ListedImage,
    parse_number,
    read_side,
    refuse_twice,
)
from kogen.data.boxes.class_names import box_classes
from kogen.data.boxes.containers import Container, image_names
from kogen.data.boxes.places import KNOWN, by_stem, split_of
from kogen.data.images import sorted_class_names
from kogen.data.listing import MAX_NAME_LETTERS, escape_surrogates
from kogen.data.split_names import split_name

MAX_XML = 1 << 24  # bytes
MAX_DEPTH = 32
EDGES = ("xmin", "ymin", "xmax", "ymax")
LISTS = "ImageSets/Main"
BOX = ("annotation", "object", "bndbox")
FILENAME = ("annotation", "filename")
FIELDS = {FILENAME, ("annotation", "size", "width"), ("annotation", "size", "height")}
OBJECT_FIELDS = {(*BOX[:2], "name"), (*BOX[:2], "difficult"), *((*BOX, edge) for edge in EDGES)}


class XmlFields:
    """What is read of a VOC file: texts by their places, and those of each object."""

    def __init__(self, data: bytes, where: str) -> None:
        self.where, self.root = where, ""
        self.texts: dict[tuple[str, ...], str] = {}
        self.objects: list[dict[str, str]] = []
        self.stack: list[str] = []
        parser: Any = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self.open_element, self.close_element
        parser.CharacterDataHandler = self.add_text
        parser.StartDoctypeDeclHandler = self.refuse_doctype
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise ValueError(f"{where} is no xml ({error}): export it again") from error
        except (LookupError, ValueError) as error:  # an encoding that the parser does not know; or what is said below
            if where in str(error):
                raise
            raise ValueError(f"{where} cannot be read ({error}): save it as UTF-8") from error

    def refuse_doctype(self, *_: object) -> None:
        """A document type may name entities and files: no annotation has one."""
        raise ValueError(f"{self.where} has a document type (<!DOCTYPE ...>), which may name other files: take it out")

    def open_element(self, name: str, _: object) -> None:
        self.stack.append(name)
        self.root = self.root or name
        if len(self.stack) > MAX_DEPTH:
            raise ValueError(f"{self.where} is nested deeper than {MAX_DEPTH}: it is no VOC annotation")
        place = tuple(self.stack)
        if place == BOX[:2]:
            self.objects.append({})
        elif place in FIELDS or place in OBJECT_FIELDS:
            if place in self.texts if place in FIELDS else name in self.objects[-1]:
                raise ValueError(f"{self.where} says <{name}> twice where one is wanted: which is meant?")
            self.add_text("")

    def close_element(self, _: object) -> None:
        self.stack.pop()

    def add_text(self, text: str) -> None:
        place = tuple(self.stack)
        if place in OBJECT_FIELDS:
            self.objects[-1][place[-1]] = self.objects[-1].get(place[-1], "") + text
        elif place in FIELDS:
            self.texts[place] = self.texts.get(place, "") + text


def read_voc(files: Container) -> Annotations | None:
    """What the VOC files of a container list; None where there is none. Images without a file are left out, and said.

    ValueError for a file that is broken, that names no image, or whose image has another one.
    """
    found = [name for name in files.names if name.lower().endswith(".xml")]
    documents = {name: XmlFields(files.read(name, MAX_XML), f"{files.path}/{name}") for name in found}
    documents = {name: document for name, document in documents.items() if document.root == "annotation"}
    if not documents:
        return None
    there = image_names(files)
    stems, splits = by_stem(there), read_lists(files)
    labels = {box.get("name", "").strip() for document in documents.values() for box in document.objects}
    names = sorted_class_names([escape_surrogates(label) for label in labels])
    classes = box_classes(names, f"the classes of {files.path}")
    place = {name: number for number, name in enumerate(classes)}
    images = list[ListedImage]()
    for name, document in documents.items():
        stem = posixpath.splitext(posixpath.basename(name))[0]
        image = find_image(name, stem, document, stems)
        split = splits.get(stem, "") if splits else split_of(name)
        size = read_size(document)
        boxes = [read_box(box, n, document, image, place) for n, box in enumerate(document.objects, 1)]
        images.append(ListedImage(image, document.where, size, split, boxes=boxes))
    refuse_twice(images)
    notes = []
    if lost := sorted(set(there) - {image.name for image in images}):
        notes.append(
            f"images without an xml, which are left out: {len(lost)}, for example {join_names(lost, 1)}; "
            "an image with nothing on it needs an xml without objects"
        )
    boxes = [(image, box) for image in images for box in image.boxes]
    if zero := [f"{image.name}, {box.title}" for image, box in boxes if min(box.corners[:2]) == -1]:
        notes.append(
            f"boxes with an xmin or ymin of 0: {len(zero)} of {len(boxes)}, for example {zero[0]}; the first pixel of "
            "VOC is 1, so files that count from 0 have all boxes a pixel too far left and up"
        )
    return Annotations("voc", images, classes, tuple(notes))


def find_image(name: str, stem: str, document: XmlFields, stems: dict[str, list[str]]) -> str:
    """The image of an xml: of its own stem, and its <filename> says nothing against it."""
    said = document.texts.get(FILENAME, "").strip().replace("\\", "/")
    named = posixpath.splitext(posixpath.basename(said))[0]
    found = stems.get(stem, [])
    if named and named != stem and named in stems and found:
        raise ValueError(f"{document.where} is called after {found[0]} and names {said}: which image is meant?")
    found = found or stems.get(named, [])
    if not found:
        raise ValueError(f"{document.where} is of the image {said or stem}, which is not there: put it there")
    if len(found) > 1:  # the one whose folders say the same split, or that lies nearest
        word = split_of(name)
        found = [one for one in found if split_of(one) == word] or found
    if len(found) > 1:
        raise ValueError(f"{document.where} may be of {join_names(found, 3)}: give the images names of their own")
    return found[0]


def read_size(document: XmlFields) -> tuple[int, int]:
    """Width and height as the file says, 0 where it says nothing. ValueError for what no image has."""
    texts = (document.texts.get(("annotation", "size", side), "0") for side in ("width", "height"))
    what = f"{document.where}: a side of its size"
    width, height = (read_side(parse_number(text.strip() or "0", what), what) for text in texts)
    return width, height


def read_box(box: dict[str, str], number: int, document: XmlFields, image: str, place: dict[str, int]) -> ListedBox:
    """One object. The first pixel of an image is 1 in VOC, and xmax is inside: corners are xmin - 1 and xmax."""
    title = f"object {number}"
    what = f"{document.where}: {image}, {title}"
    label = escape_surrogates(box.get("name", "").strip())
    if not label or len(label) > MAX_NAME_LETTERS:
        raise ValueError(f"{what} has {'no name' if not label else 'a name too long'}: name its class")
    if missing := [edge for edge in EDGES if not box.get(edge)]:
        raise ValueError(f"{what} has no {join_names(missing)}: give its bndbox four edges")
    left, top, right, bottom = (parse_number(box[edge], f"{what}: its {edge}") for edge in EDGES)
    difficult = parse_number(box.get("difficult") or "0", f"{what}: difficult")
    if difficult not in (0, 1):
        raise ValueError(f"{what}: difficult is {difficult:g}, wanted 0 or 1")
    return ListedBox(title, (left - 1, top - 1, right, bottom), place[label], difficult=difficult == 1)


def read_lists(files: Container) -> dict[str, str]:
    """The split of each image by the lists in ImageSets/Main; {} where there are none.

    `trainval` says nothing beside `train` and `val`. ValueError for an image in two splits.
    """
    found: dict[str, dict[str, None]] = {}
    for name in files.names:
        folder, _, base = name.rpartition("/")
        stem = base.removesuffix(".txt")
        if folder.endswith(LISTS) and base.endswith(".txt") and split_name(stem) in KNOWN:
            lines = files.read(name, MAX_XML).decode("utf-8", "surrogateescape").split("\n")
            found[stem] = dict.fromkeys(words[0] for line in lines if (words := line.split()))
    if "trainval" in found and {"train", "val"} <= set(found):
        del found["trainval"]
    splits: dict[str, str] = {}
    for stem, images in found.items():
        for image in images:
            if splits.setdefault(image, split_name(stem)) != split_name(stem):
                raise ValueError(f"{files.path}: {LISTS} puts {image} in {splits[image]} and in {split_name(stem)}")
    return splits
