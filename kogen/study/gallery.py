"""The gallery: small pictures of the hard images of a study, made where their files can be read."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kogen.common.files import read_json, write_atomically
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.data.decode import decode
from kogen.data.image_facts import UnreadableImage
from kogen.results.answers.hard_images import GALLERY, picture_name

SIDE, QUALITY = 112, 72  # pixels of the longer side, of a JPEG
MAX_BYTES = 300_000  # of all pictures together
MAX_PIXELS = 200_000_000


def write_gallery(study: Path, hard: Sequence[Mapping[str, Any]], *, private: bool) -> None:
    """Write STUDY/gallery/ITEM.jpg of the images in rows of the table `hard`, those that are not there already.

    The files are looked for below the roots that STUDY/data.json names; what cannot be read has no picture, and the
    page says so. Pictures of images that are not hard any more are deleted; `private` deletes all.
    """
    folder, roots = study / GALLERY, image_roots(study)
    shown = [] if private else [row for row in hard if row.get("path") and row["dataset"] in roots]
    wanted = {picture_name(row["item"]): row for row in shown}
    for old in folder.glob("*.jpg") if folder.is_dir() else ():
        if old.name not in wanted:
            old.unlink()
    used = lost = 0
    for name, row in wanted.items():
        place = folder / name
        if not place.exists():
            picture = read_thumbnail(Path(roots[row["dataset"]]) / row["path"])
            lost += picture is None
            if picture is None or used + len(picture) > MAX_BYTES:
                continue
            folder.mkdir(exist_ok=True)
            write_atomically(place, lambda target, data=picture: target.write_bytes(data))
        used += place.stat().st_size
    if lost:
        got = f"{lost} of {len(wanted)} hard images cannot be read where they were"
        say(Caution(f"{got}; the page shows their names alone"))


def image_roots(study: Path) -> dict[str, str]:
    """The folder of the files of each set that has one."""
    place = study / "data.json"
    if not place.exists():
        return {}
    return {row["name"]: row["root"] for row in read_json(place)["sets"] if row.get("root")}


def read_thumbnail(path: Path) -> bytes | None:
    """A small JPEG of an image file, of any kind that kogen reads; None where it cannot be read."""
    try:
        pixels = decode(str(path), MAX_PIXELS)[0]  # (H, W, C)
    except (OSError, UnreadableImage, ValueError):
        return None
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels[:, :, :3])
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
