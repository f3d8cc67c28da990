"""The methods' losses against lightly or their equations, value and gradient; their state against tables by hand."""

import lightly.loss
import pytest
import torch
import torch.nn.functional as F
from lightly.loss.swav_loss import sinkhorn as lightlys_sinkhorn
from small import NARROW, NETWORKS, blobs, plan_for

from kogen.common.rng import StepRng
from kogen.methods.barlow_twins import barlow_twins_terms
from kogen.methods.dino import distillation_loss, teacher_temperature
from kogen.methods.lejepa import epps_pulley, predict_and_spread, random_directions
from kogen.methods.moco_v3 import contrastive_loss
from kogen.methods.simsiam import negative_cosine
from kogen.methods.swav import sinkhorn
from kogen.methods.vicreg import vicreg_terms
from kogen.modules.heads import Prototypes
from kogen.modules.losses import info_nce
from kogen.modules.multicrop import take_local_crops
from kogen.modules.queue import Queue, StepBuffer
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.optimizers import parameter_groups

SIZES = [2, 3, 7, 64]


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def same(ours: torch.Tensor, theirs: torch.Tensor, *leaves: torch.Tensor) -> None:
    """Value and gradients equal to 1e-5, of the largest where they are large."""
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5, rel=1e-5)
    for mine, other in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves), strict=True):
        assert torch.allclose(mine, other, atol=1e-5 * max(other.abs().max().item(), 1)), (mine - other).abs().max()


def made(method: str, **settings: object):
    images = blobs(64)
    plan = plan_for(images, method, epochs=5, settings={**NARROW.get(method, {}), **settings})
    return build_method(plan), Batches(plan, images, torch.device("cpu"))


@pytest.mark.parametrize("size", [1, *SIZES])
def test_away_is_lightlys(size):
    first, second = draw(size, 16), draw(size, 16, seed=1)
    same(negative_cosine(first, second).mean(), lightly.loss.NegativeCosineSimilarity()(first, second.detach()), first)
    assert torch.autograd.grad(negative_cosine(first, second).mean(), second, allow_unused=True) == (None,)


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_info_nce_by_its_equation(size, temperature):
    query, key, queue = draw(size, 16), F.normalize(draw(size, 16, seed=1)), F.normalize(draw(5, 16, seed=2))
    total = torch.tensor(0.0)
    for q, k in zip(F.normalize(query), key, strict=True):
        others = torch.stack([(q @ k / temperature).exp(), *[(q @ old / temperature).exp() for old in queue]])
        total = total - ((q @ k / temperature).exp() / others.sum()).log()
    same(info_nce(query, key, queue, temperature).mean(), total / size, query)


def test_info_nce_is_lightlys_with_a_memory_bank():
    theirs = lightly.loss.NTXentLoss(temperature=0.2, memory_bank_size=(32, 16))
    query, key = draw(7, 16), draw(7, 16, seed=1).detach()
    bank = F.normalize(draw(32, 16, seed=2).detach())
    theirs.memory_bank(bank.clone(), update=True)
    same(info_nce(query, F.normalize(key), theirs.memory_bank.bank.clone(), 0.2).mean(), theirs(query, key), query)


@pytest.mark.parametrize("size", [1, *SIZES])
def test_contrast_by_its_equation(size):
    query, key = draw(size, 16), draw(size, 16, seed=1)
    q, k = F.normalize(query), F.normalize(key.detach())
    total = torch.tensor(0.0)
    for i in range(size):
        total = (
            total
            - ((q[i] @ k[i] / 0.2).exp() / torch.stack([(q[i] @ k[j] / 0.2).exp() for j in range(size)]).sum()).log()
        )
    same(contrastive_loss(query, key, 0.2), 0.4 * total / size, query)


# Of two rows every gradient is what rounding leaves of far larger terms that cancel: there lambda stays small.
@pytest.mark.parametrize(("size", "redundancy"), [(2, 5e-3), (3, 5e-3), (7, 5e-3), (64, 5e-3), (3, 1.0), (64, 1.0)])
def test_twins_is_lightlys(size, redundancy):
    first, second = draw(size, 16), draw(size, 16, seed=1)
    theirs = lightly.loss.BarlowTwinsLoss(lambda_param=redundancy)(first, second)
    same(torch.stack([*barlow_twins_terms(first, second, redundancy).values()]).sum(), theirs, first, second)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_vicreg_is_lightlys(size, scale):
    first, second = draw(size, 16), draw(size, 16, seed=1)
    ours = vicreg_terms(first * scale, second * scale)
    total = 25 * ours["invariance"] + 25 * ours["variance"] + ours["covariance"]
    same(total, lightly.loss.VICRegLoss()(first * scale, second * scale), first, second)


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize("views", [2, 5])
def test_distil_is_lightlys(size, views):
    students, teachers = [draw(size, 12, seed=i) for i in range(views)], [draw(size, 12, seed=9 + i) for i in range(2)]
    loss = lightly.loss.DINOLoss(output_dim=12)
    loss.center.copy_(draw(1, 1, 12, seed=99).detach())
    wanted = [F.softmax((t.detach() - loss.center[0, 0]) / 0.05, dim=1) for t in teachers]
    found = [F.log_softmax(s / 0.1, dim=1) for s in students]
    theirs = loss([t.detach() for t in teachers], students, teacher_temp=0.05)
    same((distillation_loss(wanted, found, 0) + distillation_loss(wanted, found, 1)).mean(), theirs, *students)


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_sinkhorn_is_lightlys(size, iterations):
    scores = draw(size, 12).detach().tanh()
    ours = sinkhorn(scores, 0.05, iterations)
    assert torch.allclose(ours, lightlys_sinkhorn(scores, iterations, 0.05), atol=1e-5)
    assert torch.allclose(ours.sum(1), torch.ones(size), atol=1e-5)


def test_sinkhorn_shares_out_equally():
    shares = sinkhorn(draw(60, 12).detach().tanh(), 0.05, 500)
    assert torch.allclose(shares.sum(0), torch.full((12,), 5.0), atol=1e-2)


def test_swav_is_lightlys_with_and_without_queue():
    method, loader = made("swav", queue=32, queue_from=0.0)
    theirs = lightly.loss.SwaVLoss()
    for step in range(3):
        views = loader.render_views(step, 0)
        features = [*method.projector(method.backbone(torch.cat(views.crops))).chunk(2)]
        old = [method.prototypes(queue.rows) for queue in method.queues] if step else None
        assert all(queue.full == bool(step) for queue in method.queues)
        wanted = theirs([method.prototypes(z) for z in features], [], old)
        views.progress = 0.5  # past the share in which prototypes stand still
        assert sum(method(views).values()).item() == pytest.approx(wanted.item(), abs=1e-5)
        method.update(0.5)


def test_queue_by_hand():
    queue = Queue(5, 1)
    tables = [[0, 1, None, None, None], [0, 1, 2, 3, None], [5, 1, 2, 3, 4], [5, 6, 7, 3, 4], [10, 11, 12, 8, 9]]
    start = queue.rows.clone()
    for first, count, table in zip((0, 2, 4, 6, 8), (2, 2, 2, 2, 5), tables, strict=True):
        queue.push(torch.arange(first, first + count).float()[:, None])
        wanted = [start[i].item() if value is None else value for i, value in enumerate(table)]
        assert queue.rows[:, 0].tolist() == wanted
        assert queue.full == (first >= 4)
    queue.push(torch.arange(20, 27).float()[:, None])
    assert sorted(queue.rows[:, 0].tolist()) == [22, 23, 24, 25, 26]


def test_notes_keep_the_order_of_the_batch_and_one_step():
    notes, one = StepBuffer(), torch.ones(1)
    for start, place in ((4, 1), (4, 0), (0, 1), (0, 0), (0, 0)):
        notes.put(StepRng(0, 3, 8, start, start + 4), one * (10 * place + start), place)
    assert [rows.item() for rows in notes.take(1)] == [10, 14]
    assert [rows.item() for rows in notes.take(0)] == [0, 4]
    assert notes.take() == []
    notes.put(StepRng(0, 3, 8), one)
    notes.put(StepRng(0, 4, 8), one * 2)
    assert [rows.item() for rows in notes.take()] == [2]


def test_moco_enqueues_after_the_step_the_keys_of_its_teacher():
    method, loader = made("moco_v2", momentum=0.9, queue=4096)
    assert method.queue.rows.shape == (64, 128)  # never more than there are images
    for step in range(5):
        views = loader.render_views(step, 0)
        with torch.no_grad():
            keys = [F.normalize(method.target(x), dim=1) for x in (views.crops[1], views.crops[0])]
        before = method.queue.rows.clone()
        method(views)
        method(views)  # asked twice, noted once
        assert torch.equal(method.queue.rows, before)
        method.projector[0].weight.data += 1
        old = method.target[1][0].weight.clone()
        method.update(0.2 * step)
        assert torch.allclose(method.queue.rows, torch.cat(keys), atol=1e-6)  # 2 x 32 keys fill it
        assert torch.allclose(method.target[1][0].weight, 0.9 * old + 0.1 * method.projector[0].weight, atol=1e-6)


def test_moco_may_ask_with_one_view():
    method, loader = made("moco_v2", symmetric=False)
    assert set(method(loader.render_views(0, 0))) == {"first"}
    method.update(0.5)
    assert int(method.queue.written) == 32


def test_dinos_centre_and_temperature_by_hand():
    method, loader = made("dino", centring=0.9)
    centre = torch.zeros(64)
    for step in range(5):
        views = loader.render_views(step, 0)
        with torch.no_grad():
            batch = method.target(torch.cat(views.crops)).mean(0)
        method(views)
        assert torch.allclose(method.centre, centre, atol=1e-6)  # not before the step
        method.update(0.2)
        centre = 0.9 * centre + 0.1 * batch
        assert torch.allclose(method.centre, centre, atol=1e-6)
    table = {0.0: 0.04, 0.025: 0.0475, 0.05: 0.055, 0.1: 0.07, 0.9: 0.07}
    for progress, wanted in table.items():
        assert teacher_temperature(progress, 0.04, 0.07, 0.1) == pytest.approx(wanted, abs=1e-12)
    assert method.floor == pytest.approx(4.158883, abs=1e-6)  # ln 64
    assert method.evaluation_backbone() is method.target[0]


@pytest.mark.parametrize("name", ["dino", "swav"])
def test_prototypes_stand_still_at_first(name):
    method, loader = made(name)
    for progress, moves in ((0.0, False), (0.02, True)):
        views = loader.render_views(0, 0)
        views.progress = progress
        method.zero_grad()
        sum(method(views).values()).backward()
        assert (method.prototypes.weight.grad.abs().sum() > 0) == moves


def test_prototypes_have_length_one():
    layer, x = Prototypes(8, 5), draw(3, 8)
    assert torch.allclose(layer(x), F.cosine_similarity(x[:, None], layer.weight[None], dim=2), atol=1e-6)
    method, _ = made("swav")
    method.prototypes.weight.data *= 3
    method.update(0.0)
    assert torch.allclose(method.prototypes.weight.norm(dim=1), torch.ones(16))


@pytest.mark.parametrize("name", ["dino", "swav"])
def test_local_crops_are_small_and_only_guessed_from(name):
    method, loader = made(name, local_crops=3)
    views = loader.render_views(0, 0)
    assert [tuple(x.shape[-2:]) for x in views.crops] == [(16, 16)] * 2 + [(6, 6)] * 3
    assert not torch.equal(views.crops[2], views.crops[3])
    assert set(method(views)) == {"first", "second"}


@pytest.mark.parametrize("name", ["deepcluster_v2", "dino", "lejepa", "obow", "sela_v2", "swav"])
@pytest.mark.parametrize("size", [16, 32])
def test_a_vit_takes_local_crops(name, size):
    images = blobs(64, size=size)
    settings = {**NARROW[name], "local_crops": 2}
    plan = plan_for(images, name, backbone=NETWORKS["vit"], image_size=size, settings=settings)
    method, loader = build_method(plan), Batches(plan, images, torch.device("cpu"))
    views = loader.render_views(0, 0)
    assert [x.shape[-1] for x in views.crops] == [size] * 2 + [6 if size == 16 else 12] * 2
    sum(method(views).values()).backward()
    assert method.backbone.network.pos_embed.grad is not None


def test_whole_views_are_the_same_to_a_vit_that_takes_local_crops():
    plan = plan_for(blobs(), "byol", backbone=NETWORKS["vit"])
    backbone, images = build_method(plan).backbone.eval(), draw(3, 3, 16, 16)
    before = backbone(images)
    take_local_crops(backbone, 2, "dino")
    assert torch.equal(backbone(images), before)
    assert not backbone.training


@pytest.mark.parametrize(
    ("backbone", "size", "got"),
    [
        ("swin_tiny_patch4_window7_224?depths=(1,1)&num_heads=(2,2)&embed_dim=16", 224, "SwinTransformer"),
        (NETWORKS["vit"] + "&patch_size=8", 32, "VisionTransformer was built for 32 .*divisible by patch size"),
    ],
)
def test_a_network_of_one_size_refuses_local_crops(backbone, size, got):
    plan = plan_for(blobs(8), "swav", backbone=backbone, image_size=size, settings={"local_crops": 1})
    with pytest.raises(ValueError, match=rf"swav: local_crops=1 are .* pixels, and {got}.*leave local_crops at 0"):
        build_method(plan)


def test_simsiams_predictor_keeps_its_rate():
    method, _ = made("simsiam")
    found = parameter_groups(method, 0.1, method.recipe.constant)
    steady = {id(p) for group in found if group["constant"] for p in group["params"]}
    assert steady == {id(p) for p in method.predictor.parameters()}
    assert sum(len(group["params"]) for group in found) == len([*method.parameters()])


def test_moco_v3_freezes_the_patches_of_a_vit():
    vit = "vit_tiny_patch16_224?embed_dim=24&depth=1&num_heads=2"
    for freeze in (True, False):
        plan = plan_for(blobs(), "moco_v3", backbone=vit, settings={**NARROW["moco_v3"], "freeze_patches": freeze})
        patches = build_method(plan).backbone.network.patch_embed
        assert all(p.requires_grad != freeze for p in patches.parameters())


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize("crops", [3, 6])
def test_lejepa_is_lightlys(size, crops, monkeypatch):
    sketch, views = random_directions(StepRng(0, 3, size), 16, 32), [draw(size, 16, seed=i) for i in range(crops)]
    monkeypatch.setattr(torch, "randn", lambda *shape, **_: sketch.clone())  # lightly draws its own directions
    theirs = lightly.loss.LeJEPALoss(sigreg_num_vectors=32)
    wanted = theirs(global_proj=torch.stack(views[:2]), local_proj=torch.stack(views[2:]))
    prediction, gaussian = predict_and_spread(views, sketch, 17, 3.0)
    same(0.95 * prediction + 0.05 * gaussian, wanted, *views)


def test_a_gaussian_is_nearer_to_normal_than_what_is_wider_or_collapsed():
    sketch = random_directions(StepRng(0, 0, 512), 8, 64)
    normal = draw(512, 8).detach()
    far = [epps_pulley(x @ sketch, 17, 3.0).item() for x in (normal, 2 * normal, 0 * normal, normal + 1)]
    assert far[0] < 2 < 20 < min(far[1:])
    assert not torch.equal(sketch, random_directions(StepRng(0, 1, 512), 8, 64))  # new ones every step
