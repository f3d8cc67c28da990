"""Published MAE and RC-MAE files in their real layout, tiny: their own pre-training loss, and what is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from checkpoints import at, resnet, vit
from handover import write_images

import kogen
from kogen import cli
from kogen.config.plan import Plan
from kogen.data.open import open_images
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.objective import Objective
from kogen.modules.base import Method
from kogen.study.splits import storage_for
from kogen.training.batches import Batches
from kogen.training.build import draw_method

SMALL: dict[str, Any] = {"planes": 2, "images": 32, "few": 16, "batch_size": 16, "steps": 3, "levels": 1, "sharp": 0}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
NETWORK = "vit_tiny_patch16_224?depth=2&embed_dim=192&num_heads=3&patch_size=8"


def make_method(name: str) -> tuple[Plan, Method]:
    """A drawn MAE or RC-MAE for 32 pixels."""
    settings = {"width": 64, "depth": 2}
    plan = Plan(method=name, backbone=NETWORK, image_size=32, settings=settings, batch_size=2, images=60, **IMAGENET)
    return plan, draw_method(plan).eval()


def write_official(method: Method, path: Path) -> Path:
    """The method's network and decoder under the names and in the order of facebookresearch/mae."""
    state = at("", method.backbone.network)  # type: ignore[union-attr, arg-type]
    own = {
        key.removeprefix("decoder."): value for key, value in method.state_dict().items() if key.startswith("decoder.")
    }
    patch = state["patch_embed.proj.weight"].shape[2]
    place = torch.arange(3 * patch * patch).view(3, patch, patch).permute(1, 2, 0).flatten()  # colours innermost
    for kind in ("weight", "bias"):
        state |= {f"decoder_embed.{kind}": own[f"embed.{kind}"], f"decoder_norm.{kind}": own[f"norm.{kind}"]}
        state[f"decoder_pred.{kind}"] = own[f"values.{kind}"][place]
    state |= {f"decoder_{key}": value for key, value in own.items() if key.startswith("blocks.")}
    positions = torch.cat([torch.zeros(1, own["positions"].shape[1]), own["positions"]])
    state |= {"mask_token": own["mask_token"], "decoder_pos_embed": positions[None]}
    torch.save({"model": {key: value.clone() for key, value in state.items()}}, path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images") / "imgs", 20, 0, channels=3)


@pytest.mark.parametrize("name", ["mae", "rc_mae"])
def test_a_published_file_has_the_loss_that_its_own_weights_have(name: str, images: Path, tmp_path: Path):
    plan, method = make_method(name)
    file = write_official(method, tmp_path / f"{name}_full.pth")
    out = tmp_path / "out"
    asked = ["landscape", "--candidates", f"{name}={file}?num_heads=3", "--data", str(images), "--out", str(out)]
    for option, value in SMALL.items():
        asked += [f"--{option.replace('_', '-')}", str(value)]
    with pytest.raises(SystemExit) as ended:
        cli.main(asked)
    assert not ended.value.code
    table = pd.read_parquet(out / "surface.parquet")
    assert set(table["model"]) == {name}
    centre = table[(table["alpha"] == 0) & (table["beta"] == 0) & (table["images"] == 32)]["loss"].iloc[0]
    opened = open_images(str(images), storage_for(32, 0.05))
    batches = frozen_batches(opened, Batches(plan, opened, torch.device("cpu")).views, count=32, batch=16)
    with torch.no_grad():
        wanted = Objective(method, batches)(Objective(method, batches).at).mean().item()
    assert centre == pytest.approx(wanted, rel=1e-5)
    assert (out / "landscape.html").exists()


def test_files_without_their_loss_are_refused(images: Path, tmp_path: Path):
    asked: dict[str, Any] = SMALL | {"data": str(images), "out": tmp_path / "out"}
    torch.save({"model": at("", vit())}, tmp_path / "mae_pretrain_vit.pth")
    encoder = f"{tmp_path / 'mae_pretrain_vit.pth'}?num_heads=3"
    with pytest.raises(
        ValueError, match=r"--candidates mae: .* holds a network alone .*wanted an official file of MAE"
    ):
        kogen.landscape([], candidates={"mae": encoder}, **asked)
    torch.save({"state_dict": at("", resnet())}, tmp_path / "resnet.pth")
    with pytest.raises(ValueError, match=r"--candidates"):
        kogen.landscape([], candidates={"net": str(tmp_path / "resnet.pth")}, **asked)
    with pytest.raises(ValueError, match=r"--candidates .*nowhere.pth: "):
        kogen.landscape([], candidates={"mae": str(tmp_path / "nowhere.pth")}, **asked)
    _, method = make_method("mae")
    whole = f"{write_official(method, tmp_path / 'mae_full.pth')}?num_heads=3"
    with pytest.raises(ValueError, match="looked at under their own loss, --objective pretrain, got probe"):
        kogen.landscape([], candidates={"mae": whole}, objective="probe", **asked)
    with pytest.raises(ValueError, match="a trajectory needs checkpoints of a run"):
        kogen.landscape([], candidates={"mae": whole}, directions="trajectory", **asked)
    with pytest.raises(ValueError, match="got no runs: give the folder"):
        kogen.landscape([], **asked)
