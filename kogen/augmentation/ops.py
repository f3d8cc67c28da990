"""Operations on a batch of images in [0, 1], one setting per image: colour, blur, noise, light, rotation."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.augmentation.crop import apply_matrices
from kogen.augmentation.pixel_rng import box_muller_normal
from kogen.common.devices import to_device

LUMA = (0.2989, 0.587, 0.114)  # torchvision's weights of red, green and blue in a gray value


def gray_values(images: Tensor) -> Tensor:
    """Gray value of each pixel (B, 1, H, W): luma for three channels, else the mean of the channels."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.split(1, dim=1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def adjust_tone(
    images: Tensor, keep: Tensor, gray: Tensor, mean: Tensor, *, to_gray: bool = True, to_mean: bool = True
) -> Tensor:
    """keep * images + gray * (their gray version) + mean * (their mean gray value), clipped, in place; factors (B,).

    With a factor f: brightness is (f, 0, 0), contrast (f, 0, 1 - f), saturation (f, 1 - f, 0), a gray image (0, 1, 0).
    One formula for all, so that a batch takes one pass whatever the operation of each image is. `to_gray`, `to_mean`:
    whether any image has such a factor other than 0.
    """
    if not to_gray and not to_mean:
        return images.mul_(expand_per_image(keep, images)).clamp_(0, 1)
    add = gray_values(images)  # (B, 1, H, W)
    flat = add.mean(dim=(2, 3), keepdim=True).mul_(expand_per_image(mean, images))
    add = add.mul_(expand_per_image(gray, images)).add_(flat) if to_gray else flat
    return torch.addcmul(add, images, expand_per_image(keep, images), out=images).clamp_(0, 1)


def jitter(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, each image in its own order; in place.

    `factors` (B, 4) are those of the first three (1: the same) and the turn of the hue (0: the same); `order` (B, 4)
    is the order of the four. Both on the CPU. Images without three channels skip saturation and hue.
    """
    coloured = images.shape[1] == 3
    factor = factors.gather(1, order)  # (B, 4), in the order of application
    blend = 1 - factor
    keep = factor.masked_fill(order >= (3 if coloured else 2), 1)
    gray = blend.masked_fill((order != 2) | (not coloured), 0)
    mean = blend.masked_fill(order != 1, 0)
    turned = ((order == 3) & (factor != 0)).unbind(1)  # (B,) for each place in the order
    changed = torch.stack([keep != 1, gray != 0, mean != 0]).any(1).T.tolist()
    there = to_device(torch.stack([keep, gray, mean, factor]), images.device)  # (4, B, 4) in one copy
    for place, (any_kept, to_gray, to_mean) in enumerate(changed):
        *tone, turn = there[:, :, place]
        if any_kept:
            images = adjust_tone(images, *tone, to_gray=to_gray, to_mean=to_mean)
        if coloured:
            images = apply_where(turned[place], shift_hue, images, turn)
    return images


def apply_where(which: Tensor, operation: Callable[..., Tensor], images: Tensor, *settings: Tensor) -> Tensor:
    """Apply an operation to the images where `which` (B,), on the CPU, is true; the others stay as they are.

    `settings` (B,) lie on the CPU or on the device.
    """
    if bool(which.all()):
        return operation(images, *settings)
    index = which.nonzero()[:, 0]
    if len(index):
        there = to_device(index, images.device)
        chosen = (values[index if values.device == index.device else there] for values in settings)
        images[there] = operation(images[there], *chosen)
    return images


def shift_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of HSV by a share (B,) of the colour circle, in [-.5, .5]. Only three channels have it.

    Two facts about the hexagon of hues replace the usual six cases. The angle from red, in sixths of the circle, is
    (chroma + g' + b' - r') / chroma with the sign of g - b, where a prime means minus the smallest channel. Back in RGB
    each channel is a trapezium of the angle between the smallest and the largest value, which a turn does not change.
    """
    if images.shape[1] != 3:
        return images
    red, green, blue = images.split(1, dim=1)  # (B, 1, H, W) each
    largest = torch.maximum(red, green)
    smallest = torch.minimum(red, green)
    torch.maximum(largest, blue, out=largest)
    torch.minimum(smallest, blue, out=smallest)
    chroma = largest - smallest
    angle = (green + blue).sub_(red).sub_(smallest).add_(chroma)
    angle.div_((chroma * 6).clamp_(min=1e-8))  # a gray pixel has chroma 0, so that its hue does not matter
    angle = torch.copysign(angle, green - blue).add_(expand_per_image(turn, images))
    angle.sub_(angle.floor()).mul_(6)  # [0, 6]
    out = torch.empty_like(images)
    for channel, centre in enumerate((3, 2, 4)):
        fall = torch.sub(angle, centre, out=out[:, channel : channel + 1]).abs_().sub_(1).clamp_(0, 1).mul_(chroma)
        torch.add(smallest, fall, out=fall) if channel == 0 else torch.sub(largest, fall, out=fall)
    return out


def blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Gaussian blur with sigma (B,) in pixels, a window of `kernel` (odd) pixels, edges reflected.

    Sums of shifted copies on a CPU, products with matrices on a GPU: at these sizes the fastest there (measured).
    `sigma` lies on the CPU. A tap beyond 4 sigma weighs less than 4e-4 of the centre and is left out.
    """
    reach = min(kernel // 2, images.shape[2] - 1, images.shape[3] - 1, math.ceil(4 * float(sigma.max())))
    if reach < 1:
        return images
    steps = torch.arange(reach + 1)  # from the centre outwards
    taps = torch.exp(-0.5 * (steps / sigma[:, None]) ** 2)  # (B, reach + 1)
    taps.masked_fill_(steps > (4 * sigma[:, None]).ceil(), 0)  # an image's window is its own, not its neighbours'
    taps = to_device(taps / (2 * taps.sum(1, keepdim=True) - taps[:, :1]), images.device)
    if images.device.type == "cuda":
        return apply_matrices(band_matrices(taps, images.shape[2]), images, band_matrices(taps, images.shape[3]))
    return filter_by_shifts(filter_by_shifts(images, taps, 3), taps, 2)


def filter_by_shifts(images: Tensor, taps: Tensor, dim: int) -> Tensor:
    """A symmetric filter along `dim` as a sum of shifted copies; taps (B, 1 + reach) from the centre outwards."""
    reach, length = taps.shape[1] - 1, images.shape[dim]
    wide = F.pad(images, (reach, reach, 0, 0) if dim == 3 else (0, 0, reach, reach), mode="reflect")
    out = images * expand_per_image(taps[:, 0], images)
    for step in range(1, reach + 1):
        pair = wide.narrow(dim, reach - step, length) + wide.narrow(dim, reach + step, length)
        if len(images) == 1 and taps.device.type == "cpu":  # one pass less
            out.add_(pair, alpha=float(taps[0, step]))
        else:
            out.add_(pair.mul_(expand_per_image(taps[:, step], images)))
    return out


def band_matrices(taps: Tensor, length: int) -> Tensor:
    """A symmetric filter with reflected edges as matrices (B, length, length); taps as `filter_by_shifts` has them."""
    taps = F.pad(taps, (0, 1))  # 0 beyond the reach
    to, end = torch.arange(length, device=taps.device), length - 1
    direct, both = (to[:, None] - to).abs(), to[:, None] + to  # (L, L), the second by way of an edge
    beyond = taps.shape[1] - 1
    first = torch.where(to > 0, both, beyond)  # the values at the edges themselves are not reflected
    last = torch.where(to < end, 2 * end - both, beyond)
    return sum(taps[:, steps.clamp(max=beyond)] for steps in (direct, first, last))  # type: ignore[return-value]


def solarize(images: Tensor) -> Tensor:
    """Invert every value of a half or more, in place."""
    return images.sub_(0.5).abs_().neg_().add_(0.5)


def apply_light(images: Tensor, strength: Tensor, direction: Tensor) -> Tensor:
    """Multiply by a ramp from 1 - strength to 1 + strength (B,) across the image; direction (B,) in radians."""
    y, x = (torch.linspace(-1, 1, length, device=images.device) for length in images.shape[2:])
    cos, sin = (expand_per_image(values, images) for values in (direction.cos(), direction.sin()))
    across = cos * x + sin * y[:, None]  # (B, 1, H, W)
    reach = (direction.cos().abs() + direction.sin().abs()).clamp(min=1e-6)  # so that a corner is the end of the ramp
    return across.mul_(expand_per_image(strength / reach, images)).add_(1).mul(images).clamp_(0, 1)


def add_noise(images: Tensor, sigma: Tensor, seed: Tensor) -> Tensor:
    """Add normal noise of std sigma (B,), drawn from each image's seed (B,) int32 and each value's place.

    The draw is a hash, so an image gets the same noise alone, in a batch, and on any device.
    """
    drawn = box_muller_normal(to_device(seed, images.device), images[0].numel()).view_as(images)
    return drawn.mul_(expand_per_image(sigma, images)).add_(images).clamp_(0, 1)


def quarter_turns(images: Tensor, turns: Tensor) -> Tensor:
    """Rotate square images counter-clockwise by turns (B,) x 90 degrees; `turns` lies on the CPU."""
    out = images.clone()
    for count in (1, 2, 3):
        index = to_device((turns == count).nonzero()[:, 0], images.device)
        if len(index):
            out[index] = torch.rot90(images[index], count, (2, 3))
    return out


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate square images counter-clockwise about their centre, bilinear; what lies outside is mirrored in."""
    angle = to_device(degrees, images.device) * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    matrix = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)  # (B, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def expand_per_image(values: Tensor, images: Tensor) -> Tensor:
    """One value per image (B,), on the device of the images and shaped to meet them: (B, 1, 1, 1)."""
    return to_device(values, images.device)[:, None, None, None]
