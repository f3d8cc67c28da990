"""The contact sheet: a picture that opens, small enough, the same for the same seed, with what it should show."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kogen.augmentation.view_sets import view_set
from kogen.augmentation.views import evaluation_view, render
from kogen.common.rng import StepRng
from kogen.data import contact_sheet
from kogen.data.contact_sheet import write_sheet
from kogen.data.images import Images


def pictures(count: int = 3, channels: int = 3, side: int = 32, dtype: type = np.uint8, aspect: float = 1.0) -> Images:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max, (count, channels, side, side), dtype=dtype, endpoint=True)
    names = np.array([f"folder/image {i}.png" for i in range(count)])
    unknown = np.full(count, -1)
    return Images(pixels, names, names, unknown, (), names, np.full(count, aspect, np.float32))


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["natural", "inspection"])
def test_a_sheet_opens_and_is_the_same_for_the_same_seed(tmp_path: Path, channels: int, dtype: type, name: str) -> None:
    images = pictures(channels=channels, dtype=dtype)
    pair = view_set(name, 32, channels=channels, mean=(0.4,) * channels, std=(0.3,) * channels)
    for path, seed in ((tmp_path / "a.png", 0), (tmp_path / "b.png", 0), (tmp_path / "c.png", 1)):
        write_sheet(images, pair, path, seed=seed)
    first, again, other = ((tmp_path / f"{x}.png").read_bytes() for x in "abc")
    assert first == again
    assert first != other
    with Image.open(tmp_path / "a.png") as opened:
        assert opened.format == "PNG"
        colours = np.unique(np.asarray(opened.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 20
    assert sorted(x.name for x in tmp_path.iterdir()) == ["a.png", "b.png", "c.png"]


def test_a_sheet_of_noise_keeps_the_limit(tmp_path: Path) -> None:
    write_sheet(pictures(8, side=256), view_set("natural", 224), tmp_path / "sheet.png")
    assert 10_000 < (tmp_path / "sheet.png").stat().st_size <= 300_000


def test_the_views_shown_are_those_that_render_makes_without_normalising() -> None:
    pixels = pictures(2).read(np.array([0, 1]))
    bare, normal = (view_set("natural", 32, mean=m, std=s) for m, s in ((None, None), ((0.4,) * 3, (0.3,) * 3)))
    shown = contact_sheet.sheet_views(pixels, normal, torch.ones(2), seed=5)
    assert shown.shape == (2, 16, 3, 32, 32)
    torch.testing.assert_close(shown, contact_sheet.sheet_views(pixels, bare, torch.ones(2), seed=5), atol=1e-5, rtol=0)
    for number, which in ((0, 0), (7, 0), (8, 1), (15, 1)):
        wanted = render(pixels, bare[which], StepRng(5, number, 2), tag=str(which), aspect=torch.ones(2))
        assert torch.equal(contact_sheet.sheet_views(pixels, bare, torch.ones(2), seed=5)[:, number], wanted)


def test_the_image_is_shown_in_its_true_shape() -> None:
    black, views = torch.zeros(3, 32, 32), torch.ones(16, 3, 32, 32)
    for aspect in (0.5, 1.0, 2.0):
        drawn = np.asarray(contact_sheet.draw_sheet(black, aspect, views, ""))
        dark = (drawn[contact_sheet.LINE_HEIGHT :, : 2 * contact_sheet.TILE] == 0).all(2)
        height, width = dark.any(1).sum(), dark.any(0).sum()
        assert width / height == pytest.approx(aspect, rel=0.05)


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a sheet of views wants images, got 0"):
        write_sheet(pictures(0), (evaluation_view(8),), tmp_path / "sheet.png")
