"""What transformers opens: files read back by kogen alone, and compared with the real package where it is installed."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small import blobs, plan_for

import kogen
from kogen.backbones import make_backbone
from kogen.backbones._transformers_layout import as_dinov2, as_vit_mae
from kogen.backbones.published import published
from kogen.modules import masking
from kogen.modules.heads import Decoder
from kogen.training import transformers_export
from kogen.training.run import load_run, train_run
from kogen.training.transformers_export import export_transformers

VIT = "vit_tiny_patch16_224?embed_dim=48&depth=2&num_heads=3"
NETWORKS = {  # what transformers has a place for, and its class
    VIT: "Dinov2Model",
    f"{VIT}&norm_eps=0.001&qkv_bias=false": "Dinov2Model",
    f"{VIT}&init_values=0.1&mlp_ratio=2": "Dinov2Model",
    f"{VIT}&no_embed_class=true": "Dinov2Model",
    f"{VIT}&reg_tokens=2&no_embed_class=true": "Dinov2WithRegistersModel",
    f"{VIT}&reg_tokens=2&init_values=0.5": "Dinov2WithRegistersModel",
}
MISFITS = {
    "tiny?width=8": "is a ResNet",
    f"{VIT}&global_pool=avg": "has fc_norm.bias, which none there has",
    f"{VIT}&global_pool=avg&fc_norm=false": "pools by 'avg'",
    f"{VIT}&qk_norm=true": r"has blocks.0.attn.k_norm.bias, which none there has",
    f"{VIT}&pre_norm=true": "has norm_pre.bias, which none there has",
    f"{VIT}&class_token=false&global_pool=avg&fc_norm=false": "has no cls_token",
    f"{VIT}&patch_size=2,4": "has patches that are no squares",
    "vit_giant_patch14_dinov2?embed_dim=48&depth=1&num_heads=3": "has gates in its blocks",
    "vit_base_patch16_clip_quickgelu_224?embed_dim=48&depth=1&num_heads=3": "has norm_pre.bias, which none there has",
    f"{VIT}&mlp_ratio=2.5": "whole number of times as wide",
}


def written(method: str, folder: Path, channels: int = 3, **changes: Any) -> tuple[Path, str]:
    """A run and the lines of its export to folder/out; changed epsilons are found by the comparison alone."""
    images = blobs(channels=channels)
    plan = plan_for(images, method, **({"epochs": 1} | changes))
    train_run(plan.model_copy(update={"mean": (0.4,) * channels, "std": (0.3,) * channels}), images, folder / "run")
    return folder / "run", kogen.export(folder / "run", format="transformers", out=folder / "out")


def opened(folder: Path, **changes: Any) -> Any:
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install kogen[transformers]"
    )
    config = json.loads((folder / "config.json").read_text())
    kind = getattr(transformers, changes.pop("kind", config["architectures"][0]))
    model, loading = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, **changes)
    assert not loading["missing_keys"]
    assert not loading["mismatched_keys"]
    return model.eval()


def pixels(channels: int = 3, size: int = 16) -> torch.Tensor:
    return torch.randn(3, channels, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_a_vit_is_a_dinov2_whose_class_token_is_its_feature(name: str, tmp_path: Path):
    run, lines = written("random", tmp_path, backbone=name)
    assert f"from transformers import {NETWORKS[name]} as M" in lines
    model = opened(tmp_path / "out")
    wanted = load_run(run)[2](pixels())
    got = model(pixel_values=pixels()).last_hidden_state[:, 0]
    assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()
    assert "features differ by at most" in lines


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_the_files_come_back_into_kogen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Read by the reader of published layouts, which was written against files of others."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    run, lines = written("random", tmp_path, backbone=name)
    assert "not checked: transformers is not installed here" in lines
    again = published(file=str(tmp_path / "out" / "model.safetensors"), image_size=16)
    assert again.network.num_heads if hasattr(again.network, "num_heads") else True
    wanted, got = load_run(run)[2](pixels()), again.eval()(pixels())
    assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("method", ["mae", "rc_mae"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_masked_run_is_a_vit_mae_with_its_decoder(method: str, channels: int, tmp_path: Path):
    settings = {"width": 64, "depth": 2, "masked": 0.6}
    run, lines = written(method, tmp_path, channels, settings=settings, backbone=f"{VIT}&patch_size=4")
    assert "features and rebuilt patches differ by at most" in lines or "not checked" in lines
    with torch.inference_mode():
        wanted = load_run(run)[2](pixels(channels))
        encoder = opened(tmp_path / "out", kind="ViTMAEModel", mask_ratio=0.0)
        got = encoder(pixel_values=pixels(channels)).last_hidden_state[:, 0]
        assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()
        # The loss of transformers, which standardises patches too, is the method's own on the same visible patches.
        model, plan = opened(tmp_path / "out"), load_run(run)[1]
        decoder = transformers_export.load_decoder(run, plan, load_run(run)[2])
        assert isinstance(decoder, Decoder)
        noise = torch.rand(3, decoder.patches, generator=torch.Generator().manual_seed(2))
        shown = masking.visible_count(decoder.patches, 0.6)
        visible = noise.argsort(dim=1, stable=True)[:, :shown].sort(dim=1).values
        network = load_run(run)[2].network
        rebuilt = decoder(masking.encode_visible(network, pixels(channels), visible), visible)
        aims = masking.standardise_patches(masking.patchify(pixels(channels), decoder.patch))
        hidden = torch.ones(3, decoder.patches, dtype=torch.bool).scatter_(1, visible, False)
        loss = (rebuilt - aims).square().mean(dim=2)[hidden].mean()
        assert float(model(pixel_values=pixels(channels), noise=noise).loss) == pytest.approx(float(loss), rel=1e-5)


def test_a_masked_run_without_its_checkpoint_is_an_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run, _ = written("mae", tmp_path)
    (run / "checkpoint" / "state.safetensors").unlink()
    lines = export_transformers(run, tmp_path / "alone")
    assert "has no checkpoint any more, and with it no decoder" in " ".join(capsys.readouterr().err.split())
    assert json.loads((tmp_path / "alone" / "config.json").read_text())["architectures"] == ["ViTMAEModel"]
    assert "import ViTMAEModel" in lines
    assert not [name for name in load_file(tmp_path / "alone" / "model.safetensors") if name.startswith("decoder")]


@pytest.mark.parametrize("name", MISFITS)
def test_a_network_that_has_no_place_there_is_told_why(name: str):
    size = 28 if "patch14" in name else 32 if "2,4" in name else 16
    with pytest.raises(ValueError, match=MISFITS[name]):
        as_dinov2(make_backbone(name, 3, size).network)


@pytest.mark.parametrize(
    ("more", "message"), [("reg_tokens=1", "no register tokens"), ("init_values=1", "no layer scale")]
)
def test_vit_mae_has_less_than_dinov2(more: str, message: str):
    with pytest.raises(ValueError, match=message):
        as_vit_mae(make_backbone(f"{VIT}&{more}", 3, 16).network, {}, 0.75)


@pytest.mark.parametrize("error", [1e-3, float("nan")])
def test_a_difference_is_refused(error: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a library that computes something else: its features are ours with a small error, or are no numbers."""
    run, _ = written("random", tmp_path, backbone=VIT)
    backbone = load_run(run)[2]

    class Model:
        @classmethod
        def from_pretrained(cls, folder: Path, **options: Any) -> "Model":
            assert options == {"local_files_only": True}
            return cls()

        def eval(self) -> "Model":
            return self

        def __call__(self, pixel_values: torch.Tensor) -> Any:
            return SimpleNamespace(last_hidden_state=backbone(pixel_values)[:, None] + error)

    library = SimpleNamespace(Dinov2Model=Model, __version__="0")
    monkeypatch.setitem(sys.modules, "transformers", library)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"outputs of transformers differ from the run's by .* of the largest"):
        export_transformers(run, tmp_path / "out")


def test_the_folder_is_kogens_and_the_run_is_finished(tmp_path: Path):
    run, _ = written("random", tmp_path, backbone=VIT)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").write_bytes(b"somebody's")
    with pytest.raises(ValueError, match=r"holds files that kogen did not write \(model.safetensors\)"):
        kogen.export(run, format="transformers", out=tmp_path / "other")
    with pytest.raises(ValueError, match=r"--out weights.safetensors: transformers reads a folder; name one"):
        kogen.export(run, format="transformers")
    (run / "weights.safetensors").unlink()
    with pytest.raises(ValueError, match="has no weights yet: its training is not finished"):
        kogen.export(run, format="transformers", out=tmp_path / "more")


def test_the_images_are_prepared_as_kogen_does(tmp_path: Path):
    written("random", tmp_path, channels=1, backbone=VIT)
    found = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert (found["size"], found["resample"], found["do_rescale"]) == ({"height": 16, "width": 16}, 3, True)
    assert (found["image_mean"], found["image_std"]) == ([0.4], [0.3])
