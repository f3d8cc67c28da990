"""A contact sheet: an image and 16 of its views on one picture, because people should look before they train."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from kogen.augmentation.crop import to_unit_range
from kogen.augmentation.views import View, render
from kogen.common.files import write_atomically
from kogen.common.outputs import STAMP
from kogen.common.rng import StepRng
from kogen.data.images import Images

VIEWS_PER_IMAGE = 16  # in two lines, divided evenly among the views of a set
TILE = 112  # pixels of a view on the sheet, which the report embeds: the PNG has at most 300 kB, even of noise
LINE_HEIGHT = 18  # pixels of a line of text
PAPER, INK = (255, 255, 255), (60, 60, 60)


def write_sheet(images: Images, views: tuple[View, ...], path: str | Path, *, seed: int = 0) -> None:
    """Write a PNG of an image beside 16 of its views, not normalised; which image: drawn from `seed`.

    Gray images and those of more than three channels show their first channels. ValueError where there are no images.
    """
    if not len(images):
        raise ValueError("a sheet of views wants images, got 0")
    index = np.random.default_rng(seed).permutation(len(images))[:1]
    pixels, aspect = images.read(index), torch.from_numpy(images.aspect[index])
    rendered = sheet_views(pixels, views, aspect, seed)[0]  # (16, C, S, S)
    name = Path(str(images.sources[index[0]])).name
    sheet = draw_sheet(to_unit_range(pixels)[0], float(aspect[0]), rendered, name)
    write_atomically(Path(path), lambda place: place.write_bytes(encode_png(sheet)))


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


def draw_sheet(pixels: Tensor, aspect: float, rendered: Tensor, name: str) -> Image.Image:
    """The name of an image, itself (C, H, W) in its true shape, and two lines of eight of its views (16, C, S, S)."""
    gap, columns = TILE // 24, VIEWS_PER_IMAGE // 2
    step, side = TILE + gap, 2 * TILE + gap
    sheet = Image.new("RGB", (side + 3 * gap + columns * step, LINE_HEIGHT + side + 3 * gap), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    pen.text((gap, gap), name if len(name) <= 32 else f"...{name[-29:]}", INK, font)
    pen.text((side + 3 * gap, gap), f"{VIEWS_PER_IMAGE} views at {rendered.shape[-1]} pixels", INK, font)
    width, height = max(1, round(side * min(1, aspect))), max(1, round(side / max(1, aspect)))
    sheet.paste(thumbnail(pixels, (width, height)), (gap, gap + LINE_HEIGHT))
    for number, view in enumerate(rendered):
        x, y = number % columns * step, number // columns * step
        sheet.paste(thumbnail(view, (TILE, TILE)), (side + 3 * gap + x, gap + LINE_HEIGHT + y))
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
    remark = PngInfo()
    remark.add_text("Software", STAMP)
    small.save(buffer, "PNG", optimize=True, pnginfo=remark)
    return buffer.getvalue()
