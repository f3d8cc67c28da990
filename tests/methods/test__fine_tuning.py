"""Fine-tuning: what learns moves, all else stays bit for bit; rates fall by layer; what cannot be is told."""

import pytest
import torch
from small import NETWORKS, blobs, plan_for

from kogen.common.tensors import load_tensors
from kogen.methods._fine_tuning import LAYER_DECAY
from kogen.training.build import build_method
from kogen.training.checkpoint import state_of
from kogen.training.loop import pretrain
from kogen.training.optimizers import make_optimiser

VIT, RESNET = NETWORKS["vit"], NETWORKS["resnet"]
EVERY = ("",)


@pytest.mark.parametrize(
    ("layers", "backbone", "learn"),
    [
        ("head", RESNET, ()),
        ("norm", RESNET, ("bn", "downsample.1")),
        ("last1", RESNET, ("layer4",)),
        ("last2", RESNET, ("layer3", "layer4")),
        ("all", RESNET, EVERY),
        ("head", VIT, ()),
        ("norm", VIT, ("norm",)),
        ("last1", VIT, ("blocks.1", "norm.weight", "norm.bias")),
        ("decay", VIT, EVERY),
    ],
)
def test_what_does_not_learn_stays_bit_for_bit(tmp_path, layers, backbone, learn):
    images = blobs(64)
    plan = plan_for(images, "tune", backbone=backbone, settings={"layers": layers, "rate": 0.5})
    before = {key: value.clone() for key, value in state_of(build_method(plan)).items()}
    list(pretrain(plan, images, tmp_path))
    tensors, _ = load_tensors(tmp_path / "checkpoint" / "state.safetensors", "")
    after = {key.removeprefix("method."): value for key, value in tensors.items() if key.startswith("method.")}
    inside = {key: key.split("inner.")[1] for key in before if "inner." in key}
    moved = {name for key, name in inside.items() if not torch.equal(before[key], after[key])}
    kept = (str.__contains__ if layers == "norm" else str.startswith, learn)
    may = {name for name in inside.values() if any(kept[0](name, part) for part in kept[1])}
    assert moved <= may
    weights = {name for name in may if name.endswith(("weight", "bias")) and "k_norm" not in name}
    assert not weights - moved
    assert not torch.equal(before["classifier.weight"], after["classifier.weight"])


def test_batch_norm_counts_only_where_it_learns():
    method = build_method(plan_for(blobs(64), "tune", settings={"layers": "last1"})).train()
    network = method.backbone.network
    assert network.layer4[0].bn1.training
    assert not any(part.training for part in (network.bn1, network.layer1, network.layer3[0].bn2))
    head = build_method(plan_for(blobs(64), "tune", settings={"layers": "head"})).train()
    assert not any(part.training for part in head.backbone.modules() if list(part.parameters()))
    assert head.classifier.training


def test_rates_fall_from_layer_to_layer_as_in_mae():
    method = build_method(plan_for(blobs(64), "tune", backbone=VIT, settings={"layers": "decay"}))
    shares, network = method.rate_shares(), method.backbone.network
    assert shares[network.patch_embed.proj.weight] == shares[network.pos_embed] == LAYER_DECAY**3  # two blocks
    assert shares[network.blocks[0].mlp.fc1.weight] == LAYER_DECAY**2
    assert shares[network.blocks[1].norm1.bias] == LAYER_DECAY
    assert network.norm.weight not in shares
    assert method.classifier.weight not in shares
    optimiser = make_optimiser(method, method.recipe, shares)
    groups = {id(p): group for group in optimiser.param_groups for p in group["params"]}
    assert groups[id(network.blocks[0].mlp.fc1.weight)]["share"] == LAYER_DECAY**2
    assert groups[id(method.classifier.weight)]["share"] == 1
    assert len(groups) == len(list(method.parameters()))


def test_the_loop_trains_at_the_shares(tmp_path, monkeypatch):
    seen = []
    real = torch.optim.SGD.step

    def step(self, closure=None):
        seen.append({group["share"]: group["lr"] for group in self.param_groups})
        return real(self, closure)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    images = blobs(64)
    list(pretrain(plan_for(images, "tune", settings={"layers": "decay"}), images, tmp_path))
    assert len(seen) == 4
    for rates in seen:
        assert rates[LAYER_DECAY**5] == pytest.approx(rates[1.0] * LAYER_DECAY**5)  # the stem, before four stages


def test_recipes_are_those_of_the_network():
    images = blobs(64)
    resnet, vit = (plan_for(images, "tune", backbone=NETWORKS[name]).recipe for name in ("resnet", "vit"))
    assert (resnet.optimiser, resnet.weight_decay, vit.optimiser, vit.rate) == ("sgd", 0.0, "adamw", 1e-3)
    assert not resnet.colour
    assert resnet.labels


def test_layers_that_a_network_lacks_are_told():
    for layers, said in (
        ("last4", "tune:last4: this ResNet has 4 stages or blocks: use tune:all, or fewer than 4"),
        ("last9", "tune:last9: this ResNet has 4 stages"),
    ):
        with pytest.raises(ValueError, match=said):
            build_method(plan_for(blobs(64), "tune", settings={"layers": layers}))
    dense = {"backbone": "densenet121?growth_rate=4&block_config=1,1,1,1", "image_size": 32}
    for layers in ("last1", "decay"):
        with pytest.raises(
            ValueError, match=f"tune:{layers}: no stages or blocks are known of a DenseNet: use tune:head"
        ):
            build_method(plan_for(blobs(64), "tune", settings={"layers": layers}, **dense)).rate_shares()
