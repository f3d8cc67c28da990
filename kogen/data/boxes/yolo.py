"""YOLO txt: one file an image, a line a box in shares of width and height; the classes from data.yaml or a list."""

import posixpath
from typing import Any

import yaml

from kogen.common.files import describe
from kogen.common.text import join_names
from kogen.data.boxes.annotations import Annotations, ListedBox, ListedImage, parse_number
from kogen.data.boxes.containers import Container, image_names
from kogen.data.boxes.places import split_of
from kogen.data.labels import distinct_names

MAX_TXT, MAX_YAML = 1 << 24, 1 << 18  # bytes
MAX_DEPTH = 16  # of yaml; the parser takes the square of it in time
LISTS = ("classes.txt", "obj.names", "classes.names", "labels.txt")
LARGEST_SHARE = 2.0  # beyond it a number is one of pixels
WANTED = "wanted: class, centre x, centre y, width, height, these four as shares of the image"


def read_yolo(files: Container) -> Annotations | None:
    """What the YOLO files of a container list; None where no file names the classes, or no image has one.

    An image without a file has no box, as YOLO has it, and how many do is said. ValueError for a broken file.
    """
    classes = read_names(files)
    if classes is None:
        return None
    there = set(files.names)
    images, without, used = list[ListedImage](), list[str](), set[str]()
    for name in image_names(files):
        place = next((place for place in label_files(name) if place in there), None)
        boxes = list[ListedBox]()
        if place is None:
            without.append(name)
        else:
            used.add(place)
            boxes = read_lines(files, place, name, classes)
        images.append(ListedImage(name, f"{files.path}/{place or name}", split=split_of(name), boxes=boxes))
    if not used:
        return None
    check_labels_used(files, used)
    notes = []
    if without:
        shown = join_names(without, 1)
        notes.append(f"images without a label file, taken to have no box: {len(without)}, for example {shown}")
    return Annotations("yolo", images, classes, tuple(notes))


def label_files(image: str) -> list[str]:
    """Where the label file of an image may lie: in `labels` for its last folder `images`, or beside it."""
    stem = posixpath.splitext(image)[0] + ".txt"
    parts = stem.split("/")
    places = [number for number, part in enumerate(parts[:-1]) if part == "images"]
    turned = ["/".join([*parts[:n], "labels", *parts[n + 1 :]]) for n in reversed(places)]
    return [*turned, stem]


def check_labels_used(files: Container, used: set[str]) -> None:
    """ValueError for files in a folder `labels` that belong to no image."""
    lost = [
        name
        for name in files.names
        if name.endswith(".txt") and "labels" in name.split("/")[:-1] and name not in used and not is_list(name)
    ]
    if lost:
        raise ValueError(
            f"{files.path} has label files without an image: {len(lost)}, for example {join_names(lost, 3)}: "
            "put the images there, in `images` for `labels`, or take the files out"
        )


def is_list(name: str) -> bool:
    """Whether a file lists classes."""
    return posixpath.basename(name) in LISTS


def read_names(files: Container) -> tuple[str, ...] | None:
    """The classes by data.yaml, or by a list with one a line; None where neither is there."""
    yamls = [name for name in files.names if posixpath.basename(name).lower() in ("data.yaml", "data.yml")]
    yamls = yamls or [name for name in files.names if name.lower().endswith((".yaml", ".yml"))]
    for name in yamls:
        if (found := parse_yaml(files.read(name, MAX_YAML), f"{files.path}/{name}")) is not None:
            return found
    for name in filter(is_list, files.names):
        lines = files.read(name, MAX_YAML).decode("utf-8-sig", "surrogateescape").splitlines()
        while lines and not lines[-1].strip():
            lines.pop()
        return distinct_names((line.strip() for line in lines), f"the classes of {files.path}/{name}")
    return None


def parse_yaml(data: bytes, where: str) -> tuple[str, ...] | None:
    """The classes that a data.yaml names; None for yaml that names none. ValueError for one that is broken."""
    try:
        check_plain(data)
        document: Any = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{where} cannot be read ({' '.join(describe(error).split())[:200]}): write it anew"
        ) from error
    names = document.get("names") if isinstance(document, dict) else None
    if names is None:
        return None
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise ValueError(f"{where}: names has the numbers {join_names(list(names))}, wanted 0, 1, 2 and so on")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise ValueError(f"{where}: names is no list of classes: write names: [a, b]")
    count = document.get("nc", len(names))
    if count != len(names):
        raise ValueError(f"{where} says nc: {count} and names {len(names)} classes: which is right?")
    return distinct_names(names, f"the classes of {where}")


def check_plain(data: bytes) -> None:
    """ValueError for yaml with aliases, of which a few lines may become millions, or nested deep."""
    depth = 0
    for event in yaml.parse(data, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has aliases (*name), which no list of classes needs")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH}")


def read_lines(files: Container, place: str, image: str, classes: tuple[str, ...]) -> list[ListedBox]:
    """The boxes of a label file. ValueError names the line that is none."""
    where, found = f"{files.path}/{place}", list[ListedBox]()
    text = files.read(place, MAX_TXT).decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), 1):
        if not (words := line.split()):
            continue
        title = f"line {number}"
        what = f"{where}: {image}, {title}"
        if len(words) != 5:
            odd = "an outline" if len(words) > 6 and len(words) % 2 else "a score, too" if len(words) == 6 else "no box"
            raise ValueError(f"{what} has {len(words)} numbers, {odd}; {WANTED}")
        label, x, y, width, height = (parse_number(word, what) for word in words)
        if not label.is_integer() or not 0 <= label < len(classes):
            raise ValueError(f"{what} is of the class {words[0]}, and there are 0 to {len(classes) - 1}")
        if max(abs(x), abs(y), width, height) > LARGEST_SHARE:
            raise ValueError(f"{what} is {line.strip()[:60]!r}, which is in pixels; {WANTED}")
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        found.append(ListedBox(title, corners, int(label)))
    return found
