"""Published checkpoints: each official layout gives the plain network's features; odd files a sentence."""

import argparse
import fractions
import io
import json
import os
import pickle
import sys

import pandas as pd
import pytest
import timm
import torch
import torchvision
from checkpoints import at, dinov2, drawn, real_checkpoint, resnet, same, vit
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from small import SHARED
from timm.models import vision_transformer
from torch import nn

import kogen
from benchmarks import prepare_elpv
from kogen.backbones._checkpoint_formats import CONVERT_COMMAND
from kogen.backbones.published import IMAGENET_MEAN_STD, UNIT_MEAN_STD, describe_checkpoint, published
from kogen.common import registry


def children(network: nn.Module) -> nn.Module:
    """A ResNet's children in a Sequential, as several libraries cut its classifier off."""
    return nn.Sequential(*list(network.children())[:-1])


def blocks(network: nn.Module) -> dict[str, torch.Tensor]:
    """A ResNet's tensors as OBoW's feature extractor names them."""
    renamed = {}
    for key, value in network.state_dict().items():
        stem, _, rest = key.partition(".")
        first = {"conv1": "0.Conv", "bn1": "0.bn"}.get(stem) or stem.removeprefix("layer")
        renamed[f"_feature_blocks.{first}.{rest}"] = value
    return renamed


def behind(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state.items()}


R, OTHER = resnet(), resnet(seed=1)
OPTIONS = argparse.Namespace(arch="resnet50", lr=0.1)
MOCO = ("module.encoder_q.fc.0.weight", "module.encoder_q.fc.2.weight", "module.queue", "module.queue_ptr")
RESNETS = {
    "torchvision": ("published", at("", R, "fc.weight", "fc.bias")),
    "barlow_twins, resnet50.pth": ("published", at("", R)),
    "swav": ("swav", at("module.", R, "module.projection_head.0.weight", "module.prototypes.weight")),
    "swav, checkpoint": ("swav", {"state_dict": at("module.", R, "module.prototypes.weight"), "epoch": 1}),
    "deepcluster_v2": ("deepcluster_v2", at("module.", R, "module.prototypes.prototypes0.weight")),
    "moco_v2": ("moco_v2", {"state_dict": at("module.encoder_q.", R, *MOCO) | at("module.encoder_k.", OTHER)}),
    "pcl v1": ("pcl", {"state_dict": at("module.encoder_q.", R, "module.encoder_q.fc.weight", "module.queue")}),
    "moco_v3": (
        "moco_v3",
        {
            "state_dict": at("module.base_encoder.", R, "module.base_encoder.fc.0.weight", "module.predictor.0.weight")
            | at("module.momentum_encoder.", OTHER)
        },
    ),
    "simclr, convnet": ("simclr", {"state_dict": at("convnet.", R, "projection.model.0.weight")}),
    "simclr, encoder": ("simclr", at("encoder.", R, "projector.0.weight", "projector.2.weight")),
    "simclr, converted": ("published", {"state_dict": at("", R, "fc.weight", "fc.bias")}),
    "simsiam": (
        "simsiam",
        {"state_dict": at("module.encoder.", R, "module.encoder.fc.0.weight", "module.predictor.0.x")},
    ),
    "byol, networks": (
        "byol",
        {"online_network": at("module.", R, "module.projector.0.weight"), "target_network": at("module.", OTHER)},
    ),
    "byol, backbone": ("byol", at("online_backbone.", R, "online_projector.0.weight") | at("target_backbone.", OTHER)),
    "byol, without counts": ("published", {k: v for k, v in at("", R).items() if "num_batches" not in k}),
    "obow": (
        "obow",
        {
            "network": behind("module.feature_extractor.", blocks(R))
            | behind("module.feature_extractor_teacher.", blocks(OTHER))
            | {"module.bow_predictor.layers.0.weight": torch.zeros(2)}
        },
    ),
    "obow, alone": ("obow", {"network": blocks(R)}),
    "dino": (
        "dino",
        {
            "student": at("module.backbone.", OTHER, "module.head.last_layer.weight_v"),
            "teacher": at("module.backbone.", R, "module.head.mlp.0.weight", "module.head.last_layer.weight_v"),
            "args": OPTIONS,
            "epoch": 3,
        },
    ),
    "barlow_twins": (
        "barlow_twins",
        {"model": at("module.backbone.", R, "module.projector.0.weight", "module.bn.running_mean")},
    ),
    "vicreg": ("vicreg", {"model": at("module.backbone.", R, "module.projector.0.weight"), "epoch": 1}),
    "solo-learn": (
        "solo_learn",
        {
            "state_dict": at("backbone.", R, "projector.0.weight", "classifier.weight")
            | at("momentum_backbone.", OTHER),
            "pytorch-lightning_version": "1.5",
        },
    ),
    "solo-learn, old": (
        "solo_learn",
        {"state_dict": at("encoder.", R, "projector.0.weight"), "pytorch-lightning_version": "1.5"},
    ),
    "lightly": ("lightly", {"state_dict": at("backbone.", children(R), "projection_head.layers.0.weight")}),
    "vissl": (
        "published",
        {"classy_state_dict": {"base_model": {"model": {"trunk": at("_feature_blocks.", R), "heads": {}}}}},
    ),
}


@pytest.mark.parametrize("layout", RESNETS)
def test_every_layout_of_a_resnet_gives_its_features(layout, tmp_path):
    framework, data = RESNETS[layout]
    place = tmp_path / "weights.pth"
    torch.save(data, place)
    checkpoint = describe_checkpoint(str(place))
    assert (checkpoint.framework, checkpoint.backbone) == (framework, "resnet18?stem=original")
    assert (checkpoint.image_size, checkpoint.channels) == (224, 3)
    assert (checkpoint.mean, checkpoint.std) == (UNIT_MEAN_STD if framework == "simclr" else IMAGENET_MEAN_STD)
    same(published(file=str(place)), R, 64)


DECODER = ("decoder_embed.weight", "decoder_pos_embed", "decoder_blocks.0.attn.qkv.weight", "decoder_pred.bias")


V, W = vit(), vit(seed=1)
MOCO_V3 = vit(embed_dim=384, num_heads=12, patch_size=16)
REGISTERS = vit(embed_dim=384, num_heads=6, patch_size=16, init_values=1e-5, reg_tokens=4, no_embed_class=True)
SCALED = vit(embed_dim=384, num_heads=6, patch_size=16, init_values=1e-5)
TWO = "depth=2"
VITS = {
    "dino, pretrain": ("published", "tiny_patch16_224?patch_size=8&num_heads=3&depth=2", V, at("", V)),
    "dino": (
        "dino",
        "tiny_patch16_224?patch_size=8&num_heads=3&depth=2",
        V,
        {
            "teacher": at("backbone.", V, "head.last_layer.weight_g"),
            "student": at("module.backbone.", W, "module.head.last_layer.weight_g"),
            "args": OPTIONS,
        },
    ),
    "mae": ("published", "tiny_patch16_224?patch_size=8&num_heads=3&depth=2", V, {"model": at("", V)}),
    "mae, full": (
        "mae",
        "tiny_patch16_224?patch_size=8&num_heads=3&depth=2",
        V,
        {"model": at("", V, "mask_token", *DECODER), "args": OPTIONS, "optimizer": {"state": {0: {"step": 1}}}},
    ),
    "rc_mae": (
        "rc_mae",
        "tiny_patch16_224?patch_size=8&num_heads=3&depth=2",
        V,
        {"model": at("", W, "mask_token", *DECODER), "model_ema": at("", V, "mask_token", *DECODER)},
    ),
    "moco_v3": (
        "moco_v3",
        f"small_patch16_224?patch_size=16&num_heads=12&{TWO}",
        MOCO_V3,
        {"state_dict": at("module.base_encoder.", MOCO_V3, "module.base_encoder.head.0.weight")},
    ),
    "dinov2": ("dinov2", f"small_patch14_dinov2?patch_size=16&num_heads=6&{TWO}", SCALED, dinov2(SCALED)),
    "dinov2, registers": (
        "dinov2",
        f"small_patch14_reg4_dinov2?patch_size=16&num_heads=6&{TWO}",
        REGISTERS,
        dinov2(REGISTERS),
    ),
    "dinov2, training": (
        "dinov2",
        f"small_patch14_dinov2?patch_size=16&num_heads=6&{TWO}",
        SCALED,
        {"teacher": behind("backbone.", dinov2(SCALED)) | {"dino_head.mlp.0.weight": torch.zeros(2)}},
    ),
}


@pytest.mark.parametrize("layout", VITS)
def test_every_layout_of_a_vit_gives_its_features(layout, tmp_path):
    framework, backbone, network, data = VITS[layout]
    place = tmp_path / "weights.pth"
    torch.save(data, place)
    checkpoint = describe_checkpoint(str(place))
    assert (checkpoint.framework, checkpoint.backbone) == (framework, f"vit_{backbone}")
    assert checkpoint.image_size == (224 if framework == "dinov2" else 32)
    assert (checkpoint.mean, checkpoint.std) == IMAGENET_MEAN_STD
    same(published(file=str(place), image_size=32), network, 32)


@pytest.mark.parametrize("network", [V, REGISTERS], ids=["class token", "registers"])
def test_positions_are_resampled_as_timm_does(network, tmp_path):
    patch = network.patch_embed.patch_size[0]
    place = tmp_path / "weights.pth"
    torch.save(dinov2(network) if network is REGISTERS else at("", network), place)
    ours = published(file=str(place), image_size=6 * patch)
    theirs: nn.Module = type(network)(
        img_size=6 * patch,
        patch_size=patch,
        embed_dim=network.embed_dim,
        depth=2,
        num_heads=network.blocks[0].attn.num_heads,
        num_classes=0,
        init_values=1e-5 if network is REGISTERS else None,
        reg_tokens=4 if network is REGISTERS else 0,
        no_embed_class=network is REGISTERS,
    )
    official = dinov2(network) if network is REGISTERS else at("", network)
    theirs.load_state_dict(vision_transformer.checkpoint_filter_fn(official, theirs))  # type: ignore[arg-type]
    same(ours, theirs.eval(), 6 * patch)


def test_dinov2_giant_has_its_gates_renamed(tmp_path):
    sizes = {"patch_size": 16, "depth": 1, "embed_dim": 48, "num_heads": 2}
    gated = drawn(timm.create_model("vit_giant_patch14_dinov2", img_size=32, num_classes=0, **sizes))
    state = {k.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3"): v for k, v in dinov2(gated).items()}
    assert "blocks.0.mlp.w12.weight" in state
    torch.save(state, tmp_path / "giant.pth")
    place = f"{tmp_path / 'giant.pth'}"
    seen = describe_checkpoint(place, num_heads=2, image_size=32)
    assert seen.backbone == "vit_giant_patch14_dinov2?patch_size=16&embed_dim=48&num_heads=2&depth=1"
    same(published(file=place, backbone=seen.backbone, image_size=32), gated, 32)


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d"])
def test_bottlenecks_give_their_features(name, tmp_path):
    network = resnet(name)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    same(published(file=str(tmp_path / "weights.safetensors")), network, 64)


def test_gray_images_are_seen(tmp_path):
    network = registry.load("backbones", "tiny")(in_chans=1, image_size=32, width=8)
    drawn(network.network)
    save_file({k: v.contiguous() for k, v in network.network.state_dict().items()}, tmp_path / "weights.safetensors")
    checkpoint = describe_checkpoint(str(tmp_path / "weights.safetensors"), stem="full")
    assert checkpoint.backbone == "resnet18?stem=full&layers=1,1,1,1&channels=8,16,32,64"
    assert (checkpoint.image_size, checkpoint.channels, checkpoint.mean) == (32, 1, ())
    again = published(file=str(tmp_path / "weights.safetensors"), backbone=checkpoint.backbone)
    same(again, network.network, 32, channels=1)


@pytest.mark.parametrize("inner", [1, 2], ids=["simclr and vicreg", "swav"])
def test_a_network_wide_from_the_stem_on(inner, tmp_path):
    """torchvision's ResNet of another width from the stem on; SwAV's inner convolutions are twice as wide again."""

    class Wide(torchvision.models.ResNet):
        def __init__(self) -> None:
            super().__init__(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1])
            self.inplanes, self.base_width = 16, 64 * inner
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16)
            block = torchvision.models.resnet.Bottleneck
            self.layer1 = self._make_layer(block, 16, 1)
            self.layer2 = self._make_layer(block, 32, 1, stride=2)
            self.layer3 = self._make_layer(block, 64, 1, stride=2)
            self.layer4 = self._make_layer(block, 128, 1, stride=2)
            self.fc = nn.Identity()

    network = drawn(Wide())
    torch.save(at("module.", network, "module.prototypes.weight"), tmp_path / "weights.pth")
    ours = published(file=str(tmp_path / "weights.pth"))
    assert describe_checkpoint(str(tmp_path / "weights.pth")).backbone.startswith("wide?width=16&layers=1,1,1,1")
    same(ours, network, 64)
    scope: dict[str, nn.Module] = {}
    exec(ours.blueprint.to_python(), scope)  # the line that a user pastes
    scope["m"].load_state_dict(ours.network.state_dict())
    same(scope["m"].eval(), network, 64)


def test_what_a_candidate_is_called_decides_only_where_the_file_does_not(tmp_path):
    place = str(tmp_path / "weights.pth")
    torch.save({"state_dict": at("", R, "fc.weight")}, place)
    assert describe_checkpoint(place, name="simclr").mean == (0.0, 0.0, 0.0)
    assert describe_checkpoint(place, framework="simclr").framework == "simclr"
    assert describe_checkpoint(place, name="ours").framework == "published"
    torch.save(RESNETS["moco_v2"][1], place)
    assert describe_checkpoint(place, name="pcl").framework == "pcl"
    assert describe_checkpoint(place, name="simclr").framework == "moco_v2"


def test_the_network_may_be_named(tmp_path):
    place = tmp_path / "weights.safetensors"
    network = drawn(timm.create_model("convnext_atto", num_classes=0))
    save_file(at("backbone.", network, "head.fc.weight"), place)
    assert describe_checkpoint(str(place), backbone="convnext_atto").backbone == "convnext_atto"
    same(published(file=str(place), backbone="convnext_atto"), network, 64)
    save_file(at("", V), place)
    assert (
        describe_checkpoint(str(place), backbone="vit_base_patch32_224").backbone == "vit_base_patch32_224?patch_size=8"
    )


def test_a_network_of_the_hub_is_fetched_because_it_is_asked_for(tmp_path, monkeypatch):
    save_file(at("", R, "fc.weight"), tmp_path / "model.safetensors")
    config = '{"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}}'
    (tmp_path / "config.json").write_text(config)
    asked = []
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download", lambda owner, name: asked.append((owner, name)) or tmp_path / name
    )
    checkpoint = describe_checkpoint("hf-hub:timm/resnet18.made")
    assert asked == [("timm/resnet18.made", "model.safetensors"), ("timm/resnet18.made", "config.json")]
    assert (checkpoint.mean, checkpoint.std) == ((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    assert checkpoint.file == str(tmp_path / "model.safetensors")

    def nothing(owner: str, name: str) -> None:
        raise OSError("no such repository\nsecond line")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", nothing)
    with pytest.raises(ValueError, match="cannot fetch hf-hub:no/body: no such repository; wanted a repository"):
        describe_checkpoint("hf-hub:no/body")


class Malicious:
    """A pickle that would run a command."""

    def __init__(self, place) -> None:
        self.place = place

    def __reduce__(self):
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize("way", ["zip", "plain pickle"])
def test_a_file_that_runs_code_is_refused_and_not_run(way, tmp_path):
    place, sign = tmp_path / "weights.pth", tmp_path / "ran"
    if way == "zip":
        torch.save({"state_dict": at("", R), "extra": Malicious(sign)}, place)
    else:
        place.write_bytes(pickle.dumps(Malicious(sign)))
    wants = r"\w+\.system" if way == "zip" else "more than tensors"
    with pytest.raises(ValueError, match=rf"a pickle that wants to load {wants}, which could run code: refused"):
        describe_checkpoint(str(place))
    assert not sign.exists()


def test_the_recipe_for_a_refused_file_keeps_its_tensors(tmp_path, monkeypatch):
    data = {"state_dict": at("", R)}, R, {"model": R}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["-c", "weights.pth"])
    torch.save(data[0] | {"best": fractions.Fraction(1, 2)}, "weights.pth")
    with pytest.raises(ValueError, match=r"wants to load fractions.Fraction.* keep its tensors only: python -c"):
        describe_checkpoint("weights.pth")
    for each in data:
        torch.save(each, "weights.pth")
        exec(CONVERT_COMMAND, {})
        same(published(file="weights.safetensors"), R, 64)


def saved(data) -> bytes:
    buffer = io.BytesIO()
    torch.save(data, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no checkpoint that can be read: wanted safetensors or a file of torch.save"),
        (b"version https://git-lfs.github.com/spec/v1", "no checkpoint that can be read"),
        (saved(at("", R))[:5000], "no checkpoint that can be read"),
        (saved([1, 2]), "holds no network of a known layout .tensors: 0,"),
        (
            saved({"net.0.0.weight": torch.zeros(2)}),
            r"no network of a known layout \(tensors: 1, first \['net.0.0.weight'\]",
        ),
        (
            saved(at("a.", R) | at("b.", OTHER)),
            r"holds 2 networks, a\., b\.: keep one of them in a file",
        ),
        (
            saved({k: v for k, v in at("", R).items() if k != "layer3.1.bn2.bias"}),
            r"it lacks 1 of the network's tensors: layer3.1.bn2.bias \(the nearest is 'layer\d.\d.bn\d.bias'\)",
        ),
        (
            saved(at("", R) | {"layer1.0.bn3.weihgt": torch.zeros(64)}),
            r"1 of its tensors the network does not have: layer1.0.bn3.weihgt \(the nearest is 'layer1.0.bn\d.weight'",
        ),
        (
            saved(at("", R) | {"layer2.0.bn1.bias": torch.zeros(3)}),
            r"layer2.0.bn1.bias has the shape \(3,\), wanted \(128,\)",
        ),
        (
            saved({k: v for k, v in at("", R).items() if k != "conv1.weight"}),
            "nearly a ResNet or ViT of timm, but lacks",
        ),
        (saved({k: v for k, v in at("", V).items() if k != "pos_embed"}), "nearly a ResNet or ViT of timm, but lacks"),
    ],
)
def test_odd_files_get_a_sentence(content, message, tmp_path):
    place = tmp_path / "weights.pth"
    place.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        published(file=str(place))


def test_odd_words_get_a_sentence(tmp_path):
    place = str(tmp_path / "weights.pth")
    torch.save(at("", V), place)
    for said, message in (
        ({"size": 32}, "unknown setting 'size': did you mean 'image_size'"),
        ({"framework": "dyno"}, "unknown framework 'dyno': did you mean 'dino'"),
        ({"backbone": "resnet19"}, "unknown backbone 'resnet19': did you mean 'resnet18"),
    ):
        with pytest.raises(ValueError, match=message):
            describe_checkpoint(place, **said)
    with pytest.raises(
        ValueError, match=r"does not fit the backbone resnet18\?stem=full: it lacks 100 of the network's tensors: bn1"
    ):
        published(file=place, backbone="resnet18")
    with pytest.raises(ValueError, match=r"No such file or directory"):
        describe_checkpoint(str(tmp_path / "nowhere.pth"))


HUB = {"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.2] * 3, "input_size": [3, 64, 64]}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "its config.json is none of timm"),
        ({"pretrained_cfg": 3}, "its config.json is none of timm"),
        (HUB | {"architecture": "resnet19"}, "its architecture is 'resnet19', wanted the plain name .*: did you mean"),
        (HUB | {"architecture": "resnet18?checkpoint_path=evil.pth"}, "wanted the plain name of a network of timm"),
        (HUB | {"architecture": 'resnet18?a=1&**(__import__("os").system("x"))'}, "wanted the plain name of a network"),
        (HUB | {"architecture": "hf-hub:a/b"}, "wanted the plain name of a network of timm"),
        (HUB | {"architecture": "local-dir:/tmp"}, "wanted the plain name of a network of timm"),
        (HUB | {"architecture": ["resnet18"]}, r"its architecture is \['resnet18'\], wanted the plain name"),
        (HUB | {"architecture": "tiny"}, "wanted the plain name of a network of timm"),
        (HUB | {"pretrained_cfg": {"mean": "0.5"}}, "its mean is 0.5, wanted three numbers"),
        (HUB | {"pretrained_cfg": {"mean": [0.5, 0.5]}}, r"its mean is \[0.5, 0.5\], wanted three numbers"),
        (HUB | {"pretrained_cfg": {"mean": [True, 0, 0]}}, "its mean is .*, wanted three numbers"),
        (HUB | {"pretrained_cfg": {"std": [0.2, 0.2, 0]}}, "its std is .*, wanted three numbers"),
        (HUB | {"pretrained_cfg": {"std": [0.2, 0.2, float("nan")]}}, "its std is .*, wanted three numbers"),
        (HUB | {"pretrained_cfg": {"input_size": [3, 10**9, 10**9]}}, "its input_size is .*, wanted three numbers"),
        (HUB | {"pretrained_cfg": {"input_size": 224}}, "its input_size is 224, wanted three numbers"),
    ],
)
def test_a_description_of_the_hub_is_plain_names_and_numbers(config, message, tmp_path, monkeypatch):
    save_file(at("", R), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda owner, name: tmp_path / name)
    with pytest.raises(ValueError, match=f"hf-hub:a/b: {message}|{message}"):
        describe_checkpoint("hf-hub:a/b")


def test_a_deep_description_of_the_hub_is_refused(tmp_path, monkeypatch):
    save_file(at("", R), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("[" * 10**6)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda owner, name: tmp_path / name)
    with pytest.raises(ValueError, match=r"cannot read .*config.json: nested too deep"):
        describe_checkpoint("hf-hub:a/b")


@pytest.mark.parametrize("size", [10**9, 4, -1, "big", True, (1, 2), 2.5])
def test_an_image_size_is_a_whole_number_that_fits(size, tmp_path):
    torch.save(at("", R), tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"image_size = .*: wanted a whole number from 8 to 1024"):
        describe_checkpoint(str(tmp_path / "weights.pth"), image_size=size)


def test_positions_for_images_beyond_all_sizes_are_refused(tmp_path):
    torch.save(at("", V) | {"pos_embed": torch.zeros(1, 200**2 + 1, 192)}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match="the image size that its tensors fit = 1600: wanted a whole number from 8"):
        describe_checkpoint(str(tmp_path / "weights.pth"))
    for places in (7, 128 * 256, 128 * 256 + 1):
        torch.save(at("", V) | {"pos_embed": torch.zeros(1, places, 192)}, tmp_path / "weights.pth")
        with pytest.raises(ValueError, match=rf"{places:,} places, which are those of no square image: kogen feeds"):
            published(file=str(tmp_path / "weights.pth"))
        with pytest.raises(ValueError, match=r"does not fit .*: its position embedding cannot be resampled"):
            published(file=str(tmp_path / "weights.pth"), backbone="vit_tiny_patch16_224?depth=2", image_size=32)


def test_a_real_checkpoint_is_the_network_that_its_tensors_are_of():
    """Its tensors stand in the order of timm's network, whose names they do not have."""
    place = real_checkpoint()
    network = timm.create_model("tf_efficientnet_lite0")
    values = torch.load(place, weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    network.reset_classifier(0)
    checkpoint = describe_checkpoint(place)
    assert (checkpoint.backbone, checkpoint.image_size) == ("tf_efficientnet_lite0", 224)
    assert (checkpoint.mean, checkpoint.std) == ((0.5,) * 3, (0.5,) * 3)
    same(published(file=place), network, 224, within=1e-5)


@pytest.mark.slow
def test_a_real_checkpoint_sees_the_defects_of_solar_cells(tmp_path):
    """As a candidate on ELPV mono, 751 cells to train on, 323 to judge on: linear probe 85.8 %, AUC .923."""
    archive = SHARED / "factory" / "factory_elpv128.zip"
    if not archive.exists():
        pytest.skip(f"{archive} is not here")
    prepare_elpv.main(archive, tmp_path / "elpv")
    cells = next(tmp_path.rglob("mono.csv"))
    asked = {"methods": (), "candidates": {"lite0": real_checkpoint()}, "probes": ("linear",)}
    kogen.pilot(f"{cells}?split=train", test=f"{cells}?split=test", out=tmp_path / "study", **asked)
    rows = pd.read_parquet(tmp_path / "study" / "predictions.parquet")
    assert len(rows) == 323
    assert rows.correct.mean() > 0.84
    functional = rows.label == "functional"
    assert roc_auc_score(functional, rows.score.where(functional, 1 - rows.score)) > 0.91
