"""One door to views: images go to Views, windows of series to Waves; the other kind is refused."""

import pytest
import torch

from kogen.augmentation.rendering import (
    evaluation_view_of,
    local_view,
    only_places,
    render_view,
    render_views,
    show_share,
)
from kogen.augmentation.view_sets import view_set
from kogen.augmentation.views import View, render_all
from kogen.augmentation.waves import Wave, render_waves
from kogen.common.rng import StepRng


def test_each_kind_is_rendered_as_by_its_own() -> None:
    rng, tags = StepRng(0, 3, 4), ("0", "1")
    images = torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8)
    pair = view_set("natural", 16)
    for ours, theirs in zip(
        render_views(images, pair, rng, tags=tags), render_all(images, pair, rng, tags=tags), strict=True
    ):
        assert torch.equal(ours, theirs)
    series, waves = torch.randn(4, 2, 32), view_set("motion", 32, channels=2)
    for ours, theirs in zip(
        render_views(series, waves, rng, tags=tags), render_waves(series, waves, rng, tags=tags), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_the_other_kind_is_refused() -> None:
    rng = StepRng(0, 0, 2)
    with pytest.raises(ValueError, match=r"series \(2, 1, 8\) and views of the other kind: images have a View"):
        render_view(torch.zeros(2, 1, 8), View(size=8), rng, tag="0")
    with pytest.raises(ValueError, match=r"images .* and views of the other kind"):
        render_view(torch.zeros(2, 1, 8, 8), Wave(size=8), rng, tag="0")


def test_evaluation_sees_the_whole() -> None:
    series = torch.randn(3, 2, 32)
    seen = render_view(series, evaluation_view_of("series", 32), StepRng(0, 0, 3), tag="plain")
    assert torch.equal(seen, series)
    assert isinstance(evaluation_view_of("image", 32), View)


def test_changes_of_a_view_are_those_of_its_kind() -> None:
    for view in (view_set("inspection", 32)[0], view_set("motion", 32)[0]):
        assert type(only_places(view)) is type(view)
        assert only_places(view).noise == 0
        assert only_places(view).crop == view.crop
        assert show_share(view, 0.9).crop == (0.9, 1.0)
        assert local_view(view, 8).size == 8
        assert local_view(view, 8).crop != view.crop
