"""Crops: which box of each image is seen, drawn in true geometry, and its antialiased resizing to a square."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.common.devices import to_device

LARGE = 4096  # pixels of an image from which, on a CPU, resizing one by one beats products with matrices (measured)
TRIES = 10  # torchvision's RandomResizedCrop tries this often before it takes the centre


Range = tuple[float, float]  # from the least to the most


def random_boxes(
    tries: Tensor, place: Tensor, aspect: Tensor, shape: tuple[int, int], area: Range, ratio: Range
) -> Tensor:
    """Boxes (B, 4) int64, (top, left, height, width) in stored pixels, distributed as torchvision's RandomResizedCrop.

    `tries` (B, TRIES, 2) and `place` (B, 2) are uniform draws; `aspect` (B,) is the true width / height of each image,
    in which `ratio` is meant; `shape` is the stored (H, W). The first try that fits is taken, else a centred box.
    """
    height, width = shape
    share = area[0] + (area[1] - area[0]) * tries[..., 0]  # (B, TRIES)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    wanted = torch.exp(low + (high - low) * tries[..., 1]) / aspect[:, None]  # ratio in units of the image's sides
    w = (width * (share * wanted).sqrt()).round()
    h = (height * (share / wanted).sqrt()).round()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    middle = aspect.clamp(*ratio) / aspect  # the whole image, cut to an allowed ratio
    any_fits = fits.any(1)
    w = torch.where(any_fits, w.gather(1, first)[:, 0], (width * middle.clamp(max=1)).round().clamp(min=1))
    h = torch.where(any_fits, h.gather(1, first)[:, 0], (height / middle.clamp(min=1)).round().clamp(min=1))
    room = torch.stack([height - h, width - w], 1)  # (B, 2)
    corner = torch.where(any_fits[:, None], place * (room + 1), room / 2).floor()
    return torch.cat([corner, h[:, None], w[:, None]], 1).long()


def resample(pixels: Tensor, boxes: Tensor, size: int, flip: tuple[Tensor, Tensor]) -> Tensor:
    """The boxes of the pixels, mirrored where `flip` says (upside down, left to right), (B, C, size, size) in [0, 1].

    Bicubic, antialiased where it shrinks, seeing nothing beyond the box: torchvision's resized_crop. Large uint8 images
    on a CPU are rounded to whole values on the way, as torchvision does too; `boxes` and `flip` lie on the CPU.
    """
    if pixels.device.type == "cpu" and pixels.shape[2] * pixels.shape[3] >= LARGE:
        return _resample_each(pixels, boxes, size, flip)
    images = to_unit_range(pixels)
    height, width = images.shape[2:]
    drawn = torch.cat([boxes, torch.stack(flip, 1)], 1)  # (B, 6), in one copy
    top, left, h, w, up, side = to_device(drawn, images.device).unbind(1)
    rows = resize_matrices(top, h, height, size, up > 0)  # (B, S, H)
    columns = resize_matrices(left, w, width, size, side > 0)  # (B, S, W)
    return apply_matrices(rows, images, columns).clamp_(0, 1)


def _resample_each(pixels: Tensor, boxes: Tensor, size: int, flip: tuple[Tensor, Tensor]) -> Tensor:
    """`resample` by torch's own interpolation, which is fastest on one uint8 image with its channels last."""
    out = torch.empty(len(pixels), pixels.shape[1], size, size)
    for image, (top, left, h, w), place, up, side in zip(pixels, boxes.tolist(), out, *flip, strict=True):
        part = image[None, :, top : top + h, left : left + w]
        part = part.contiguous(memory_format=torch.channels_last) if part.dtype == torch.uint8 else to_unit_range(part)
        part = F.interpolate(part, (size, size), mode="bicubic", antialias=True)[0]
        mirrored = [dim for dim, turn in ((1, up), (2, side)) if turn]
        place.copy_(part.flip(mirrored) if mirrored else part)
    return out.mul_(1 / 255) if pixels.dtype == torch.uint8 else out.clamp_(0, 1)


def apply_matrices(rows: Tensor, images: Tensor, columns: Tensor) -> Tensor:
    """rows @ image @ columns^T for each image and channel: (B, S, H), (B, C, H, W), (B, T, W) to (B, C, S, T)."""
    batch, channels, height, _ = images.shape
    wide = torch.bmm(images.flatten(1, 2), columns.transpose(1, 2)).view(batch, channels, height, -1)
    return torch.matmul(rows[:, None], wide)


def resize_matrices(start: Tensor, length: Tensor, total: int, size: int, flip: Tensor) -> Tensor:
    """Matrices (B, size, total) that resize `length` (B,) values from `start` (B,) on to `size`, reversed at `flip`.

    Keys' cubic with a = -1/2, stretched by the scale where it shrinks (Pillow's and torch's antialiased bicubic).
    """
    scale = (length / size)[:, None, None]  # (B, 1, 1)
    stretch = scale.clamp(min=1)
    target = torch.arange(size, device=start.device)[:, None] + 0.5  # (S, 1)
    target = torch.where(flip[:, None, None], size - target, target)
    source = torch.arange(total, device=start.device) - start[:, None, None]  # (B, 1, T), counted within the box
    beyond = (-source).clamp(min=0) + (source + 1 - length[:, None, None]).clamp(min=0)  # 0 within the box
    bound = (2 - 2 * beyond).float()  # a sum of two types of numbers takes twice the time
    near = (target * (scale / stretch) - (source + 0.5) / stretch).abs_()  # (B, S, T), distance in stretched pixels
    near = torch.sub(bound, near, out=near).clamp_(min=0)  # 2 in the middle, 0 at the end of the cubic
    inner = (near - 1).clamp_(min=0)
    value = (near - 1).mul_(near).mul_(near)  # twice the cubic's outer piece, and what the inner piece has more
    value.add_((2 - 4 * inner).mul_(inner).mul_(inner))
    return value.div_(value.sum(2, keepdim=True))


def to_unit_range(pixels: Tensor) -> Tensor:
    """Pixels as float32 in [0, 1]: uint8 / 255, uint16 / 65535, floats as they are."""
    return pixels.float() if pixels.is_floating_point() else pixels.float().mul_(1 / torch.iinfo(pixels.dtype).max)
