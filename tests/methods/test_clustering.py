"""PCL, OBoW, DeepCluster-v2 and SeLa-v2: losses against their equations, memories and clusters against slow twins."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from lightly.loss.swav_loss import sinkhorn as lightlys_sinkhorn
from safetensors.torch import load_file
from scipy.optimize import linear_sum_assignment
from small import NARROW, NETWORKS, blobs, plan_for
from torch import Tensor, nn

from kogen.common.rng import StepRng
from kogen.methods.obow import (
    OBoW,
    bag_of_words,
    drop_border,
    feature_maps,
    predict_words,
    sample_feature,
    word_distances,
)
from kogen.methods.pcl import concentrations
from kogen.methods.sela_v2 import assign_balanced
from kogen.modules import clustering
from kogen.modules.clustering import MemoryBank, cluster_sums, kmeans, masked_cross_entropy
from kogen.modules.losses import info_nce
from kogen.training.batches import Batches
from kogen.training.build import build_backbone, build_method
from kogen.training.loop import Stopped, pretrain

SIZES = [1, 2, 3, 7, 64]
METHODS = ["deepcluster_v2", "obow", "pcl", "sela_v2"]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def units(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(draw(*shape, seed=seed), dim=-1)


def some_labels(size: int, count: int) -> Tensor:
    """Labels of which each third is unknown, the first one is not."""
    labels = torch.arange(size) * 5 % count
    return torch.where(torch.arange(size) % 3 == 1, -1, labels)


def same(ours: Tensor, theirs: Tensor, *leaves: Tensor) -> None:
    """Value and gradients equal to 1e-5, of the largest where they are large."""
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5, rel=1e-5)
    for mine, other in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves), strict=True):
        assert torch.allclose(mine, other, atol=1e-5 * max(other.abs().max().item(), 1)), (mine - other).abs().max()


def made(method: str, **chosen: object):
    images = blobs(64)
    plan = plan_for(images, method, epochs=5, settings={**NARROW.get(method, {}), **chosen})
    return build_method(plan), Batches(plan, images, torch.device("cpu"))


def twin_kmeans(rows: Tensor, count: int, generator: torch.Generator, iterations: int) -> tuple[Tensor, list[int]]:
    """k-means image by image and cluster by cluster, in double precision."""
    points = [row.double() for row in rows]
    centroids = [points[i] for i in torch.randperm(len(points), generator=generator)[:count].tolist()]

    def nearest(point: Tensor) -> tuple[int, float]:
        cosines = [(point @ c).item() for c in centroids]
        best = max(cosines)
        return cosines.index(best), best

    for _ in range(iterations):
        found = [nearest(point) for point in points]
        far = iter(sorted(range(len(points)), key=lambda i: found[i][1]))
        new = []
        for cluster in range(count):
            mine = [point for point, (label, _) in zip(points, found, strict=True) if label == cluster]
            centre = torch.stack(mine).sum(0) if mine else points[next(far)]
            new.append(centre / centre.norm())
        centroids = new
    return torch.stack(centroids), [nearest(point)[0] for point in points]


@pytest.mark.parametrize(("size", "count"), [(1, 1), (5, 5), (40, 3), (97, 12)])
@pytest.mark.parametrize("iterations", [0, 1, 10])
def test_kmeans_is_its_slow_twin(size, count, iterations, monkeypatch):
    monkeypatch.setattr(clustering, "CHUNK_ROWS", 16)  # the last part is a short one
    rows = units(size, 6)
    found, labels = kmeans(rows, count, torch.Generator().manual_seed(3), iterations)
    wanted, theirs = twin_kmeans(rows, count, torch.Generator().manual_seed(3), iterations)
    assert torch.allclose(found.double(), wanted, atol=1e-5)
    assert labels.tolist() == theirs


def test_clusters_without_rows_start_anew_from_the_farthest_rows():
    rows = F.normalize(torch.cat([torch.eye(4)[:1].repeat(20, 1), torch.eye(4)[1:] + 0.1]), dim=1)  # 20 alike, 3 others
    for seed in range(5):
        found, labels = kmeans(rows, 4, torch.Generator().manual_seed(seed))
        assert len(labels.unique()) == 4
        assert (rows * found[labels]).sum(1) == pytest.approx(1, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 2**31))
def test_kmeans_gives_unit_centroids_and_the_nearest_of_them(size, count, seed):
    rows = F.normalize(torch.randn(size + count, 5, generator=torch.Generator().manual_seed(seed)), dim=1)
    found, labels = kmeans(rows, count, torch.Generator().manual_seed(seed))
    again, _ = kmeans(rows, count, torch.Generator().manual_seed(seed))
    assert torch.equal(found, again)
    assert found.norm(dim=1) == pytest.approx(1, abs=1e-5)
    chosen = (rows * found[labels]).sum(1)
    assert (chosen >= (rows @ found.T).amax(1) - 1e-6).all()


def test_kmeans_needs_as_many_rows_as_clusters():
    with pytest.raises(ValueError, match="3 rows are fewer than 4 clusters: ask for fewer clusters or give more rows"):
        kmeans(units(3, 2), 4, torch.Generator())


@pytest.mark.parametrize("size", SIZES)
def test_sums_of_each_label(size):
    rows, labels = draw(size, 3), torch.arange(size) * 7 % 5
    sums, sizes = cluster_sums(rows, labels, 6)
    assert torch.allclose(sums, torch.zeros(6, 3).index_add_(0, labels, rows), atol=1e-5)
    assert sizes.tolist() == [(labels == label).sum().item() for label in range(6)]


def test_bank_by_hand():
    bank, table = MemoryBank(10, 2, views=2), torch.zeros(2, 10, 2)
    passed = []
    for step in range(5):
        order = (torch.arange(4) + 4 * step) * 3 % 10
        rows = draw(2, 4, 2, seed=step)
        for start in (2, 0, 2):  # micro-batches in any order, one of them twice
            rng = StepRng(7, step, 4).part(start, start + 2)
            bank.buffer_features(rng, order[start : start + 2], [*rows[:, start : start + 2]])
        assert torch.equal(bank.rows, table)  # not before the step
        passed.append(bank.write_rows())
        table[:, order] = rows
        assert torch.equal(bank.rows, table)
        assert torch.equal(bank.seen_mask(0), table[0].any(1))
    assert passed == [False, False, True, False, True]  # 4, 8, 12, 16, 20 of ten images
    assert not MemoryBank(10, 2).write_rows()


def test_bank_without_a_number_of_images_has_a_place_for_each():
    bank = MemoryBank(0, 2)
    assert bank.row_indices(torch.tensor([0, clustering.DEFAULT_ROWS + 3])).tolist() == [0, 3]
    assert (clustering.cluster_count(512, 0), clustering.cluster_count(512, 96), clustering.cluster_count(16, 96)) == (
        512,
        24,
        16,
    )
    assert clustering.cluster_count(16, 3) == 1


def twin_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    total = torch.tensor(0.0)
    for row, label in zip(logits, labels.tolist(), strict=True):
        if label >= 0:
            total = total - (row[label].exp() / row.exp().sum()).log()
    return total / len(logits)


@pytest.mark.parametrize("size", SIZES)
def test_classify_by_its_equation(size):
    z, centroids, labels = units(size, 8).requires_grad_(), units(6, 8, seed=1), some_labels(size, 6)
    logits = torch.stack([torch.stack([(z[i] @ c) / 0.1 for c in centroids]) for i in range(size)])
    same(clustering.centroid_cross_entropy(z, centroids, 0.1, labels), twin_cross_entropy(logits, labels), z)


def test_labels_that_are_not_known_give_no_loss_and_no_gradient():
    logits = draw(5, 3).requires_grad_()
    loss = masked_cross_entropy(logits, torch.full((5,), -1))
    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, logits)[0], torch.zeros(5, 3))


@pytest.mark.parametrize("size", SIZES)
def test_pcls_loss_by_its_equation(size):
    leaf, key, queue = units(size, 8).requires_grad_(), units(size, 8, seed=1), units(5, 8, seed=2)
    query = F.normalize(leaf, dim=1)
    centroids, phi, labels = units(6, 8, seed=3), 0.1 + draw(6, seed=4).abs(), some_labels(size, 6)
    instance, prototype = torch.tensor(0.0), torch.tensor(0.0)
    for i in range(size):
        others = sum((query[i] @ old / 0.2).exp() for old in queue)
        own = (query[i] @ key[i] / 0.2).exp()
        instance = instance - (own / (own + others)).log() / size
        if labels[i] >= 0:
            shares = [(query[i] @ c / p).exp() for c, p in zip(centroids, phi, strict=True)]
            prototype = prototype - (shares[labels[i]] / sum(shares)).log() / size
    query = F.normalize(leaf)
    ours = info_nce(query, key, queue, 0.2).mean() + clustering.centroid_cross_entropy(query, centroids, phi, labels)
    same(ours, instance + prototype, leaf)


def test_concentrations_by_hand():
    centroids = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    rows = torch.tensor([[1.0, 0.3], [1.0, -0.1], [0.5, 1.0], [0.0, 1.5], [0.0, 1.1], [-1.0, 0.0]])
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    first = (0.3 + 0.1) / (2 * math.log(2 + 10))  # eq. 12
    second = (0.5 + 0.5 + 0.1) / (3 * math.log(3 + 10))
    raw = np.array([first, second, max(first, second), max(first, second)])  # of one image, of none
    raw = raw.clip(*np.quantile(raw, [0.1, 0.9]))
    found = concentrations(rows, centroids, labels, 10.0, 0.2)
    assert found.numpy() == pytest.approx(0.2 * raw / raw.mean(), rel=1e-5)
    assert found.mean().item() == pytest.approx(0.2, rel=1e-6)
    alike = concentrations(centroids, centroids, torch.arange(4), 10.0, 0.2)  # no spread anywhere
    assert alike == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_concentrations_are_their_slow_twin(seed):
    """As salesforce/PCL describes them: lone rows, here far from their centroids, do not say how wide a cluster is."""
    rows, centroids = units(60, 4, seed=seed).double(), units(12, 4, seed=seed + 50).double()
    labels = torch.cat([torch.arange(6), torch.arange(54) % 5 + 7])  # clusters 0 to 5 have one row, 6 none
    distance = [(rows[i] - centroids[labels[i]]).norm().item() for i in range(60)]
    raw = np.zeros(12)
    for cluster in range(12):
        mine = [d for d, label in zip(distance, labels.tolist(), strict=True) if label == cluster]
        raw[cluster] = np.mean(mine) / np.log(len(mine) + 10) if len(mine) > 1 else 0
    raw[:7] = raw.max()
    raw = raw.clip(np.percentile(raw, 10), np.percentile(raw, 90))
    found = concentrations(rows, centroids, labels, 10.0, 0.2)
    assert found.dtype == torch.float64
    assert found.numpy() == pytest.approx(0.2 * raw / raw.mean(), rel=1e-12)


@pytest.mark.parametrize("size", [6, 60, 6000])
def test_labels_shared_out_are_lightlys_shares(size):
    scores = draw(size, 6).tanh()
    shares = lightlys_sinkhorn(scores, 20, 0.05)
    assert (assign_balanced(scores, 0.05, 20) == shares.argmax(1)).float().mean() > 0.999  # of 6000 two may be a tie


def test_labels_are_shared_out_as_the_best_assignment_does():
    scores = draw(60, 6).tanh()
    labels = assign_balanced(scores, 0.02, 1000)
    rows, places = linear_sum_assignment(-scores.repeat_interleave(10, dim=1).numpy())  # ten places a prototype
    best = scores[rows, places // 10].sum().item()
    assert labels.bincount(minlength=6).tolist() == pytest.approx([10] * 6, abs=2)
    assert scores[torch.arange(60), labels].sum().item() == pytest.approx(best, rel=0.02)


@pytest.mark.parametrize("size", SIZES)
def test_obows_loss_by_its_equations(size):
    local, words = draw(size, 4, 2, 3), draw(5, 4, seed=1)
    features, weights = draw(size, 7, seed=2).requires_grad_(), draw(5, 7, seed=3).requires_grad_()
    total, nearest = torch.tensor(0.0), []
    for i in range(size):
        squared = [[(local[i, :, y, x] - word).square().sum() for word in words] for y in range(2) for x in range(3)]
        nearest += [min(place) for place in squared]
        shares = [F.softmax(-torch.stack(place) / 1.5, dim=0) for place in squared]
        bag = torch.stack([max(place[k] for place in shares) for k in range(5)])
        guesses = torch.stack([features[i] @ w for w in weights]).exp()
        total = total - sum(b * (g / guesses.sum()).log() for b, g in zip(bag / bag.sum(), guesses, strict=True)) / size
    further, distance = word_distances(local, words)
    same(-(bag_of_words(further / 1.5) * predict_words(features, weights)).sum(1).mean(), total, features, weights)
    assert distance.flatten().numpy() == pytest.approx(np.array(nearest), abs=1e-4)


def test_sampled_smooths_and_picks_the_place():
    local = torch.arange(2 * 9).float().reshape(2, 1, 3, 3)
    for where in (0.0, 0.5, 0.9999):  # 3 x 3 cells have one window
        assert sample_feature(local, torch.tensor([where, where]))[:, 0].tolist() == [4.0, 13.0]
    small = torch.arange(4).float().reshape(1, 1, 2, 2)  # fewer cells than the window: their mean
    assert sample_feature(small, torch.tensor([0.9])).tolist() == [[1.5]]
    large = torch.arange(30).float().reshape(1, 1, 5, 6)
    windows = [large[0, 0, y : y + 3, x : x + 3].mean().item() for y in range(3) for x in range(4)]
    places = [sample_feature(large, torch.tensor([place / 12])).item() for place in range(12)]
    assert places == windows


def test_the_border_of_a_map_gives_no_word():
    local = draw(2, 3, 4, 5)
    inner = torch.stack([local[:, :, y, x] for y in (1, 2) for x in (1, 2, 3)], dim=2).reshape(2, 3, 2, 3)
    assert torch.equal(drop_border(local, 1), inner)
    assert drop_border(local, 0) is local
    assert drop_border(local, 2) is local  # nothing would be left
    assert drop_border(local[:, :, :2], 1).shape == (2, 3, 2, 5)


def test_obows_generator_is_as_wide_as_twice_its_output():
    method, _ = made("obow")
    shapes = [tuple(p.shape for p in generate.parameters()) for generate in method.generators]
    dim = method.backbone.dim  # 64; the maps have 32 and 64 channels
    assert shapes == [((2 * dim, c), (2 * dim,), (2 * dim,), (dim, 2 * dim), (dim,)) for c in (32, 64)]


@pytest.mark.parametrize("family", NETWORKS)
def test_maps_of_both_families(family):
    backbone = build_backbone(plan_for(blobs(), "byol", backbone=NETWORKS[family], image_size=32)).eval()
    images = draw(2, 3, 32, 32)
    first, last = feature_maps(backbone, images, 2)
    assert last.shape[:2] == (2, backbone.dim)
    if family == "resnet":
        assert (first.shape[2:], last.shape[2:]) == ((8, 8), (4, 4))
        assert torch.allclose(last.mean((2, 3)), backbone(images), atol=1e-5)
    else:
        assert first.shape[2:] == last.shape[2:] == (8, 8)
        tokens = backbone.network.forward_features(images)[:, 1:]  # type: ignore[operator]
        assert torch.allclose(last.flatten(2).mT, tokens, atol=1e-5)


def test_obow_leaves_no_trace_when_it_looks_at_the_shapes():
    backbone = build_backbone(plan_for(blobs(), "byol"))
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    OBoW(backbone, words=8)
    assert backbone.training
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_obow_needs_words_to_choose_from():
    with pytest.raises(ValueError, match="which of several words an image has, got words=1: use 2 or more"):
        made("obow", words=1)


def test_obow_refuses_a_network_without_maps():
    backbone = build_backbone(plan_for(blobs(), "byol"))
    backbone.inner = nn.Sequential(nn.Flatten())
    with pytest.raises(ValueError, match="obow needs feature maps, and Sequential gives none: choose a ResNet or ViT"):
        OBoW(backbone)


def test_obows_words_and_distance_over_five_steps():
    method, loader = made("obow", words=48, memory=0.9)
    tables, distance = [queue.rows.clone() for queue in method.words], None
    assert [table.shape for table in tables] == [(48, 32), (48, 64)]
    for step in range(5):
        views = loader.render_views(step, 0)
        with torch.no_grad():
            seen = [feature_maps(method.target, x, 2) for x in views.crops]
        now = []
        for level, table in enumerate(tables):
            inner = [v[level] if level else v[level][:, :, 1:3, 1:3] for v in seen]  # of 4 x 4; 2 x 2 have no middle
            places = torch.cat([v.permute(0, 2, 3, 1).flatten(0, 2) for v in inner])
            now.append(torch.cdist(places, table).square().amin(1).mean())
            fresh = inner[0].mean((2, 3))
            for place, row in enumerate(fresh, start=32 * step):
                table[place % 48] = row
        distance = torch.stack(now) if distance is None else 0.9 * distance + 0.1 * torch.stack(now)
        before = [queue.rows.clone() for queue in method.words]
        method(views)
        method(views)  # asked twice, noted once
        assert all(torch.equal(queue.rows, old) for queue, old in zip(method.words, before, strict=True))
        weight = method.backbone.network.conv1.weight
        weight.data += 0.01
        was = method.target.network.conv1.weight.clone()
        method.update(0.2 * step)
        pace = 1 - 0.01 * (math.cos(math.pi * 0.2 * step) + 1) / 2
        assert torch.allclose(method.target.network.conv1.weight, pace * was + (1 - pace) * weight, atol=1e-6)
        assert all(torch.allclose(q.rows, t, atol=1e-5) for q, t in zip(method.words, tables, strict=True))
        assert torch.allclose(method.distance, distance, rtol=1e-4)


def test_obow_predicts_the_bag_of_the_other_view():
    method, loader = made("obow", scales=1)
    views = loader.render_views(0, 0)
    with torch.no_grad():
        (queue,), (generate,) = method.words, method.generators
        weights = 5 * F.normalize(generate(F.normalize(queue.rows)), dim=1)
        seen = [word_distances(feature_maps(method.target, x, 1)[0], queue.rows) for x in views.crops]
        width = 0.1 * torch.stack([nearest.mean() for _, nearest in seen]).mean()  # of this step: there is no memory
        bags = [bag_of_words(further / width) for further, _ in seen]
        guesses = [(method.backbone(x) @ weights.T).log_softmax(1) for x in views.crops]
    terms = method(views)
    for name, bag, found in (("first", bags[0], guesses[1]), ("second", bags[1], guesses[0])):
        assert terms[name].item() == pytest.approx(-(bag * found).sum(1).mean().item() / 2, rel=1e-5)


def test_obow_assigns_with_the_distance_of_this_step():
    """Step by step, from the authors' equations: the running mean takes this step in before it is used."""
    method, loader = made("obow", scales=1, memory=0.5)
    running = None
    for step in range(3):
        views = loader.render_views(step, 0)
        (queue,), (generate,) = method.words, method.generators
        with torch.no_grad():
            seen = [feature_maps(method.target, x, 1)[0].flatten(2).mT for x in views.crops]  # (B, HW, C)
            squared = [torch.cdist(v, queue.rows.expand(len(v), -1, -1)).square() for v in seen]  # (B, HW, K)
            now = torch.stack([d.amin(2).mean() for d in squared]).mean()
            running = now if running is None else 0.5 * running + 0.5 * now
            shares = [F.softmax(-d / (0.1 * running), dim=2).amax(1) for d in squared]
            bags = [s / s.sum(1, keepdim=True) for s in shares]
            weights = 5 * F.normalize(generate(F.normalize(queue.rows)), dim=1)
            guesses = [(method.backbone(x) @ weights.T).log_softmax(1) for x in views.crops]
        terms = method(views)
        assert terms["first"].item() == pytest.approx(-(bags[0] * guesses[1]).sum(1).mean().item() / 2, rel=1e-4)
        assert terms["second"].item() == pytest.approx(-(bags[1] * guesses[0]).sum(1).mean().item() / 2, rel=1e-4)
        method.update(0.1 * step)
    method.eval()
    assert method.distance.item() == pytest.approx(running.item(), rel=1e-4)


def features_of(method, views) -> list[Tensor]:
    """Both views pass as one batch."""
    with torch.no_grad():
        both = method.projector(method.backbone(torch.cat(views.crops)))
        return [*F.normalize(both, dim=1).chunk(2)]


def test_deepclusters_memory_centroids_and_labels_over_five_steps():
    method, loader = made("deepcluster_v2", prototypes=5)
    table = torch.zeros(2, 64, 32)
    assert method.floor == pytest.approx(math.log(5))
    for step in range(5):
        views = loader.render_views(step, 0)
        features = features_of(method, views)
        table[:, views.index] = torch.stack(features)
        labels = method.labels[:, views.index]
        pairs = [*zip(method.centroids, labels, strict=True)]
        wanted = [twin_cross_entropy(z @ c.T / 0.1, k) for c, k in pairs for z in features]
        loss = torch.stack([*method(views).values()]).sum()
        assert (loss.item() > 0) == (step >= 2)  # the first epoch fills the memory
        assert loss.item() == pytest.approx(torch.stack(wanted).mean().item(), rel=1e-5, abs=1e-6)
        old = method.centroids.clone()
        method.update(0.2 * step)
        method.projector[0].weight.data += 0.05 * draw(64, 64, seed=step)
        assert torch.allclose(method.bank.rows, table, atol=1e-6)
        if step % 2 == 0:
            assert torch.equal(method.centroids, old)
            continue
        for number in range(3):
            generator = StepRng(0, step, 32).generator(f"clustering{number}")
            centroids, labels = twin_kmeans(method.bank.rows[number % 2], 5, generator, 10)
            assert torch.allclose(method.centroids[number].double(), centroids, atol=1e-5)
            assert method.labels[number].tolist() == labels


def test_selas_labels_over_five_steps():
    method, loader = made("sela_v2", prototypes=4)
    for step in range(5):
        views = loader.render_views(step, 0)
        features, labels = features_of(method, views), method.labels[:, views.index]
        wanted = [
            twin_cross_entropy(F.normalize(z) @ F.normalize(p.weight).T / 0.1, k)
            for p, k in zip(method.prototypes, labels, strict=True)
            for z in features
        ]
        loss = torch.stack([*method(views).values()]).sum()
        loss.backward()
        moved = [p.weight.grad.abs().sum().item() > 0 for p in method.prototypes]
        assert moved == [step >= 2] * 3  # labels come with the second epoch
        method.zero_grad()
        assert loss.item() == pytest.approx(torch.stack(wanted).mean().item(), rel=1e-5, abs=1e-6)
        method.update(0.2 * step)
        if step % 2:
            for number, prototypes in enumerate(method.prototypes):
                with torch.no_grad():
                    shares = lightlys_sinkhorn(prototypes(method.bank.rows[number % 2]), 20, 0.05)
                assert torch.equal(method.labels[number], shares.argmax(1))


def test_pcls_queue_memory_and_prototypes_over_five_steps():
    method, loader = made("pcl", prototypes=4, clusterings=2, queue=40, warm=0.5, momentum=0.9)
    table, queue = torch.zeros(64, 32), method.queue.rows.clone()
    for step in range(5):
        views = loader.render_views(step, 0)
        with torch.no_grad():
            keys = [F.normalize(method.target(x), dim=1) for x in (views.crops[1], views.crops[0])]
        table[views.index] = F.normalize(keys[0] + keys[1], dim=1)
        terms = method(views)
        assert (terms["prototypes"].item() > 0) == (step == 4)  # the epoch that ended at 0.4 was within the warm-up
        old = method.target[1][0].weight.clone()
        method.update(0.2 * (step + 1))
        assert torch.allclose(method.target[1][0].weight, 0.9 * old + 0.1 * method.projector[0].weight, atol=1e-6)
        method.projector[0].weight.data += 0.05 * draw(64, 64, seed=step)
        assert torch.allclose(method.bank.rows[0], table, atol=1e-6)
        for pushed in keys:
            queue = torch.cat([queue, pushed])[-40:]
        assert torch.allclose(in_order(method.queue), queue, atol=1e-6)
        if step != 3:  # the last epoch that has ended
            assert (method.labels >= 0).all() == (step == 4)
            continue
        for number, count in enumerate((4, 8)):
            generator = StepRng(0, 3, 32).generator(f"clustering{number}")
            centroids, labels = twin_kmeans(method.bank.rows[0], count, generator, 20)
            assert torch.allclose(method.get_buffer(f"centroids{number}").double(), centroids, atol=1e-5)
            assert method.labels[number].tolist() == labels
            phi = concentrations(table, centroids.float(), torch.tensor(labels), 10.0, 0.2)
            assert torch.allclose(method.get_buffer(f"concentrations{number}"), phi, rtol=1e-3)


def in_order(queue) -> Tensor:
    """The rows of a queue, oldest first."""
    start = int(queue.written) % len(queue.rows)
    return torch.cat([queue.rows[start:], queue.rows[:start]])


@pytest.mark.parametrize("method", METHODS)
def test_it_resumes_bitwise_across_a_clustering(method, tmp_path):
    images, calls = blobs(64), []
    plan = plan_for(images, method, epochs=3, settings={**NARROW[method], "rate": 0.1})
    list(pretrain(plan, images, tmp_path / "whole"))

    def stop() -> bool:
        calls.append(1)
        return len(calls) in (3, 4)  # after the first clustering, and with the second one

    for _ in range(2):
        with pytest.raises(Stopped):
            list(pretrain(plan, images, tmp_path / "cut", stop=stop))
    list(pretrain(plan, images, tmp_path / "cut"))
    whole, cut = (load_file(tmp_path / run / "checkpoint" / "state.safetensors") for run in ("whole", "cut"))
    assert [key for key in whole if not torch.equal(whole[key], cut[key])] == []


@pytest.mark.parametrize("method", ["deepcluster_v2", "sela_v2"])
@pytest.mark.parametrize(
    "family", [pytest.param(one, marks=pytest.mark.slow if n else ()) for n, one in enumerate(NETWORKS)]
)
def test_the_loss_falls_once_there_are_labels(method, family, tmp_path):
    images = blobs(96, size=32)
    chosen = {**NARROW[method], "rate": 0.1}
    plan = plan_for(images, method, backbone=NETWORKS[family], image_size=32, epochs=6, batch_size=16, settings=chosen)
    losses = [epoch.terms.get("loss") for epoch in pretrain(plan, images, tmp_path)]
    assert losses[1] == 0
    assert losses[-1] < 0.95 * losses[2]


@pytest.mark.parametrize("method", ["deepcluster_v2", "obow", "sela_v2"])
def test_local_crops_are_only_guessed_from(method):
    module, loader = made(method, local_crops=2)
    views = loader.render_views(0, 0)
    assert [x.shape[-1] for x in views.crops] == [16, 16, 6, 6]
    module(views)
    module.update(0.5)
    if method != "obow":
        assert module.bank.rows.shape == (2, 64, 32)
