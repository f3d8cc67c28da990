"""Heat maps against scipy's Gaussian; their pictures."""

import io

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from kogen.evaluation.heat_maps import blur, heat_maps, heat_picture, mask_rim


def test_the_blur_is_that_of_scipy():
    maps = torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = blur(maps, 2.5)
    wanted = np.stack([ndimage.gaussian_filter(m[0], 2.5, mode="mirror", truncate=4.0) for m in maps.numpy()])
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-10)


def test_a_map_is_hot_where_its_patch_is():
    distances = torch.zeros(1, 8, 8)
    distances[0, 2, 5] = 1.0
    heat = heat_maps(distances, 64)[0]
    y, x = divmod(int(heat.argmax()), 64)
    assert abs(y - 2.5 * 8) <= 4
    assert abs(x - 5.5 * 8) <= 4
    assert heat_maps(torch.ones(3, 1, 1), 32).sub(1).abs().max() < 1e-5


def test_a_picture_shows_the_image_and_its_heat():
    pixels, heat = np.full((1, 32, 32), 0.5, np.float32), np.zeros((32, 32), np.float32)
    heat[8:16, 8:16] = 1.0
    mask = np.zeros((32, 32), bool)
    mask[8:16, 8:16] = True
    seen = np.asarray(Image.open(io.BytesIO(heat_picture(pixels, heat, mask)))).astype(int)
    assert seen.shape == (32, 64, 3)
    assert (abs(seen[24:, :32] - 128) < 12).all()  # the image as it is
    assert seen[12, 44, 0] > seen[12, 44, 2] + 40  # hot: red and yellow
    assert seen[8, 12, 1] > seen[8, 12, 0] + 40  # the rim of the mask
    assert mask_rim(mask).sum() == 28
