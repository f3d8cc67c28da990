"""The picture of views from the command's side: series are drawn as lines, views of the other kind are refused."""

from pathlib import Path

import pytest
from PIL import Image

import kogen


def test_a_picture_of_views_of_series(tmp_path: Path) -> None:
    out = kogen.views("machines?n=20&size=64", views="vibration?drift=0.5", out=tmp_path / "views.png")
    with Image.open(out) as opened:
        assert opened.size == (2 * 190 + 3 * 6 + 4 * 196, 18 + 4 * 84 - 6 + 12)


def test_views_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--views natural are of images, and the source has series"):
        kogen.views("machines?n=20&size=64", views="natural", out=tmp_path / "views.png")
    with pytest.raises(ValueError, match="--views motion are of series, and the source has images"):
        kogen.views("surfaces?n=20", views="motion", out=tmp_path / "views.png")
    assert not (tmp_path / "views.png").exists()
