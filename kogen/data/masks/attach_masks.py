"""Masks of images, which say what pixels are not normal: found for each and checked against it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.decode import read_header
from kogen.data.decode_pool import map_items, open_pool
from kogen.data.image_facts import UnreadableImage
from kogen.data.images import Images
from kogen.data.masks.mask_pixels import read_mask

MOST = 0.5  # share of an image that is rarely marked, unless the mask is turned round
JPEG = b"\xff\xd8"  # the first bytes of such a file


def attach_masks(images: Images, masks: Mapping[str, str], good: np.ndarray, storage: CacheSettings) -> Images:
    """The images of files with their masks, by `sources` to a file each; `good` (N,) bool are those that need none.

    Without any mask the images are as they were, and a note says so. ValueError where some images that are not good
    have a mask and others none, for a mask that cannot be read, of another size than its image, or empty, and for one
    of a good image that is not empty.
    """
    files = np.array([masks.get(source, "") for source in images.sources], object)
    if not (files != "").any():
        said = "no masks were found: where a defect lies is not judged" if (~good).any() else ""
        return replace(images, notes=(*images.notes, *([said] if said else [])))
    where = images.name or images.root
    absent = images.sources[~good & (files == "")]
    if len(absent):
        got = f"images with a defect of {where} that have no mask: {len(absent)} of {int((~good).sum())}"
        raise ValueError(f"{got}, for example {absent[0]}: give each its mask, or take all masks away")

    def look(row: int) -> tuple[str, float]:
        return look_at_mask(str(files[row]), os.path.join(images.root, str(images.sources[row])), bool(good[row]))

    rows = np.flatnonzero(files != "").tolist()
    with open_pool(storage.thread_count) as pool:
        seen = list(map_items(pool, look, rows))
    wrong = [why for why, _ in seen if why]
    if wrong:
        raise ValueError(f"masks of {where} that cannot be used: {len(wrong)} of {len(rows)}, the first: {wrong[0]}")
    lost = sorted(set(masks) - set(images.sources.tolist()))
    notes = [f"masks without an image, which are not used: {len(lost)} ({join_names(lost, 3)})"] if lost else []
    if most := [str(files[row]) for row, (_, share) in zip(rows, seen, strict=True) if share > MOST]:
        got = f"masks that mark more than {MOST:.0%} of their image: {len(most)} of {len(rows)}, for example {most[0]}"
        notes.append(f"{got}: a mask is 0 where the image is normal, not where it has the defect")
    files[good] = ""
    return replace(images, masks=files, notes=(*images.notes, *notes))


def look_at_mask(mask: str, image: str, good: bool) -> tuple[str, float]:
    """What is wrong with the mask of an image, a sentence with what to do or "", and the share that it marks."""
    try:
        if is_jpeg(mask):
            raise UnreadableImage("a JPEG blurs the edges of what is marked")
        marked = read_mask(mask)
        facts = read_header(image)
    except UnreadableImage as error:
        return f"{mask} ({error}): write it anew as a PNG that is 0 where the image is normal", 0.0
    if marked.shape != (facts.height, facts.width):
        got = f"{mask} is {marked.shape[1]} x {marked.shape[0]} pixels, its image {facts.width} x {facts.height}"
        return f"{got}: give it the size of the image", 0.0
    if good and marked.any():
        return f"{mask} marks {int(marked.sum())} pixels of an image that is called good: one of the two is wrong", 0.0
    if not good and not marked.any():
        return f"{mask} marks nothing, and its image has a defect: mark it, or call the image good", 0.0
    return "", float(marked.mean())


def is_jpeg(file: str) -> bool:
    """Whether a file begins as a JPEG does; False where it cannot be read, which others say."""
    try:
        with open(file, "rb") as content:
            return content.read(len(JPEG)) == JPEG
    except OSError:
        return False


def digest_with_masks(images: Images) -> str:
    """The digest of a set, and where it has masks a hash of their content, in order."""
    if images.masks is None or not (images.masks != "").any():
        return images.digest
    digest = hashlib.blake2b(digest_size=8)
    for file in images.masks.tolist():
        content = Path(file).read_bytes() if file else b""
        digest.update(len(content).to_bytes(8, "little") + content)
    return f"{images.digest} {digest.hexdigest()}"
