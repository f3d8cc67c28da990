"""YOLO txt: one file an image, a line a box in shares of width and height; the classes from data.yaml or a list."""

import posixpath
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import yaml

from kogen.common.files import describe
from kogen.common.text import join_names
from kogen.data.boxes.annotations import Annotations, ListedBox, ListedImage, parse_number
from kogen.data.boxes.class_names import box_classes
from kogen.data.boxes.containers import Container, image_names
from kogen.data.boxes.places import split_of

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
    images, without, used = list[ListedImage](), list[str](), dict[str, str]()
    for name in image_names(files):
        place = next((place for place in label_files(name) if place in there), None)
        boxes = list[ListedBox]()
        if place is None:
            without.append(name)
        else:
            if (other := used.setdefault(place, name)) != name:
                raise ValueError(f"{files.path}/{place} may be of {other} or of {name}: give each image its own name")
            boxes = read_lines(files, place, name, classes)
        images.append(ListedImage(name, f"{files.path}/{place or name}", split=split_of(name), boxes=boxes))
    if not used:
        return None
    check_labels_used(files, used)
    notes = [*describe_lost_texts(files, used), *describe_unread_splits(files, images)]
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


def describe_lost_texts(files: Container, used: Collection[str]) -> list[str]:
    """A sentence on text files that lie among label files, and are of no image."""
    folders = {posixpath.dirname(name) for name in used}
    lost = [
        name
        for name in files.names
        if name.endswith(".txt") and posixpath.dirname(name) in folders and name not in used and not is_list(name)
    ]
    said = "text files among labels that are of no image, not read"
    return [f"{said}: {len(lost)}, for example {join_names(lost, 1)}"] if lost else []


def describe_unread_splits(files: Container, images: Sequence[ListedImage]) -> list[str]:
    """A sentence on splits that a yaml names, where no folder says one."""
    if any(image.split for image in images):
        return []
    for name in yaml_files(files):
        document = load_yaml(files, name)
        said = [key for key in ("train", "val", "test") if isinstance(document, dict) and document.get(key)]
        if said:
            return [
                f"splits that {name} names ({join_names(said)}) are not read, and no folder says any: call folders "
                "train, val, test, or give ?table=TABLE with the columns path and split"
            ]
    return []


def check_labels_used(files: Container, used: Collection[str]) -> None:
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
    """The classes by data.yaml, or by a list with one a line; None where neither is there.

    ValueError where two such files say different classes.
    """
    known = {name: names_in_yaml(load_yaml(files, name), f"{files.path}/{name}") for name in yaml_files(files)}
    found = {name: classes for name, classes in known.items() if classes is not None}
    found = found or {name: names_in_list(files, name) for name in filter(is_list, files.names)}
    first = next(iter(found), "")
    if odd := [name for name, classes in found.items() if classes != found[first]]:
        got = f"{files.path}: {first} and {odd[0]} name different classes, or in another order"
        raise ValueError(f"{got}: which numbers do the labels have? Keep one of the files")
    return found.get(first)


def yaml_files(files: Container) -> list[str]:
    """The files that may name classes: those called data.yaml, else all yaml."""
    found = [name for name in files.names if posixpath.basename(name).lower() in ("data.yaml", "data.yml")]
    return found or [name for name in files.names if name.lower().endswith((".yaml", ".yml"))]


def names_in_list(files: Container, name: str) -> tuple[str, ...]:
    """The classes of a file with one a line."""
    lines = files.read(name, MAX_YAML).decode("utf-8-sig", "surrogateescape").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return box_classes((line.strip() for line in lines), f"the classes of {files.path}/{name}")


def load_yaml(files: Container, name: str) -> Any:
    """The content of a yaml file. ValueError for one that is broken."""
    data = files.read(name, MAX_YAML)
    try:
        check_plain(data)
        return yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        why = " ".join(describe(error).split())[:200]
        raise ValueError(f"{files.path}/{name} cannot be read ({why}): write it anew") from error


def names_in_yaml(document: Any, where: str) -> tuple[str, ...] | None:
    """The classes that the content of a data.yaml names; None for yaml that names none."""
    names = document.get("names") if isinstance(document, dict) else None
    if names is None:
        return None
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise ValueError(f"{where}: names has the numbers {join_names(list(names))}, wanted 0, 1, 2 and so on")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str | int) for name in names):
        raise ValueError(f"{where}: names is no list of classes: write names: [a, b]")
    if any(isinstance(name, bool) for name in names):
        raise ValueError(f"{where}: names has yes, no, on, off, true or false: put a class called so in quotes")
    count = document.get("nc", len(names))
    if count != len(names):
        raise ValueError(f"{where} says nc: {count} and names {len(names)} classes: which is right?")
    return box_classes(names, f"the classes of {where}")


def check_plain(data: bytes) -> None:
    """ValueError for yaml with aliases, of which a few lines may become millions, nested deep, or a key twice."""
    depth = 0
    for event in yaml.parse(data, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has aliases (*name), which no list of classes needs")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    refuse_twin_keys(yaml.compose(data, yaml.SafeLoader))


def refuse_twin_keys(node: Any) -> None:
    """ValueError for a key that stands twice in one mapping, of which yaml takes the last."""
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    if isinstance(node, yaml.MappingNode):
        keys = Counter(str(key.value) for key, _ in parts)
        if twice := [key for key, count in keys.items() if count > 1]:
            raise ValueError(f"it has the key {twice[0]!r} twice: which is meant?")
        parts = [value for _, value in parts]
    for part in parts:
        refuse_twin_keys(part)


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
