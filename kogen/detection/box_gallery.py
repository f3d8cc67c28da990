"""Box gallery: pictures of the images where a detector misses most and raises most false alarms, boxes drawn."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from kogen.common.files import write_atomically
from kogen.data.boxes.box_images import BoxImages
from kogen.results.boxes.box_runs import BoxRun
from kogen.results.boxes.called_boxes import CalledBoxes, call_boxes, choose_images, picture_place

SIDE, QUALITY = 400, 80  # pixels of the longer side, of a JPEG
# Told apart without colour, too: a true box that is missed is dashed, a false alarm is crossed.
FOUND, MISSED, FALSE = (0, 158, 115), (213, 94, 0), (0, 114, 178)  # of Okabe and Ito's palette


def draw_boxes(pixels: np.ndarray, size: np.ndarray, run: BoxRun, image: int, called: CalledBoxes) -> Image.Image:
    """A picture of stored pixels (C, H, W) of a file of `size` (width, height), with the boxes of a run on it."""
    bright = pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)
    plain = Image.fromarray(bright[0] if bright.shape[0] != 3 else bright.transpose(1, 2, 0)).convert("RGB")
    scale = SIDE / max(size)
    picture = plain.resize(tuple(max(round(float(side) * scale), 1) for side in size))  # type: ignore[arg-type]
    pen = ImageDraw.Draw(picture)
    for number in called.found:
        pen.rectangle((run.true[image].corners[number] * scale).tolist(), outline=FOUND, width=2)
    for number in called.missed:
        draw_dashes(pen, *(run.true[image].corners[number] * scale).tolist())
    for number in called.false:
        x1, y1, x2, y2 = (run.found[image].corners[number] * scale).tolist()
        pen.rectangle((x1, y1, x2, y2), outline=FALSE, width=2)
        pen.line((x1, y1, x2, y2), fill=FALSE)
        pen.line((x1, y2, x2, y1), fill=FALSE)
    return picture


def draw_dashes(pen: ImageDraw.ImageDraw, x1: float, y1: float, x2: float, y2: float, step: float = 5.0) -> None:
    """A dashed rectangle."""
    for low, high, is_row, other in ((x1, x2, True, y1), (x1, x2, True, y2), (y1, y2, False, x1), (y1, y2, False, x2)):
        for start in np.arange(low, high, 2 * step):
            end = min(start + step, high)
            pen.line((start, other, end, other) if is_row else (other, start, other, end), fill=MISSED, width=2)


def write_box_gallery(boxes: BoxImages, run: BoxRun, folder: Path) -> list[Path]:
    """Write the pictures of a run on these images, in their order, to a folder, worst first: misses, then false alarms.

    ValueError for a run on other images.
    """
    ids = [str(item).partition("#")[0] for item in run.items]  # a second copy of an image is #2
    if lost := [item for item in ids if item not in set(boxes.images.ids)]:
        raise ValueError(
            f"the run was judged on {len(lost)} images that {boxes.source or 'the set'} has not, as {lost[0]}"
        )
    assert ids == boxes.images.ids.tolist()
    called, written = call_boxes(run), list[Path]()
    for number, image in enumerate(choose_images(called)):
        pixels = boxes.images.fetch(np.array([image]))[0]
        file = io.BytesIO()
        draw_boxes(pixels, boxes.sizes[image], run, image, called[image]).save(file, "JPEG", quality=QUALITY)
        target = folder / picture_place(number, str(run.items[image]))
        write_atomically(target, lambda path, data=file.getvalue(): path.write_bytes(data))
        written.append(target)
    return written
