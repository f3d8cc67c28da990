"""Operations on a batch of images in [0, 1], one setting per image: colour, blur, noise, light, rotation. All pure."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # torchvision's weights of red, green and blue in a gray value


def gray_of(images: Tensor) -> Tensor:
    """Gray value of each pixel (B, 1, H, W): luma for three channels, else the mean of the channels."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.split(1, dim=1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def tone(images: Tensor, keep: Tensor, gray: Tensor, mean: Tensor) -> Tensor:
    """keep * images + gray * (their gray version) + mean * (their mean gray value), clipped, in place; factors (B,).

    With a factor f: brightness is (f, 0, 0), contrast (f, 0, 1 - f), saturation (f, 1 - f, 0), a gray image (0, 1, 0).
    One formula for all, so that a batch in which each image is at another operation takes one pass. Factors on the CPU.
    """
    if bool((keep == 1).all()) and not gray.any() and not mean.any():
        return images
    if not gray.any() and not mean.any():
        return images.mul_(each(keep, images)).clamp_(0, 1)
    luma = gray_of(images)  # (B, 1, H, W)
    flat = luma.mean(dim=(2, 3), keepdim=True).mul_(each(mean, images))
    images.mul_(each(keep, images))
    images.add_(luma.mul_(each(gray, images)).add_(flat) if gray.any() else flat)
    return images.clamp_(0, 1)


def jitter(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, each image in its own order; in place.

    `factors` (B, 4) holds factors of the first three (1: the same) and the turn of the hue (0: the same); `order` (B, 4)
    says which of them comes first to last. Both on the CPU. What images without three channels lack is left out.
    """
    coloured = images.shape[1] == 3
    for operation in order.T:  # (B,)
        factor = factors.gather(1, operation[:, None])[:, 0]
        same = torch.ones_like(factor)
        keep = torch.where(operation < (3 if coloured else 2), factor, same)
        gray = torch.where(operation == 2, 1 - factor, 0.0) if coloured else torch.zeros_like(factor)
        images = tone(images, keep, gray, torch.where(operation == 1, 1 - factor, 0.0))
        if coloured:
            images = chosen((operation == 3) & (factor != 0), hue, images, factor)
    return images


def chosen(which: Tensor, operation: Callable[..., Tensor], images: Tensor, *settings: Tensor) -> Tensor:
    """Apply an operation to the images where `which` (B,), on the CPU, says so; the others stay as they are."""
    if bool(which.all()):
        return operation(images, *settings)
    index = which.nonzero()[:, 0]
    if len(index):
        there = index.to(images.device)
        images[there] = operation(images[there], *(values[index] for values in settings))
    return images


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of HSV by a share (B,) of the colour circle in [-.5, .5]. Only three channels have it.

    Turning the hue keeps the largest and the smallest channel of a pixel, so the way back from HSV is
    `smallest + chroma * w(hue)` with a trapezium w for each channel; no sextant needs to be looked up.
    """
    if images.shape[1] != 3:
        return images
    red, green, blue = images.split(1, dim=1)  # (B, 1, H, W) each
    largest = torch.maximum(torch.maximum(red, green), blue)
    smallest = torch.minimum(torch.minimum(red, green), blue)
    chroma = largest - smallest
    scale = chroma.clamp(min=1e-8).reciprocal_()  # a gray pixel has chroma 0, so its hue does not matter
    angle = torch.where(largest == green, (blue - red).mul_(scale).add_(2), (red - green).mul_(scale).add_(4))
    angle = torch.where(largest == red, (green - blue).mul_(scale), angle)  # sixths of the circle
    angle = angle.add_(each(turn * 6, images)).remainder_(6)
    out = torch.empty_like(images)
    for channel, centre in enumerate((3, 2, 4)):
        w = out[:, channel : channel + 1]
        torch.sub(angle, centre, out=w)
        w.abs_()
        if channel == 0:
            w.sub_(1)
        else:
            w.neg_().add_(2)
        w.clamp_(0, 1).mul_(chroma).add_(smallest)
    return out


def blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Gaussian blur with sigma (B,) in pixels, a window of `kernel` (odd) pixels, edges reflected.

    Both passes are sums of shifted copies. A tap beyond 5 sigma weighs less than 4e-6 of the centre and is left out.
    """
    reach = min(kernel // 2, images.shape[2] - 1, images.shape[3] - 1)
    if reach < 1:
        return images
    taps = torch.exp(-0.5 * (torch.arange(reach + 1) / sigma[:, None]) ** 2)  # (B, reach + 1)
    taps = taps / (2 * taps.sum(1, keepdim=True) - taps[:, :1])
    taps = taps[:, : 1 + min(reach, math.ceil(5 * float(sigma.max())))]
    for dim in (3, 2):
        images = _smooth(images, taps, dim)
    return images


def _smooth(images: Tensor, taps: Tensor, dim: int) -> Tensor:
    """One pass of a symmetric filter along `dim`; taps (B, 1 + reach) from the centre outwards."""
    reach, length = taps.shape[1] - 1, images.shape[dim]
    pad = (reach, reach, 0, 0) if dim == 3 else (0, 0, reach, reach)
    wide = F.pad(images, pad, mode="reflect")
    out = images * each(taps[:, 0], images)
    for step in range(1, reach + 1):
        pair = wide.narrow(dim, reach - step, length) + wide.narrow(dim, reach + step, length)
        out.addcmul_(pair, each(taps[:, step], images))
    return out


def solarize(images: Tensor, threshold: float = 0.5) -> Tensor:
    """Invert every value at or above the threshold."""
    return torch.where(images >= threshold, 1 - images, images)


def light(images: Tensor, strength: Tensor, direction: Tensor) -> Tensor:
    """Multiply by a ramp from 1 - strength to 1 + strength (B,) across the image; direction (B,) in radians."""
    height, width = images.shape[2:]
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, device=images.device)
    across = each(direction.cos(), images) * x + each(direction.sin(), images) * y  # (B, 1, H, W)
    reach = (direction.cos().abs() + direction.sin().abs()).clamp(min=1e-6)  # so that a corner is the end of the ramp
    return across.mul_(each(strength / reach, images)).add_(1).mul(images).clamp_(0, 1)


def noise(images: Tensor, sigma: Tensor, seed: Tensor) -> Tensor:
    """Add normal noise of std sigma (B,), drawn from each image's seed (B,) int32 and each value's place.

    The draw is a hash, so an image gets the same noise alone, in a batch, and on any device.
    """
    drawn = normal(seed.to(images.device), images[0].numel()).view_as(images)
    return drawn.mul_(each(sigma, images)).add_(images).clamp_(0, 1)


def normal(seed: Tensor, count: int) -> Tensor:
    """Standard normal values (B, count), each a pure function of (seed, place); seed (B,) int32.

    A 32-bit integer hash of multiply and xor-shift, two halves of which go through Box and Muller's transform.
    """
    half = -(-count // 2)
    bits = torch.arange(half, device=seed.device, dtype=torch.int32) ^ _scramble(seed)[:, None]  # (B, half)
    bits = _scramble(bits)
    radius = ((bits & 0xFFFF).float().add_(0.5).mul_(2.0**-16)).log_().mul_(-2).sqrt_()
    angle = ((bits >> 16) & 0xFFFF).float().mul_(2 * math.pi / 2**16)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :count]


def _scramble(bits: Tensor) -> Tensor:
    """Mix int32 bits so that neighbours become unlike; wraps around, shifts fill with zeros."""
    for shift, factor in ((16, 0x7FEB352D), (15, -0x7B935975)):  # lowbias32 (Wellons 2018): 0x7feb352d, 0x846ca68b
        bits = (bits ^ ((bits >> shift) & ((1 << (32 - shift)) - 1))) * factor
    return bits ^ ((bits >> 16) & 0xFFFF)


def quarter_turns(images: Tensor, turns: Tensor) -> Tensor:
    """Rotate square images counter-clockwise by turns (B,) x 90 degrees; `turns` lies on the CPU."""
    out = images.clone()
    for count in (1, 2, 3):
        index = (turns == count).nonzero()[:, 0].to(images.device)
        if len(index):
            out[index] = torch.rot90(images[index], count, (2, 3))
    return out


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate square images counter-clockwise about their centre, bilinear; what lies outside is mirrored in."""
    angle = degrees.to(images.device) * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    matrix = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)  # (B, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def each(values: Tensor, images: Tensor) -> Tensor:
    """One value per image (B,), on the device of the images and shaped to meet them: (B, 1, 1, 1)."""
    return values.to(images.device, non_blocking=True)[:, None, None, None]
