"""Every method on the shelf trains on the drawn surfaces: learns, stays alive, resumes bitwise, is deterministic."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small import NARROW, NETWORKS, SERIES_NETWORKS, network_for, plan_for, tones

from kogen.common import registry
from kogen.data.datasets.surfaces import surfaces
from kogen.data.images import Images
from kogen.modules.base import CoupledMethod, PerImageMethod, Views
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.loop import Stopped, pretrain
from kogen.training.monitor import find_alarms

METHODS = [name for name in registry.names("methods") if registry.load("methods", name).recipe.trains]
PER_IMAGE = [name for name in METHODS if issubclass(registry.load("methods", name), PerImageMethod)]
COUPLED = [name for name in METHODS if issubclass(registry.load("methods", name), CoupledMethod)]
# Every method on every network it can take; of those that take several, all but one are slow tests, in turns.
FAMILIES = NETWORKS | SERIES_NETWORKS
TAKEN = {m: [f for f in FAMILIES if registry.load("methods", m).needs in ("", f)] for m in METHODS}
PAIRS = [
    pytest.param(method, family, marks=() if family == families[turn % len(families)] else pytest.mark.slow)
    for turn, (method, families) in enumerate(TAKEN.items())
    for family in families
]
EPOCHS, BATCH = 5, 16  # 6 steps each

# Losses that need not fall in 30 steps, each with the reason; they must stay finite and their features alive.
RISES = {
    "deepcluster_v2": "the first epoch only fills the memory: its loss is 0; test_methods_clusters looks at the others",
    "moco_v2": "the first negatives are random vectors, told apart at once; real keys that fill the queue are harder",
    "pcl": "the negatives as MoCo's; and the term of the prototypes joins after the warm-up",
    "sela_v2": "the first epoch only fills the memory: its loss is 0; test_methods_clusters looks at the others",
}


@cache
def pool_of(network: str) -> Images:
    """What a network learns from: drawn surfaces, or series."""
    return tones() if network in SERIES_NETWORKS.values() else surfaces(n=96, size=32)


def pool(method: str) -> Images:
    return pool_of(network_for(method))


def plan(method: str, network: str, epochs: int = EPOCHS):
    # Rates are for a batch of 256; so small a batch learns more from each step of a few with a higher one.
    rate = {
        "barlow_twins": 0.02,
        "lejepa": 0.1,
        "mae": 0.005,
        "rc_mae": 0.005,
        "swav": 0.03,
        "ts2vec": 0.02,
        "simmtm": 0.03,
    }.get(method, 0.5)
    settings = {**NARROW.get(method, {}), "rate": rate}
    small = {"backbone": network, "epochs": epochs, "batch_size": BATCH, "settings": settings}
    images = pool_of(network)
    small |= {} if images.kind == "series" else {"image_size": 32, "views": "inspection"}
    return plan_for(images, method, **small)


@pytest.mark.parametrize(("method", "family"), PAIRS)
def test_it_learns_and_stays_alive(method, family, tmp_path):
    images = pool_of(FAMILIES[family])
    epochs = list(pretrain(plan(method, FAMILIES[family]), images, tmp_path))
    losses = [epoch.terms.get("loss", np.nan) for epoch in epochs]
    assert np.isfinite(losses[1:]).all()
    if method not in RISES:
        assert min(losses[-3:]) < losses[1], losses
    first, last = epochs[0], epochs[-1]  # on the way a ViT's features may draw together and part again
    ranks, spreads = [first.rank_me, last.rank_me], [first.feature_std, last.feature_std]
    found = find_alarms([0, last.epoch], ranks, spreads, [np.nan, losses[-1]], None, len(images) // BATCH)
    assert not found, found


@pytest.mark.parametrize(("method", "family"), PAIRS)
def test_it_resumes_bitwise(method, family, tmp_path):
    asked, calls, images = plan(method, FAMILIES[family], epochs=1), [], pool_of(FAMILIES[family])
    list(pretrain(asked, images, tmp_path / "whole"))

    def stop() -> bool:
        calls.append(1)
        return len(calls) >= 3  # inside the epoch, with queues and teachers half way

    with pytest.raises(Stopped):
        list(pretrain(asked, images, tmp_path / "cut", stop=stop))
    list(pretrain(asked, images, tmp_path / "cut"))
    whole, cut = (load_file(tmp_path / run / "checkpoint" / "state.safetensors") for run in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert [key for key in whole if not torch.equal(whole[key], cut[key])] == []


@pytest.mark.parametrize("method", METHODS)
def test_forward_is_deterministic_and_changes_nothing_it_depends_on(method):
    asked = plan(method, network_for(method))
    module = build_method(asked)
    views = Batches(asked, pool(method), torch.device("cpu")).render_views(0, 0)
    twin = copy.deepcopy(module)
    for _ in range(3):
        module(views)
    first, second = module(views), twin(views)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("method", PER_IMAGE)
def test_in_eval_mode_an_images_loss_is_its_own_and_nothing_is_noted(method):
    """The losses of a part of a batch are those it has in the whole; forward is their mean; queues get no rows."""
    asked = plan(method, network_for(method))
    module = build_method(asked)
    loader = Batches(asked, pool(method), torch.device("cpu"))
    for step in range(2):  # queues, centres, teachers and distances are no longer those of the start
        module(loader.render_views(step, 0))
        module.update(0.1 * step)
    whole, cut = loader.render_views(2, 0), slice(4, 12)
    rng = whole.rng.part(cut.start, cut.stop)
    part = Views([x[cut] for x in whole.crops], whole.labels[cut], whole.index[cut], rng, whole.progress)
    module.eval()
    with torch.no_grad():
        for parameter in module.parameters():  # away from the teacher, whose agreement would hide differences
            parameter.mul_(1.05 if parameter.requires_grad else 1.0)
        losses, some, terms = module.losses(whole), module.losses(part), module(whole)
    assert losses.keys() == some.keys() == terms.keys()
    for name, each in losses.items():
        assert each.shape == (len(whole.labels),)
        assert each.std() > 0
        assert torch.allclose(each[cut], some[name], rtol=1e-5, atol=1e-6)
        assert torch.equal(each.mean(), terms[name])
    before = {name: value.clone() for name, value in module.named_buffers() if not name.startswith("target.")}
    module.update(1.0)
    assert all(torch.equal(value, before[name]) for name, value in module.named_buffers() if name in before)


@pytest.mark.parametrize("method", COUPLED)
def test_in_eval_mode_an_images_embeddings_are_its_own_and_give_the_loss(method):
    """The embeddings of a part of a batch are those it has in the whole; forward is the loss of them."""
    asked = plan(method, network_for(method))
    module = build_method(asked)
    loader = Batches(asked, pool(method), torch.device("cpu"))
    for step in range(2):
        module(loader.render_views(step, 0))
        module.update(0.1 * step)
    whole, cut = loader.render_views(2, 0), slice(4, 12)
    part = Views([x[cut] for x in whole.crops], whole.labels[cut], whole.index[cut], whole.rng, whole.progress)
    module.eval()
    with torch.no_grad():
        embedded, some, terms = module.embed(whole), module.embed(part), module(whole)
        again = module.loss_of(embedded, whole.rng)
    assert all(len(rows) == len(whole.labels) for rows in embedded)
    assert all(torch.allclose(one[cut], other, rtol=1e-4, atol=1e-5) for one, other in zip(embedded, some, strict=True))
    assert terms.keys() == again.keys()
    assert all(torch.equal(terms[name], again[name]) for name in terms)


def test_every_method_says_how_its_loss_divides():
    assert sorted(PER_IMAGE + COUPLED) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_the_recipe_says_where_it_comes_from(method):
    recipe = registry.load("methods", method).recipe
    assert recipe.family in ("contrastive", "distillation", "clustering", "information", "masked", "baseline")
    assert len(recipe.source) > 20
    assert any(letter.isdigit() for letter in recipe.headline)
