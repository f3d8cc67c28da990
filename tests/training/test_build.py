"""From a plan to a network: weights of a file are all used, or refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from small import blobs, plan_for

from kogen.training.build import build_method


def test_weights_of_a_file_replace_those_of_the_seed(tmp_path: Path):
    plan = plan_for(blobs(), "random", seed=7)
    published = build_method(plan).backbone.network.state_dict()
    published["fc.weight"] = torch.zeros(10, published["layer4.0.bn2.weight"].numel())  # a classifier is left out
    place = tmp_path / "weights.safetensors"
    save_file({key: value.contiguous() for key, value in published.items()}, place)
    filled = plan.model_copy(update={"seed": 0, "weights": str(place)})
    loaded = build_method(filled).backbone.network.state_dict()
    assert all(torch.equal(loaded[key], published[key]) for key in loaded)
    with pytest.raises(ValueError, match=r"does not fit the backbone resnet34.stem=full: it lacks 120 of the network"):
        build_method(filled.model_copy(update={"backbone": "resnet34"}))
    place.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"cannot read .*weights.safetensors"):
        build_method(filled)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("dino", {"hidden": 1_000_000}, r"dino with .* needs [\d,.]+ GB of memory or more, this machine has [\d,.]+"),
        ("vicreg", {"dim": 1_000_000}, r"vicreg with .* needs [\d,.]+ GB of memory or more"),
        ("obow", {"scales": 100}, r"obow with .* cannot be built \(.*\): choose other values"),
    ],
)
def test_a_method_that_cannot_be_built_is_refused_before_it_takes_memory(method: str, settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        build_method(plan_for(blobs(), method, settings=settings))
