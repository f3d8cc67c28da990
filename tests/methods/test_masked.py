"""MAE and RC-MAE: patches, positions, masks and losses against slow twins; the encoder is timm's own network."""

import math

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from small import NARROW, NETWORKS, blobs, plan_for

from kogen.augmentation.views import StepRng
from kogen.data.images import Images, from_array
from kogen.modules.heads import Decoder
from kogen.modules.losses import masked_mse
from kogen.modules.masking import (
    encode_visible,
    patchify,
    prepare_vit,
    sample_visible,
    sincos_positions,
    standardise_patches,
    visible_count,
)
from kogen.training.batches import Batches
from kogen.training.build import build_method, save_weights
from kogen.training.export import export_run
from kogen.training.loop import pretrain
from kogen.training.run import train_run

BOTH = ["mae", "rc_mae"]
SHAPES = [
    (2, 3, 8, 8, 2),
    (1, 1, 9, 7, 3),
    (3, 2, 5, 5, 2),
    (2, 1, 4, 4, 1),
]  # B, C, H, W, patch; 5 is no multiple of 2


def made(method: str, **changes):
    images = blobs(32, size=changes.pop("size", 16), channels=changes.pop("channels", 3))
    plan = plan_for(images, method, settings={**NARROW[method], **changes.pop("settings", {})}, **changes)
    return build_method(plan), Batches(plan, images, torch.device("cpu")).render_views(0, 0)


def slow_patches(images: torch.Tensor, p: int) -> torch.Tensor:
    rows = []
    for image in images:
        _, height, width = image.shape
        cut = [(y, x) for y in range(0, height - p + 1, p) for x in range(0, width - p + 1, p)]
        rows.append(torch.stack([image[:, y : y + p, x : x + p].flatten() for y, x in cut]))
    return torch.stack(rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_patches_are_those_cut_by_hand(shape):
    images = torch.randn(shape[:4], generator=torch.Generator().manual_seed(0))
    assert torch.equal(patchify(images, (shape[4], shape[4])), slow_patches(images, shape[4]))


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_patches_fit_together_to_the_image(channels, rows, columns, high, wide):
    size = (rows * high, columns * wide)
    images = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(rows))
    whole = F.fold(patchify(images, (high, wide)).transpose(1, 2), size, (high, wide), stride=(high, wide))
    assert torch.equal(whole, images)


def test_patches_are_in_the_order_of_timms():
    network = timm.create_model("vit_tiny_patch16_224", img_size=12, patch_size=4, num_classes=0)
    images = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    convolution = network.patch_embed.proj
    ours = patchify(images, (4, 4)) @ convolution.weight.flatten(1).T + convolution.bias
    assert torch.allclose(ours, network.patch_embed(images), atol=1e-5)


def test_positions_by_hand():
    table = sincos_positions((2, 3), 8)  # two frequencies an axis: 1 and 10000^(-1/2) = 0.01
    assert table.shape == (6, 8)
    for place in range(6):
        row, column = divmod(place, 3)
        wanted = []
        for at in (row, column):
            wanted += [math.sin(at), math.sin(at * 0.01), math.cos(at), math.cos(at * 0.01)]
        assert table[place].tolist() == pytest.approx(wanted, abs=1e-7)
    with pytest.raises(ValueError, match="a width that is a multiple of 4, got 6: choose another width"):
        sincos_positions((2, 2), 6)


@given(st.integers(0, 2**32), st.integers(0, 10**6), st.integers(2, 40), st.floats(0.1, 0.9))
def test_a_mask_is_a_share_of_places_that_luck_alone_decides(seed, step, patches, masked):
    shown = math.floor(patches * (1 - masked))
    if not 0 < shown < patches:
        return
    assert visible_count(patches, masked) == shown
    visible = sample_visible(StepRng(seed, step, 6), patches, shown)
    assert visible.shape == (6, shown)
    assert (visible.diff(dim=1) > 0).all()  # increasing: no place twice
    assert 0 <= int(visible.min()) <= int(visible.max()) < patches
    parts = [sample_visible(StepRng(seed, step, 6).part(low, low + 3), patches, shown) for low in (0, 3)]
    assert torch.equal(torch.cat(parts), visible)


@pytest.mark.parametrize(
    ("patches", "masked", "shown"), [(49, 0.6, 19), (196, 0.75, 49), (64, 0.75, 16), (9, 0.5, 4), (10, 0.9, 0)]
)
def test_as_many_patches_stay_visible_as_in_the_authors_code(patches, masked, shown):
    if shown:
        assert visible_count(patches, masked) == shown
    else:  # 10 * (1 - .9) is a little under 1
        with pytest.raises(ValueError, match=r"masked=0.9 leaves 0 of 10 patches visible"):
            visible_count(patches, masked)


def test_patches_of_one_value_have_nothing_to_rebuild():
    gray = blobs(8, size=8, channels=1)
    with pytest.raises(ValueError, match="patches of one value have no pattern to rebuild: give larger patches"):
        build_method(plan_for(gray, "mae", image_size=8, settings=NARROW["mae"]))


def test_masks_differ_and_are_fair():
    visible = sample_visible(StepRng(0, 0, 4000), 16, 4)
    assert len({tuple(row) for row in visible.tolist()}) > 1000  # of 1820
    counts = visible.flatten().bincount(minlength=16)  # binomial, mean 1000, sd 27
    assert (counts - 1000).abs().max() < 5 * 27
    assert not torch.equal(visible, sample_visible(StepRng(0, 1, 4000), 16, 4))


@pytest.mark.parametrize(("masked", "left"), [(0.0, 64), (1.0, 0), (0.999, 0)])
def test_a_mask_hides_some_and_shows_some(masked, left):
    with pytest.raises(ValueError, match=f"masked={masked} leaves {left} of 64 patches visible, wanted some"):
        visible_count(64, masked)


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_the_loss_is_that_of_its_equation(shape):
    """Patch by patch and value by value; value and gradient."""
    generator = torch.Generator().manual_seed(shape[2])
    images = torch.randn(shape[:4], generator=generator)
    cut = slow_patches(images, shape[4])  # (B, N, K)
    predicted = torch.randn(cut.shape, generator=generator).requires_grad_()
    visible = sample_visible(StepRng(0, 0, shape[0]), cut.shape[1], cut.shape[1] // 2)
    losses = []
    for b in range(shape[0]):
        errors = []
        for n in set(range(cut.shape[1])) - set(visible[b].tolist()):
            values = cut[b, n].tolist()
            mean = sum(values) / len(values)
            var = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
            wanted = [(v - mean) / math.sqrt(var + 1e-6) for v in values]
            errors.append(sum((predicted[b, n, k] - wanted[k]) ** 2 for k in range(len(values))) / len(values))
        losses.append(torch.stack(errors).mean())
    theirs = torch.stack(losses)
    ours = masked_mse(predicted, standardise_patches(patchify(images, (shape[4], shape[4]))), visible)
    assert torch.allclose(ours, theirs, atol=1e-5)
    mine, other = (torch.autograd.grad(loss.mean(), predicted)[0] for loss in (ours, theirs))
    assert torch.allclose(mine, other, atol=1e-5)
    assert (mine.gather(1, visible[:, :, None].expand(-1, -1, cut.shape[2])) == 0).all()  # visible ones do not count


def test_a_mean_gray_patch_has_the_loss_called_stuck():
    wanted = standardise_patches(patchify(torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), (4, 4)))
    gray = masked_mse(torch.zeros_like(wanted), wanted, torch.zeros(4, 1, dtype=torch.int64))
    module, _ = made("mae", backbone=NETWORKS["vit"] + "&patch_size=4")
    assert module.floor == pytest.approx(1 - 1 / 48)
    assert gray.tolist() == pytest.approx([module.floor] * 4, rel=1e-4)


def test_an_image_of_one_colour_gives_no_nan():
    assert (standardise_patches(torch.full((1, 4, 3), 0.7)).abs() < 1e-3).all()


@pytest.mark.parametrize(
    "extra", ["", "&global_pool=avg", "&reg_tokens=2", "&no_embed_class=True", "&class_token=False"]
)
def test_with_nothing_hidden_the_encoder_is_the_whole_network(extra):
    if "class_token" in extra:
        extra += "&global_pool=avg"
    plan = plan_for(blobs(), "random", backbone=NETWORKS["vit"] + extra)
    network = prepare_vit(build_method(plan).backbone.network, "mae")
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    everything = torch.arange(network.patch_embed.num_patches).expand(3, -1)
    wanted = network.fc_norm(network.forward_features(images))
    assert torch.allclose(encode_visible(network, images, everything), wanted, atol=1e-6)


def test_the_encoder_does_not_see_what_is_hidden():
    module, views = made("mae")
    visible = module.losses(views) and sample_visible(views.rng, 64, module.shown)
    changed = views.crops[0].clone()
    places = torch.ones(32, 64).scatter(1, visible, 0.0)  # 1 where hidden
    changed += 5 * places.reshape(32, 1, 8, 8).repeat_interleave(2, 2).repeat_interleave(2, 3)
    first, second = (encode_visible(module.backbone.network, x, visible) for x in (views.crops[0], changed))
    assert torch.equal(first, second)


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(("size", "channels"), [(32, 3), (32, 1), (64, 3)])
def test_small_and_gray_images(method, size, channels):
    module, views = made(method, size=size, channels=channels, image_size=size)
    assert len(views.crops) == 1
    assert module.decoder.patches == 64
    terms = module(views)
    sum(terms.values()).backward()
    for name, parameter in module.named_parameters():
        asked = parameter.requires_grad
        assert asked == (parameter.grad is not None), name  # nothing is left out, nothing fixed is moved
        assert asked == (not name.startswith("target") and not name.endswith("pos_embed")), name


def test_vit_base_224_loads_into_plain_timm(tmp_path):
    plan = plan_for(blobs(2, size=8), "mae", backbone="vit_base_patch16_224?depth=2", image_size=224)
    module = build_method(plan)
    assert (module.decoder.patches, module.shown, module.decoder.patch) == (196, 49, (16, 16))
    with torch.no_grad():
        module.backbone.network.cls_token.add_(0.1)
    save_weights(module.evaluation_backbone(), tmp_path / "weights.safetensors")
    plain = timm.create_model("vit_base_patch16_224", num_classes=0, depth=2)
    plain.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(plain.eval()(images), module.backbone.eval()(images))
    names = {key for key in timm.create_model("vit_base_patch16_224").state_dict() if "head" not in key}
    deep = {key for key in names if not key.startswith("blocks") or int(key.split(".")[1]) < 2}
    assert set(module.backbone.network.state_dict()) == deep


@pytest.mark.parametrize("method", BOTH)
def test_positions_are_fixed_all_through(method, tmp_path):
    images = blobs(32)
    plan = plan_for(images, method, settings={**NARROW[method], "rate": 0.05})
    list(pretrain(plan, images, tmp_path))
    state = load_file(tmp_path / "checkpoint" / "state.safetensors")
    fixed = [
        value for key, value in state.items() if key.endswith("network.pos_embed") or key.endswith("inner.pos_embed")
    ]
    assert len(fixed) == len(BOTH[: BOTH.index(method) + 1])  # a teacher has its own
    for value in fixed:
        assert torch.equal(value[0, 1:], sincos_positions((8, 8), 48))
        assert (value[0, 0] == 0).all()


@pytest.mark.parametrize(
    ("method", "judged"), [("mae", "method.backbone.inner."), ("rc_mae", "method.target.0.inner.")]
)
def test_a_run_exports_the_network_that_is_judged(method, judged, tmp_path):
    images = blobs(32)
    train_run(plan_for(images, method, settings={**NARROW[method], "rate": 0.05}), images, tmp_path / "run")
    line = export_run(tmp_path / "run", tmp_path / "out.safetensors")  # compares the features with plain timm's
    assert line.startswith("import timm")
    state, out = (load_file(tmp_path / name) for name in ("run/checkpoint/state.safetensors", "out.safetensors"))
    assert torch.equal(out["pos_embed"][0, 1:], sincos_positions((8, 8), 48))
    for key, value in out.items():
        assert torch.equal(value, state[judged + key]), key


def test_rc_mae_agrees_with_its_teacher_on_the_same_hidden_patches():
    module, views = made("rc_mae", settings={"consistency": 0.5})
    terms = module(views)
    assert terms["teacher"].item() == 0.0  # the teacher is the student still, and sees the same
    with torch.no_grad():
        for parameter in module.decoder.parameters():
            parameter.add_(0.01)
    targets = module.make_targets(views)
    assert not targets.requires_grad
    visible = module.visible_patches(views)
    predicted = module.decoder(encode_visible(module.backbone.network, views.crops[0], visible), visible)
    hidden = torch.ones(32, 64).scatter(1, visible, 0.0).bool()
    terms = module(views)
    assert terms["teacher"].item() == pytest.approx(
        0.5 * F.mse_loss(predicted[hidden], targets[hidden]).item(), abs=1e-6
    )
    wanted = standardise_patches(patchify(views.crops[0], (2, 2)))
    assert terms["pixels"].item() == pytest.approx(F.mse_loss(predicted[hidden], wanted[hidden]).item(), abs=1e-6)


def test_rc_maes_teacher_follows_encoder_and_decoder():
    module, _ = made("rc_mae", settings={"momentum": 0.9})
    teacher, student = module.target, [module.backbone, module.decoder]
    pairs = [(teacher[0].inner.cls_token, student[0].inner.cls_token), (teacher[1].mask_token, student[1].mask_token)]
    by_hand = [theirs[0, 0, 0].item() for theirs, _ in pairs]
    for step in range(1, 6):
        momentum = 1 - (1 - 0.9) * (math.cos(math.pi * step / 5) + 1) / 2
        for place, (_, mine) in enumerate(pairs):
            mine.data += 1.0
            by_hand[place] = momentum * by_hand[place] + (1 - momentum) * mine[0, 0, 0].item()
        module.update(step / 5)
        assert [theirs[0, 0, 0].item() for theirs, _ in pairs] == pytest.approx(by_hand, abs=1e-6)
    assert module.evaluation_backbone() is teacher[0]
    assert momentum == 1.0


def ramps(count: int) -> Images:
    """Images that grow brighter in a direction of their own: what is hidden follows from what is seen."""
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, count)
    y, x = np.mgrid[-1:1:16j, -1:1:16j]
    grown = np.cos(angles)[:, None, None] * x + np.sin(angles)[:, None, None] * y  # (N, 16, 16)
    return from_array((128 + 80 * grown)[:, None].repeat(3, axis=1).astype(np.uint8), None, (), name="ramps")


@pytest.mark.parametrize("method", BOTH)
def test_it_learns_what_is_hidden(method, tmp_path):
    """The loss falls well under 1, the loss of a mean gray patch."""
    images, backbone = ramps(64), NETWORKS["vit"] + "&patch_size=4"
    settings = {"width": 32, "depth": 1, "rate": 0.04, "warmup": 0.1}
    plan = plan_for(images, method, backbone=backbone, epochs=20, settings=settings)
    last = [epoch.terms for epoch in pretrain(plan, images, tmp_path)][-1]
    assert last["pixels"] < 0.7, last


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize(
    ("backbone", "got"),
    [
        ("tiny?width=8", "ResNet: use --backbone vit_tiny_patch16_224"),
        ("vit_tiny_patch16_224?embed_dim=48&depth=1&num_heads=3&global_pool=map", "VisionTransformer with PatchEmbed"),
    ],
)
def test_other_networks_are_refused(method, backbone, got):
    with pytest.raises(ValueError, match=f"{method} hides patches of an image and needs a plain Vision .* got {got}"):
        build_method(plan_for(blobs(), method, backbone=backbone))


def test_a_decoder_has_whole_heads():
    network = prepare_vit(build_method(plan_for(blobs(), "mae", settings=NARROW["mae"])).backbone.network, "mae")
    with pytest.raises(ValueError, match="heads of 32 values, got a width of 48: use a multiple of 32"):
        Decoder(network, 48, 1)
