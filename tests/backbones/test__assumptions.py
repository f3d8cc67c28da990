"""What no tensor shows is said in the candidate's line, and can be set; where a file hints at more, it is asked."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from checkpoints import at, drawn, resnet, same, vit

from kogen.backbones.published import describe_checkpoint, published
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.study.plans import read_candidate
from kogen.study.telling import print_plans
from kogen.training.run import record_of

RESNET = "assumed: ReLU, no dilation, no anti-aliasing, max-pool after the 7x7 stem"
VIT = "assumed: GELU, class token, norms before the layers, square images"


def test_what_is_assumed_is_said_and_what_was_said_is_not(tmp_path: Path):
    place = str(tmp_path / "weights.pth")
    torch.save(at("", resnet()), place)
    assert describe_checkpoint(place).remarks == RESNET
    said = describe_checkpoint(place, act_layer="silu", output_stride=8).remarks
    assert said == "assumed: no anti-aliasing, max-pool after the 7x7 stem"
    assert describe_checkpoint(place, backbone="resnet18").remarks == ""
    torch.save(at("", vit()), place)
    assert describe_checkpoint(place).remarks == VIT
    torch.save(at("", vit(global_pool="avg")), place)
    assert "mean of the patches" in describe_checkpoint(place).remarks
    torch.save({"model": resnet()}, place)
    assert describe_checkpoint(place).remarks == ""


def test_the_line_of_a_candidate_says_it_and_the_run_stays_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.save(at("", resnet()), tmp_path / "weights.pth")
    plan = read_candidate("ours", str(tmp_path / "weights.pth"))
    print_plans(Study(source=""), [plan])
    assert RESNET in " ".join("".join(capsys.readouterr()).split())
    assert "remarks" not in record_of(plan)
    assert record_of(plan)["id"] == record_of(plan.model_copy(update={"remarks": ""}))["id"]
    assert plan.fingerprint == Plan(**plan.model_dump()).fingerprint


@pytest.mark.parametrize("pool", ["avg", "max", "avgmax"])
def test_a_pooling_that_no_tensor_shows_may_be_said(pool: str, tmp_path: Path):
    network, place = vit(global_pool=pool, fc_norm=False), str(tmp_path / "weights.pth")
    torch.save(at("", network), place)
    told = describe_checkpoint(place, global_pool=pool)
    same(published(file=place, backbone=told.backbone, image_size=32), network, 32)


def test_a_network_of_segmentation_is_asked_about(tmp_path: Path):
    whole, place = torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None), tmp_path / "a.pth"
    drawn(whole)
    torch.save(whole.state_dict(), place)
    with pytest.raises(
        ValueError, match=r"lie convolutions, classifier.0.weight, as of a network of segmentation, .*8"
    ):
        describe_checkpoint(str(place))
    told = describe_checkpoint(str(place), output_stride=8)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = whole.backbone(images)["out"].mean((2, 3))  # type: ignore[operator]
        got = published(file=str(place), backbone=told.backbone).eval()(images)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_positions_that_fit_two_readings_are_asked_about(tmp_path: Path):
    place = str(tmp_path / "weights.pth")
    network = vit(reg_tokens=8, img_size=64)  # 1 + 8 + 8 x 8 of 8 px: 73 places fit one reading alone
    torch.save(at("", network), place)
    assert describe_checkpoint(place).image_size == 64
    network = vit(reg_tokens=8)  # 1 + 8 + 4 x 4 = 25 = 5 x 5
    torch.save(at("", network), place)
    with pytest.raises(ValueError, match=r"has 25 places, which are 5 x 5 patches, or 4 x 4 and its 9 class and regis"):
        describe_checkpoint(place)
    told = describe_checkpoint(place, no_embed_class=False)
    assert told.image_size == 32
    same(published(file=place, backbone=told.backbone, image_size=32), network, 32)
    network = vit(reg_tokens=1, class_token=False, no_embed_class=True, global_pool="avg")
    torch.save(at("", network), place)
    told = describe_checkpoint(place)
    same(published(file=place, backbone=told.backbone, image_size=32), network, 32)
    torch.save(timm.create_model("deit_tiny_distilled_patch16_224").state_dict(), place)
    with pytest.raises(ValueError, match=r"it is a distilled DeiT: name it, FILE\?backbone=deit_tiny_distilled"):
        describe_checkpoint(place)
