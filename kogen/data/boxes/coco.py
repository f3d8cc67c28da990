"""COCO json: which files of a container are lists of boxes, and what they list."""

import json
import posixpath
from collections import Counter
from typing import Any

from kogen.common.files import describe
from kogen.common.text import hint, join_names
from kogen.data.boxes.annotations import (
    MAX_FILE,
    Annotations,
    ListedBox,
    ListedImage,
    join_parts,
    read_numbers,
    read_side,
)
from kogen.data.boxes.class_names import box_classes
from kogen.data.boxes.containers import Container, image_names
from kogen.data.boxes.places import find_folder, split_of

FIRST = "instances"  # COCO's own boxes, beside captions and key points of the same images
SHOWN_MISSING = 3


def read_coco(files: Container, chosen: str | None = None) -> Annotations | None:
    """What the COCO files of a container list, or the one that is `chosen`; None where there is none.

    ValueError for a file that is broken, and where two files list one image.
    """
    documents = {name: load_document(files, name) for name in candidate_files(files, chosen)}
    documents = {name: document for name, document in documents.items() if is_box_list(document)}
    if not documents:
        if chosen:
            raise ValueError(
                f"{files.path}/{chosen} lists no boxes: wanted COCO json with images, annotations, categories"
            )
        return None
    notes = list[str]()
    first = {name for name in documents if posixpath.basename(name).startswith(FIRST)}
    if first and len(first) < len(documents):
        notes.append(f"not read beside {FIRST}: {join_names(sorted(set(documents) - first))}; choose with annotations=")
        documents = {name: documents[name] for name in first}
    there = image_names(files)
    parts = [read_document(files, name, documents[name], there) for name in sorted(documents)]
    images, classes = join_parts(parts)
    if lost := sorted(set(there) - {image.name for image in images}):
        notes.append(f"images that no list names, which are left out: {len(lost)}, for example {join_names(lost, 1)}")
    return Annotations("coco", images, classes, tuple(notes))


def candidate_files(files: Container, chosen: str | None) -> list[str]:
    """The json files of a container, or the chosen one. ValueError where that is not there."""
    found = [name for name in files.names if name.lower().endswith(".json")]
    if chosen is None:
        return found
    near = [name for name in found if name == chosen or posixpath.basename(name) == chosen]
    if len(near) != 1:
        got = f"{files.path} has {'no' if not near else 'several'} annotations {chosen!r}"
        raise ValueError(f"{got}: {hint(chosen, found) if found else 'it holds no json'}")
    return near


def load_document(files: Container, name: str) -> Any:
    """The content of a json file. ValueError for a broken one."""
    data = files.read(name, MAX_FILE)
    try:
        return json.loads(data, object_pairs_hook=refuse_twin_keys)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{files.path}/{name} is no json ({describe(error)[:200]}): export it again") from error


def refuse_twin_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A json object. ValueError for a key that stands there twice: which value is meant is not known."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"an object has the key {twice!r} twice: which is meant?")
    return found


def is_box_list(document: Any) -> bool:
    """Whether json is a list of boxes: it has images and categories, and annotations, the first of them with a box."""
    if not isinstance(document, dict) or not {"images", "annotations", "categories"} <= set(document):
        return False
    first = document["annotations"][:1] if isinstance(document["annotations"], list) else []
    return not first or (isinstance(first[0], dict) and "bbox" in first[0])


def read_document(
    files: Container, name: str, document: dict[str, Any], there: list[str]
) -> tuple[list[ListedImage], tuple[str, ...]]:
    """The images that one file lists, with their boxes, and its classes."""
    where = f"{files.path}/{name}"
    place, classes = read_categories(document, where)
    listed = read_images(document, where)
    word = split_of(name)
    written = [image.name for image in listed.values()]
    resolved = find_folder(name, written, there)
    if absent := [one for one in written if one not in resolved]:
        raise ValueError(
            f"{where} lists images that are not in {files.path}: {len(absent)} of {len(written)}, for example "
            f"{join_names(absent, SHOWN_MISSING)}: put them there, or take them out of the list"
        )
    for image in listed.values():
        image.name, image.split = resolved[image.name], word
    for number, entry in enumerate(entries(document, "annotations", where)):
        add_box(entry, f"annotation {entry.get('id', number + 1)}", listed, place, where)
    return list(listed.values()), classes


def entries(document: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """The objects of a list. ValueError for anything else."""
    found = document[key]
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ValueError(f"{where}: {key} is no list of objects: export it again as COCO json")
    return found


def read_categories(document: dict[str, Any], where: str) -> tuple[dict[Any, int], tuple[str, ...]]:
    """The place of each category id in the classes, and these, in the order of their ids."""
    found = entries(document, "categories", where)
    for entry in found:
        check_id(entry.get("id"), f"{where}: the id of the category {entry.get('name')!r}")
        if not isinstance(entry.get("name"), str) or not entry["name"]:
            raise ValueError(f"{where}: the category {entry['id']!r} has no name: give each class one")
    ids = [entry["id"] for entry in found]
    if len(set(ids)) < len(ids):
        raise ValueError(f"{where}: two categories have one id: give each class an id of its own")
    found = sorted(found, key=lambda entry: (isinstance(entry["id"], str), entry["id"]))
    names = box_classes((entry["name"] for entry in found), f"the categories of {where}")
    return {entry["id"]: number for number, entry in enumerate(found)}, names


def read_images(document: dict[str, Any], where: str) -> dict[Any, ListedImage]:
    """The images by their ids, without boxes. ValueError for an id or a file that is listed twice."""
    found, names = dict[Any, ListedImage](), set[str]()
    for entry in entries(document, "images", where):
        name = entry.get("file_name")
        if not isinstance(name, str) or not name:
            raise ValueError(f"{where}: the image {entry.get('id')!r} has no file_name: name its file")
        check_id(entry.get("id"), f"{where}: the id of the image {name}")
        if name in names:
            raise ValueError(f"{where}: the image {name} is listed twice: keep one, with all of its boxes")
        if entry["id"] in found:
            raise ValueError(f"{where}: the images {found[entry['id']].name} and {name} have one id, {entry['id']!r}")
        names.add(name)
        size = tuple(entry.get(side) or 0 for side in ("width", "height"))
        sides = read_numbers(size, 2, f"{where}: width and height of {name}")
        width, height = (read_side(side, f"{where}: a side of {name}") for side in sides)
        group, cluster = (str(entry[key]) if entry.get(key) is not None else "" for key in ("group", "cluster"))
        found[entry["id"]] = ListedImage(name, where, (width, height), group=group, cluster=cluster)
    return found


def read_flag(entry: dict[str, Any], key: str, what: str) -> bool:
    """What is yes or no of a box, no where nothing is said. ValueError for anything but 0 and 1, true and false."""
    value = entry.get(key)
    if value is None:
        return False
    if not isinstance(value, int | float) or value not in (0, 1):
        raise ValueError(f"{what}: its {key} is {str(value)[:60]!r}, wanted 0 or 1")
    return bool(value)


def check_id(value: Any, what: str) -> None:
    """ValueError for an id that is neither a whole number nor a text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{what} is {value!r}: wanted a whole number")


def add_box(
    entry: dict[str, Any], title: str, listed: dict[Any, ListedImage], place: dict[Any, int], where: str
) -> None:
    """Put a box on its image. ValueError for one of no image, of no class, or that is no box."""
    image_id, category = entry.get("image_id"), entry.get("category_id")
    if isinstance(image_id, list | dict) or image_id not in listed:
        raise ValueError(f"{where}: {title} is of the image {image_id!r}, which is not among its images")
    image = listed[image_id]
    if isinstance(category, list | dict) or category not in place:
        known = f"the ids of its categories are {join_names(list(place))}" if place else "it lists no categories"
        raise ValueError(f"{where}: {image.name}, {title} has the category {category!r}: {known}")
    x, y, width, height = read_numbers(entry.get("bbox"), 4, f"{where}: {image.name}, {title}: its bbox")
    (area,) = read_numbers([entry.get("area", float("nan"))], 1, f"{where}: {image.name}, {title}: its area")
    crowd, difficult = (read_flag(entry, key, f"{where}: {image.name}, {title}") for key in ("iscrowd", "ignore"))
    corners = (x, y, x + width, y + height)
    image.boxes.append(ListedBox(title, corners, place[category], crowd, difficult, area))
