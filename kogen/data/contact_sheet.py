"""A contact sheet: an image and 16 of its views on one picture, because people should look before they train."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from kogen.augmentation.crop import to_unit_range
from kogen.augmentation.views import View, render
from kogen.common.files import write_atomically
from kogen.common.rng import StepRng
from kogen.data.images import Images

VIEWS_PER_IMAGE = 16  # in two lines, divided evenly among the views of a set
MAX_BYTES = 400_000  # the sheet is embedded in the report
TILE_SIZES = (112, 96, 80, 64, 48, 32)  # pixels of a view on the sheet, the first that keeps the limit
LINE_HEIGHT = 18  # pixels of a line of text
PAPER, INK = (255, 255, 255), (60, 60, 60)


def write_sheet(images: Images, views: tuple[View, ...], path: str | Path, *, seed: int = 0, rows: int = 1) -> None:
    """Write a PNG of `rows` images, each beside 16 of its views, not normalised; which images: drawn from `seed`.

    Gray images and those of more than three channels show their first channels. ValueError where there are no images.
    """
    if not len(images) or not views or rows < 1:
        raise ValueError(
            f"a sheet wants images, views and rows; got {len(images)} images, {len(views)} views, {rows} rows"
        )
    index = np.sort(np.random.default_rng(seed).permutation(len(images))[:rows])
    pixels, aspect = images.read(index), torch.from_numpy(images.aspect[index])
    shown = [Path(str(name)).name for name in images.sources[index]]
    rendered = sheet_views(pixels, views, aspect, seed)  # (rows, 16, C, S, S)
    for tile in TILE_SIZES:
        data = encode_png(draw_sheet(to_unit_range(pixels), aspect, rendered, shown, tile))
        if len(data) <= MAX_BYTES:
            break
    write_atomically(Path(path), lambda place: place.write_bytes(data))


def sheet_views(pixels: Tensor, views: tuple[View, ...], aspect: Tensor, seed: int) -> Tensor:
    """16 views of each image (rows, 16, C, S, S) in [0, 1], the first view's first; S is that of the first view."""
    out = []
    for number in range(VIEWS_PER_IMAGE):
        which = number * len(views) // VIEWS_PER_IMAGE
        view, rng = views[which], StepRng(seed, number, len(pixels))
        crops = render(pixels, view, rng, tag=str(which), aspect=aspect)
        if view.mean is not None and view.std is not None:
            mean, std = (torch.tensor(values)[:, None, None] for values in (view.mean, view.std))
            crops = (crops * std + mean).clamp(0, 1)
        out.append(torch.nn.functional.interpolate(crops, views[0].size, mode="nearest"))
    return torch.stack(out, 1)


def draw_sheet(pixels: Tensor, aspect: Tensor, rendered: Tensor, names: list[str], tile: int) -> Image.Image:
    """For each image its name, itself in its true shape, and two lines of eight views, each `tile` pixels wide."""
    gap = max(2, tile // 24)
    step, side = tile + gap, 2 * tile + gap
    columns = VIEWS_PER_IMAGE // 2
    block = LINE_HEIGHT + side + 2 * gap
    sheet = Image.new("RGB", (side + 3 * gap + columns * step, len(pixels) * block + gap), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for row, name in enumerate(names):
        top = row * block + gap
        pen.text((gap, top), name if len(name) <= 32 else f"...{name[-29:]}", INK, font)
        pen.text((side + 3 * gap, top), f"{VIEWS_PER_IMAGE} views at {rendered.shape[-1]} pixels", INK, font)
        shape = (side * min(1, float(aspect[row])), side / max(1, float(aspect[row])))
        whole = thumbnail(pixels[row], (max(1, round(shape[0])), max(1, round(shape[1]))))
        sheet.paste(whole, (gap, top + LINE_HEIGHT))
        for number, view in enumerate(rendered[row]):
            x, y = number % columns * step, number // columns * step
            sheet.paste(thumbnail(view, (tile, tile)), (side + 3 * gap + x, top + LINE_HEIGHT + y))
    return sheet


def thumbnail(image: Tensor, size: tuple[int, int]) -> Image.Image:
    """An image (C, H, W) in [0, 1] as a picture of `size` (width, height); small ones keep their pixels visible."""
    colours = image[:3] if image.shape[0] >= 3 else image[:1].expand(3, -1, -1)
    array = (colours * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    way = Image.Resampling.NEAREST if size[0] >= image.shape[2] else Image.Resampling.LANCZOS
    return Image.fromarray(np.ascontiguousarray(array)).resize(size, way)


def encode_png(sheet: Image.Image) -> bytes:
    """The sheet as a PNG with a palette of 256 colours, a third of the size and hardly to be told apart."""
    buffer = io.BytesIO()
    small = sheet.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
