"""A start: every method takes over the backbone and, where it fits, its head; its teachers begin as its student."""

from dataclasses import replace

import pytest
import torch
from checkpoints import drawn
from small import NARROW, SERIES_NETWORKS, blobs, network_for, plan_for

from kogen.backbones import make_backbone
from kogen.backbones._heads_in_files import Heads
from kogen.common import registry
from kogen.common.files import json_digest
from kogen.config.plan import Plan
from kogen.training.build import build_method, draw_method, tell_start
from kogen.training.checkpoint import state_of
from kogen.training.run import record_of
from kogen.training.start_weights import Start, fit_positions, head_parts, load_start, save_start, start_method

TRAINED = [  # files of weights are of networks of images
    name
    for name in registry.names("methods")
    if (made := registry.load("methods", name)).recipe.trains and made.needs not in SERIES_NETWORKS
]


def start_for(method: str, heads: Heads | None = None) -> Start:
    """A start with every tensor of the method's small network drawn."""
    network = make_backbone(network_for(method), 3, 16)
    drawn(network.network, seed=5)
    facts = (network_for(method), 16, 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    tensors = {key: value.clone() for key, value in network.network.state_dict().items()}
    return Start("weights.pth?x=1", "digest", "published", *facts, tensors, heads or Heads())


@pytest.mark.parametrize("method", TRAINED)
def test_every_method_goes_on_from_weights_and_its_teachers_are_copies(method: str, tmp_path):
    start = start_for(method)
    save_start(start, tmp_path / "init.safetensors")
    plan = plan_for(blobs(64), method, settings=NARROW.get(method, {}))
    fresh = state_of(build_method(plan))
    begun = plan.model_copy(update={"init": "digest", "init_file": str(tmp_path / "init.safetensors")})
    made = build_method(begun)
    mine = made.backbone.network.state_dict()
    assert all(torch.equal(mine[key], value) for key, value in start.tensors.items())
    teachers = [part for part in made.modules() if hasattr(part, "follows")]
    assert len(teachers) == hasattr(made, "target")
    for teacher in teachers:
        student = state_of(teacher.follows[0])
        assert all(torch.equal(value, student[key]) for key, value in state_of(teacher).items())
    heads = [key for key in fresh if key.split(".")[0] in head_parts(made)]
    assert all(torch.equal(fresh[key], state_of(made)[key]) for key in heads)  # as the seed draws them
    assert "weights.pth" in tell_start(begun)
    assert heads == [] or "anew" in tell_start(begun)


@pytest.mark.parametrize("method", ["byol", "dino", "mae", "moco_v2", "swav", "vicreg"])
def test_a_head_that_fits_is_taken_over_with_its_teachers_and_another_is_not(method: str):
    plan = plan_for(blobs(64), method, settings=NARROW.get(method, {}))
    other = state_of(draw_method(plan.model_copy(update={"seed": 9})))
    made = draw_method(plan)
    parts = head_parts(made)
    tensors = {key: value.detach().clone() for key, value in other.items() if key.split(".")[0] in parts}
    start = start_for(method, Heads(method, tensors, {}))
    assert start_method(made, start, method) == parts
    assert all(torch.equal(state_of(made)[key], value) for key, value in tensors.items())
    for teacher in (part for part in made.modules() if hasattr(part, "follows")):
        student = state_of(teacher.follows[0])
        assert all(torch.equal(value, student[key]) for key, value in state_of(teacher).items())
    tensors[next(key for key in tensors if key.startswith(f"{parts[-1]}."))] = torch.zeros(3)
    assert start_method(draw_method(plan), start, method) == parts[:-1]
    assert start_method(draw_method(plan), replace(start, heads=Heads("pcl", tensors)), method) == []


def test_rc_mae_has_the_decoder_of_mae():
    heads = Heads("mae", {"decoder.mask_token": torch.zeros(1)})
    assert start_for("mae", heads).heads_for("rc_mae") is heads
    assert start_for("mae", heads).heads_for("byol") == Heads()


def test_positions_of_a_decoder_are_resampled_to_another_size():
    places = torch.arange(16.0)[:, None].expand(16, 32)
    assert fit_positions(places, torch.zeros(4, 32)).shape == (4, 32)
    assert fit_positions(places, torch.zeros(16, 32)) is places
    assert fit_positions(places, torch.zeros(5, 32)) is places  # no square
    assert fit_positions(places, torch.zeros(4, 8)) is places


def test_a_start_is_read_back_as_it_was_kept(tmp_path):
    heads = Heads("byol", {"projector.0.weight": torch.rand(2, 2)}, {"hidden": 2, "batch_norm": True})
    start = replace(start_for("byol", heads), remarks="said")
    save_start(start, tmp_path / "init.safetensors")
    again = load_start(tmp_path / "init.safetensors")
    assert replace(again, tensors={}, heads=Heads()) == replace(start, tensors={}, heads=Heads())
    assert (again.heads.method, again.heads.settings) == ("byol", {"hidden": 2, "batch_norm": True})
    assert torch.equal(again.heads.tensors["projector.0.weight"], heads.tensors["projector.0.weight"])
    assert again.tensors.keys() == start.tensors.keys()
    content = bytearray((tmp_path / "init.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "init.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged .* put the file there that kogen wrote"):
        load_start(tmp_path / "init.safetensors")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "init.safetensors")
    with pytest.raises(ValueError, match="is no start that kogen kept"):
        load_start(tmp_path / "init.safetensors")


def test_weights_of_another_network_are_refused():
    made = draw_method(plan_for(blobs(64), "byol", backbone="tiny?width=16"))
    with pytest.raises(ValueError, match=r"weights.pth does not fit the backbone resnet18.*has the shape .*, wanted"):
        start_method(made, start_for("byol"), "byol")


def test_runs_without_a_start_keep_their_ids_and_others_have_the_digest_in_theirs():
    plan = Plan(method="byol", images=64)
    record = record_of(plan)
    assert {"init", "init_file", "freeze"} & set(record) == set()
    assert plan.fingerprint == json_digest(
        plan.model_dump(
            mode="json",
            exclude={"precision", "weights", "depth", "init", "freeze", "pool", "code", "compile", "variant", "kind"},
        )
    )
    begun = plan.model_copy(update={"init": "d1", "init_file": "/a"})
    moved = plan.model_copy(update={"init": "d1", "init_file": "/b"})
    other = plan.model_copy(update={"init": "d2", "init_file": "/a"})
    frozen = plan.model_copy(update={"init": "d1", "freeze": "stages:2"})
    ids = [record_of(one)["id"] for one in (plan, begun, other, frozen)]
    assert len(set(ids)) == len({one.fingerprint for one in (plan, begun, other, frozen)}) == 4
    assert record_of(moved) == record_of(begun)
    assert (record["model"], record_of(begun)["model"]) == ("byol", "byol-continued")
