"""Networks of series: shapes, blueprints that make them again, features along time, settings and kinds refused."""

import pytest
import torch

from kogen.backbones import SERIES_NETWORKS, make_backbone
from kogen.backbones._series_network import SeriesBackbone

SMALL = {
    "tiny1d": "tiny1d?width=4",
    "inception1d": "inception1d?width=4",
    "patch1d": "patch1d?width=24&depth=2",
    "dilated1d": "dilated1d?width=4&out=8&depth=4",
}
POOLED = {"patch1d": None, "dilated1d": "amax"}  # whose feature is a class token, or the largest over time


def test_every_network_of_series_is_tried_here() -> None:
    assert set(SMALL) == set(SERIES_NETWORKS)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("channels", "length"), [(1, 64), (3, 96)])
def test_features_are_those_of_a_network_that_its_blueprint_makes_again(name: str, channels: int, length: int) -> None:
    made = make_backbone(SMALL[name], channels, length, "series").eval()
    series = torch.randn(5, channels, length, generator=torch.Generator().manual_seed(0))
    features = made(series)
    assert features.shape == (5, made.dim)
    assert made.input_shape == (channels, length)
    again = made.blueprint.build()
    again.load_state_dict(made.network.state_dict())
    assert torch.equal(again.eval()(series), features)
    assert made.blueprint.to_python().startswith("import torch; from kogen.backbones.")
    same = make_backbone(made.spec, channels, length, "series")
    assert {k: v.shape for k, v in same.state_dict().items()} == {k: v.shape for k, v in made.state_dict().items()}


@pytest.mark.parametrize("name", SMALL)
def test_steps_follow_time(name: str) -> None:
    made = make_backbone(SMALL[name], 2, 2048, "series").eval()
    assert isinstance(made, SeriesBackbone)
    series = torch.randn(3, 2, 2048, generator=torch.Generator().manual_seed(0))
    steps = made.steps(series)
    assert steps.shape[:2] == (3, made.dim)
    assert steps.shape[2] <= 2048
    if pool := POOLED.get(name, "mean"):
        assert torch.allclose(getattr(steps, pool)(2), made(series), atol=1e-6)
        changed = series.clone()
        changed[..., 1536:] += 5  # what happens late does not change what was seen long before
        early, late = steps.shape[2] // 2, -steps.shape[2] // 8
        assert torch.allclose(made.steps(changed)[..., :early], steps[..., :early], atol=1e-5)
        assert not torch.allclose(made.steps(changed)[..., late:], steps[..., late:], atol=1e-2)


@pytest.mark.parametrize("name", SMALL)
def test_maps_of_one_row(name: str) -> None:
    made = make_backbone(SMALL[name], 2, 64, "series").eval()
    network, series = made.network, torch.zeros(2, 2, 64)
    every = network.forward_intermediates(series, intermediates_only=True)  # type: ignore[operator]
    assert all(one.ndim == 4 and one.shape[2] == 1 for one in every)
    last = network.forward_intermediates(series, indices=1, intermediates_only=True)  # type: ignore[operator]
    assert torch.equal(last[0], every[-1])
    some = network.forward_intermediates(series, indices=[0, 1], intermediates_only=True)  # type: ignore[operator]
    assert [one.shape for one in some] == [one.shape for one in every[:2]]


def test_more_stages_than_there_are() -> None:
    network = make_backbone("tiny1d?width=4", 1, 64, "series").network
    with pytest.raises(ValueError, match="5 stages are wanted, and ResNet1D has 4"):
        network.forward_intermediates(torch.zeros(1, 1, 64), indices=5)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tiny1d?kernel=4", "kernel = 4: wanted an odd number"),
        ("tiny1d?width=0", "width = 0, wanted a whole number of 1 or more"),
        ("inception1d?depth=0", "depth = 0, wanted a whole number"),
        ("patch1d?patch=7", "patch = 7 samples do not divide a window of 64: one of 1, 2, 4"),
        ("patch1d?heads=5", "cannot be built .*choose other values"),
        ("tiny", "takes images, and these are series: use tiny1d, inception1d, patch1d"),
        ("resnet18", "takes images, and these are series"),
        ("tiny1d?img_size=5", "img_size is set by kogen"),
    ],
)
def test_refusals(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_backbone(spec, 1, 64, "series")


def test_a_network_of_series_takes_no_images() -> None:
    with pytest.raises(ValueError, match="'tiny1d' takes series, and these are images: use tiny, or a network of timm"):
        make_backbone("tiny1d", 3, 64)
