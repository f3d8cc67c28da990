"""Sets of boxes for tests, written as COCO json, VOC xml and YOLO txt, in memory, in a folder or in a zip."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from kogen.data.boxes.containers import Folder


@dataclass
class Drawn:
    """An image and its boxes: (label, x1, y1, x2, y2)."""

    name: str
    size: tuple[int, int] = (40, 30)
    boxes: list[tuple[Any, ...]] = field(default_factory=list)


class Memory:
    """A container of bytes by their names."""

    path = "memory"

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    @property
    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str, most: int) -> bytes:
        assert len(self.files[name]) <= most
        return self.files[name]

    def listing(self, names: list[str]) -> Any:
        raise AssertionError("nothing is decoded in memory")


def coco(images: list[Drawn], classes: list[str]) -> dict[str, Any]:
    """The images as COCO json; ids do not begin at 0, and are not in order."""
    numbers = {name: 7 * place + 3 for place, name in enumerate(classes)}
    listed, boxes = [], []
    for place, image in enumerate(images):
        listed.append({"id": 90 - place, "file_name": image.name, "width": image.size[0], "height": image.size[1]})
        for label, x1, y1, x2, y2 in image.boxes:
            box = [x1, y1, x2 - x1, y2 - y1]
            boxes.append(
                {"id": len(boxes) + 1, "image_id": 90 - place, "category_id": numbers[label], "bbox": box, "iscrowd": 0}
            )
    names = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"images": listed, "annotations": boxes, "categories": names}


def coco_bytes(images: list[Drawn], classes: list[str]) -> bytes:
    return json.dumps(coco(images, classes)).encode()


def voc_bytes(image: Drawn, extra: str = "") -> bytes:
    """The xml of one image; the first pixel is 1."""
    objects = "".join(
        f"<object><name>{escape(str(label))}</name><part><bndbox><xmin>1</xmin></bndbox></part>"
        f"<bndbox><xmin>{x1 + 1!r}</xmin><ymin>{y1 + 1!r}</ymin><xmax>{x2!r}</xmax><ymax>{y2!r}</ymax></bndbox>"
        f"{extra}</object>"
        for label, x1, y1, x2, y2 in image.boxes
    )
    size = f"<size><width>{image.size[0]}</width><height>{image.size[1]}</height><depth>3</depth></size>"
    name = image.name.rpartition("/")[2]
    return f"<annotation><filename>{escape(name)}</filename>{size}{objects}</annotation>".encode()


def yolo_bytes(image: Drawn, classes: list[str]) -> bytes:
    wide, high = image.size
    lines = []
    for label, x1, y1, x2, y2 in image.boxes:
        shares = ((x1 + x2) / 2 / wide, (y1 + y2) / 2 / high, (x2 - x1) / wide, (y2 - y1) / high)
        lines.append(" ".join([str(classes.index(label)), *map(repr, shares)]))
    return ("\n".join(lines) + "\n").encode() if lines else b""


def stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]


def in_format(kind: str, images: list[Drawn], classes: list[str]) -> dict[str, bytes]:
    """The files of annotations of a format, for images below `images/`."""
    if kind == "coco":
        return {"annotations/instances.json": coco_bytes(images, classes)}
    if kind == "voc":
        return {f"Annotations/{stem(image.name)}.xml": voc_bytes(image) for image in images}
    files = {f"labels/{image.name[7:].rpartition('.')[0]}.txt": yolo_bytes(image, classes) for image in images}
    return files | {"data.yaml": json.dumps({"names": classes}).encode()}


def png(size: tuple[int, int], seed: int = 0) -> bytes:
    """A gray image of noise, width x height."""
    pixels = np.random.default_rng([seed, *size]).integers(0, 256, size[::-1], dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def with_images(files: dict[str, bytes], images: list[Drawn]) -> dict[str, bytes]:
    return files | {image.name: png(image.size, place) for place, image in enumerate(images)}


def in_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    assert Folder(str(folder)).names == sorted(files)
    return folder


def in_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
