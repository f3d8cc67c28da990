"""Heat maps: where in an image its patches are far from good ones, at any resolution, and as a small picture."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

SIGMA = 4 / 224  # of the blur, as a share of the side (Roth et al. 2022, section 3.3: 4 pixels of 224)
TRUNCATE = 4.0  # standard deviations, behind which a blur ends
QUALITY = 72  # of a JPEG
GLOW = 0.55  # how much of a picture its heat covers where it is hottest


def heat_maps(distances: Tensor, side: int) -> Tensor:
    """Distances of patches (B, h, w) as maps (B, side, side): enlarged between their middles, then blurred a little."""
    maps = F.interpolate(distances.float()[:, None], (side, side), mode="bilinear", align_corners=False)
    return blur(maps, SIGMA * side)[:, 0]


def blur(maps: Tensor, sigma: float) -> Tensor:
    """Maps (B, 1, H, W) under a Gaussian of `sigma` pixels; what lies outside is mirrored in."""
    radius = min(int(TRUNCATE * sigma + 0.5), maps.shape[-1] - 1, maps.shape[-2] - 1)
    if radius < 1:
        return maps
    places = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    weight = torch.exp(-0.5 * (places / sigma) ** 2)
    weight /= weight.sum()
    wide = F.pad(maps, (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(wide, weight[None, None, :, None]), weight[None, None, None, :])


def heat_picture(pixels: np.ndarray, heat: np.ndarray, mask: np.ndarray | None = None) -> bytes:
    """A JPEG of an image (C, S, S) in [0, 1], beside it the same with its heat (S, S) in [0, 1] laid on it.

    Heat of a half is what the threshold is. The rim of a mask (S, S) bool is drawn on the first one.
    """
    gray = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)  # (3, S, S)
    glow = heat_colours(heat)  # (3, S, S)
    share = GLOW * np.clip(heat, 0, 1)
    seen, hot = gray.copy(), gray * (1 - share) + glow * share
    if mask is not None:
        seen[:, mask_rim(mask)] = np.array([[0.1], [0.9], [0.2]])
    both = np.concatenate([seen, hot], axis=2).transpose(1, 2, 0)  # (S, 2 S, 3)
    out = io.BytesIO()
    Image.fromarray(np.rint(255 * np.clip(both, 0, 1)).astype(np.uint8)).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """Heat (S, S) in [0, 1] as colours (3, S, S): black, blue, red at a half, yellow."""
    at, red, green, blue = (0, 0.35, 0.5, 1), (0.0, 0.2, 0.9, 1.0), (0.0, 0.1, 0.2, 0.95), (0.05, 0.6, 0.2, 0.3)
    return np.stack([np.interp(heat, at, values) for values in (red, green, blue)])


def mask_rim(mask: np.ndarray) -> np.ndarray:
    """The pixels (H, W) bool inside a mask that have a neighbour outside."""
    wide = np.pad(mask, 1)
    inside = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask & ~inside
