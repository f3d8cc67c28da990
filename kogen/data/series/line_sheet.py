"""A contact sheet of series: a window and 16 of its views as lines, because people should look before they train."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from kogen.augmentation.waves import Wave, render_waves
from kogen.common.files import write_atomically
from kogen.common.rng import StepRng
from kogen.data.contact_sheet import INK, LINE_HEIGHT, PAPER, VIEWS_PER_IMAGE, encode_png
from kogen.data.images import Images
from kogen.data.series.channel_scale import channel_scale

MOST_CHANNELS = 8  # that are drawn, the first ones
# Okabe and Ito's colours, which people tell apart who do not see red or green as others do; without their yellow.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f")
GRID = (225, 225, 225)  # of the line at a channel's mean
COLUMNS, WIDTH, LANE, LEAST_HEIGHT, GAP = (
    4,
    190,
    26,
    78,
    6,
)  # tiles a row; pixels of a tile, a lane, between
FINE = 3  # lines are drawn this many times larger, and made smaller smoothly
SAMPLED = 256  # windows that a mean and a std are taken from where the view has none


def write_line_sheet(images: Images, waves: Sequence[Wave], path: str | Path, *, seed: int = 0) -> None:
    """Write a PNG of a window beside 16 of its views, in units of std; which window: drawn from `seed`.

    All tiles have one scale a channel. ValueError where there are no windows.
    """
    if not len(images):
        raise ValueError("a sheet of views wants windows, got 0")
    index = np.random.default_rng(seed).permutation(len(images))
    values = images.read(index[:1])  # (1, C, T)
    mean, std = channel_scale(images.read(np.sort(index[:SAMPLED])))
    waves = [wave if wave.mean is not None else replace(wave, mean=mean, std=std) for wave in waves]
    rendered = sheet_waves(values, waves, seed)  # (16, C, size)
    plain = render_waves(values, [plain_wave(waves[0], values.shape[2])], StepRng(seed, 0, 1), tags=["0"])[0][0]
    sheet = draw_line_sheet(plain, rendered, title_of(images, int(index[0])), images.channel_names)
    write_atomically(Path(path), lambda place: place.write_bytes(encode_png(sheet)))


def plain_wave(wave: Wave, length: int) -> Wave:
    """A view that normalises as this one does, of the whole window, and changes nothing."""
    return Wave(size=length, mean=wave.mean, std=wave.std)


def sheet_waves(values: Tensor, waves: Sequence[Wave], seed: int) -> Tensor:
    """16 views (16, C, size) of a window (1, C, T), the first view's first."""
    out = []
    for number in range(VIEWS_PER_IMAGE):
        which = number * len(waves) // VIEWS_PER_IMAGE
        out += render_waves(values, [waves[which]], StepRng(seed, number, 1), tags=[str(which)])
    return torch.cat(out)


def title_of(images: Images, position: int) -> str:
    """The name of a window, and how long it is."""
    name, length = Path(str(images.sources[position])).name, images.pixels.shape[2]
    long = f"{length / images.rate:.3g} s, {length} samples" if images.rate else f"{length} samples"
    return f"{name if len(name) <= 40 else f'...{name[-37:]}'}, {long}"


def draw_line_sheet(plain: Tensor, rendered: Tensor, title: str, names: Sequence[str] = ()) -> Image.Image:
    """A window (C, T), and its views (16, C, size) in rows of four, all in units of std."""
    shown = min(len(plain), MOST_CHANNELS)
    height, rows = max(LEAST_HEIGHT, LANE * shown), VIEWS_PER_IMAGE // COLUMNS
    limits = line_limits([plain, *rendered])
    wide, tall = 2 * WIDTH, rows * (height + GAP) - GAP
    right = wide + 3 * GAP
    sheet = Image.new("RGB", (right + COLUMNS * (WIDTH + GAP), LINE_HEIGHT + tall + 2 * GAP), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    pen.text((GAP, GAP // 2), title, INK, font)
    more = f", the first {shown} of {len(plain)} channels" if shown < len(plain) else ""
    said = f"{VIEWS_PER_IMAGE} views at {rendered.shape[-1]} samples, in units of std{more}"
    pen.text((right, GAP // 2), said, INK, font)
    sheet.paste(draw_lines(plain, limits, (wide, tall)), (GAP, LINE_HEIGHT + GAP))
    for channel in range(shown):
        name = names[channel] if names else f"channel {channel + 1}"
        place = GAP + 3, LINE_HEIGHT + GAP + channel * tall // shown + 1
        pen.text(place, name if len(name) <= 32 else f"{name[:29]}...", COLOURS[channel], font)
    for number, view in enumerate(rendered):
        x, y = number % COLUMNS * (WIDTH + GAP), number // COLUMNS * (height + GAP)
        sheet.paste(draw_lines(view, limits, (WIDTH, height)), (right + x, LINE_HEIGHT + GAP + y))
    return sheet


def line_limits(windows: Sequence[Tensor]) -> Tensor:
    """The lowest and the highest value of each channel in windows (C, T), with the mean 0 between them: (2, C)."""
    low = torch.stack([window.amin(1) for window in windows]).amin(0)
    high = torch.stack([window.amax(1) for window in windows]).amax(0)
    return torch.stack([low.clamp(max=-1e-6), high.clamp(min=1e-6)])


def draw_lines(window: Tensor, limits: Tensor, size: tuple[int, int]) -> Image.Image:
    """A window (C, T) as a picture of `size` (width, height): a lane for each channel, with a gray line at its mean."""
    shown = min(len(window), MOST_CHANNELS)
    width, height = size[0] * FINE, size[1] * FINE
    tile = Image.new("RGB", (width, height), (250, 250, 250))
    pen, lane = ImageDraw.Draw(tile), height / shown
    x = (np.arange(window.shape[1]) + 0.5) / window.shape[1] * width
    for channel in range(shown):
        low, high = (float(end) for end in limits[:, channel])
        bottom, reach = lane * (channel + 0.95), 0.9 * lane / (high - low)
        middle = bottom + low * reach
        pen.line([(0, middle), (width, middle)], GRID, FINE)
        y = bottom - (window[channel].numpy().astype(float) - low) * reach
        points = list(zip(x.tolist(), y.tolist(), strict=True))
        pen.line(points if len(points) > 1 else [(0, y[0]), (width, y[0])], COLOURS[channel], FINE)
    return tile.resize(size, Image.Resampling.BOX)
