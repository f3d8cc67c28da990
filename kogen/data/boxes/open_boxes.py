"""Opens a folder or a zip of images and their boxes, whatever format these are in, as BoxImages."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from kogen.boxes.image_boxes import ImageBoxes
from kogen.common.text import hint, join_names, parse_spec
from kogen.data.boxes.annotations import Annotations
from kogen.data.boxes.box_images import BoxImages
from kogen.data.boxes.clean_boxes import clean_boxes
from kogen.data.boxes.coco import read_coco
from kogen.data.boxes.containers import Container, open_container
from kogen.data.boxes.voc import read_voc
from kogen.data.boxes.yolo import read_yolo
from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets.folder import match_rows
from kogen.data.datasets.table import read_rows
from kogen.data.images import Images
from kogen.data.listing import escape_surrogates
from kogen.data.open import refuse_cache_among_images
from kogen.data.pixel_cache import CachedPixels, load_or_build
from kogen.data.split_names import split_name

FORMATS = ("coco", "voc", "yolo")
SETTINGS = ("format", "annotations", "table")
LAYOUTS = (
    "wanted COCO json (images, annotations, categories), VOC xml (one an image), or YOLO txt (one an image, and "
    "data.yaml or classes.txt)"
)


def open_boxes(source: str | Path, storage: CacheSettings | None = None) -> BoxImages:
    """The images of a folder or a zip with their boxes: `PATH[?format=coco|voc|yolo&annotations=FILE&table=TABLE]`.

    `annotations` chooses one of several COCO files; `table`, with columns path, split, group and cluster as of any
    table of images, says more of the images than the annotations do. ValueError for a source without boxes, for two
    formats in one, for an image that is missing or listed twice, and for boxes that make no sense (`clean_boxes`).
    """
    text, storage = str(source), storage or CacheSettings()
    path, settings = (text, {}) if Path(text).exists() else parse_spec(text)
    files = open_container(path)
    if odd := [key for key in settings if key not in SETTINGS]:
        raise ValueError(f"boxes of {path} have no setting {odd[0]!r}: {hint(odd[0], list(SETTINGS))}")
    if Path(path).is_dir():
        refuse_cache_among_images(path, storage)
    annotations = read_annotations(files, *(settings.get(key) for key in ("format", "annotations")))
    if table := settings.get("table"):
        add_table(annotations, str(table), path)
    annotations.images.sort(key=lambda image: image.name)
    if not annotations.images:
        raise ValueError(f"{path} lists no images")
    cached = load_or_build(files.listing([image.name for image in annotations.images]), storage)
    found = join_images(annotations, cached, path)
    if not any((~boxes.ignored).any() for boxes in found.boxes):
        raise ValueError(f"none of the {len(found)} images of {path} has a box: there is nothing to look for")
    return found


def read_annotations(files: Container, format: str | None, chosen: str | None) -> Annotations:
    """The annotations of a container, in the format that is asked for. ValueError where there are none, or two."""
    if format is not None and format not in FORMATS:
        raise ValueError(f"unknown format of boxes {format!r}: {hint(str(format), list(FORMATS))}")
    if chosen is not None and format not in (None, "coco"):
        raise ValueError(f"annotations= chooses among COCO files, and the format is {format}: leave one of them out")
    asked = [format] if format else ["coco"] if chosen else list(FORMATS)
    found = list[Annotations]()
    for kind in asked:
        made = read_coco(files, chosen) if kind == "coco" else read_voc(files) if kind == "voc" else read_yolo(files)
        if made is not None:
            found.append(made)
    if not found:
        raise ValueError(f"{files.path} has no boxes{f' in the format {format}' if format else ''}: {LAYOUTS}")
    if len(found) > 1:
        kinds = [made.kind for made in found]
        raise ValueError(f"{files.path} has boxes as {join_names(kinds)}: choose with {files.path}?format={kinds[0]}")
    return found[0]


def add_table(annotations: Annotations, table: str, path: str) -> None:
    """Put the splits, groups and clusters of a table on the images it names. ValueError for one that is not there."""
    rows = read_rows(table)
    names = [image.name for image in annotations.images]
    columns = {"split": rows.splits, "group": rows.groups, "cluster": rows.clusters}
    for row, place in enumerate(match_rows(path, names, table, rows)):
        for key, values in columns.items():
            if values[row]:
                setattr(annotations.images[place], key, values[row])


def join_images(annotations: Annotations, cached: CachedPixels, path: str) -> BoxImages:
    """The usable images of a cache, in the order of the annotations, with their boxes."""
    manifest, listed = cached.manifest, annotations.images
    good = np.flatnonzero(manifest["position"] >= 0)
    sizes = manifest[["width", "height"]].to_numpy(np.int64)[good]
    usable = replace(annotations, images=[listed[row] for row in good])
    boxes, notes = clean_boxes(usable, sizes, path)
    lost = sum(len(listed[row].boxes) for row in np.flatnonzero(manifest["position"] < 0))
    notes = [*annotations.notes, *notes, *describe_boxes(boxes, annotations.classes)]
    notes += [f"boxes of images that cannot be used: {lost}"] if lost else []
    splits = [split_name(image.split) if image.split else "" for image in listed]
    groups = [image.group for image in listed]
    images = Images.from_cache(
        cached,
        clusters=[image.cluster for image in listed],
        name=escape_surrogates(Path(path).stem),
        splits=splits if any(splits) else None,
        notes=notes,
        groups=groups if any(groups) else None,
    )
    root = str(Path(path).resolve()) if Path(path).is_dir() else ""
    return BoxImages(replace(images, root=root), boxes, annotations.classes, sizes, path)


def describe_boxes(boxes: tuple[ImageBoxes, ...], classes: tuple[str, ...]) -> list[str]:
    """Sentences on the number of boxes of each class, on images without any, and on boxes that need not be found."""
    counts = np.bincount(np.concatenate([one.classes for one in boxes]), minlength=len(classes))
    none = sum(not len(one) for one in boxes)
    notes = [f"boxes: {join_names([f'{name} {n}' for name, n in zip(classes, counts, strict=True)], 12)}"]
    notes += [f"images without a box: {none} of {len(boxes)}"] if none else []
    crowd, difficult = (sum(int(getattr(one, key).sum()) for one in boxes) for key in ("crowd", "difficult"))
    notes += [f"boxes of crowds, of which any number may be found: {crowd}"] if crowd else []
    return [
        *notes,
        *([f"boxes marked as difficult, neither right nor wrong to find: {difficult}"] if difficult else []),
    ]
