"""Fine-tuning: choices on training labels alone, tried once, resumed bit for bit; NaN, and labels too few to choose."""

import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from small import blobs, plan_for

from kogen.common.tasks import Stopped
from kogen.evaluation.validation import assign_parts
from kogen.training import tune
from kogen.training.build import build_method, save_weights
from kogen.training.loop import NonFiniteLoss
from kogen.training.tune import RATE_FACTORS, Tuning, fine_tune, repeat_images, tuning_plan

LENGTHS = (2, 4)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Batches and passes of a test's size."""
    monkeypatch.setattr(tune, "BATCH", 16)
    monkeypatch.setattr(tune, "PASS_STEPS", 2)


@contextmanager
def silent(what):
    yield lambda *_: None


def tuning_of(tmp_path, images, layers="all", **changes):
    """What is fine-tuned: an untrained network whose weights lie in a file."""
    plan = plan_for(images, "random", **changes)
    place = tmp_path / "weights.safetensors"
    save_weights(build_method(plan).backbone, place)
    return Tuning(plan, "abc", str(place), layers, LENGTHS)


def answers(tuned):
    """All numbers of a fine-tuned network."""
    state = {name: value.detach().clone() for name, value in tuned.backbone.state_dict().items()}
    return state | {"head": torch.from_numpy(tuned.head.coefficient), "bias": torch.from_numpy(tuned.head.bias)}


def test_rate_and_length_are_chosen_by_held_out_training_images(tmp_path):
    images = blobs(60)
    titles = []

    @contextmanager
    def bar(what):
        titles.append(what)
        yield lambda *_: None

    tuning = tuning_of(tmp_path, images)
    tuned = fine_tune(tuning, images, tmp_path / "out", bar)
    assert len(titles) == len(RATE_FACTORS) * len(LENGTHS) + 1
    held = int((assign_parts(images.labels, images.clusters, 0) == 0).sum())
    assert titles[0] == f"rate 0.01, {(60 - held) // 16} steps"  # a whole pass over the images to learn from
    tried = [json.loads(file.read_text()) for file in sorted((tmp_path / "out").glob("try-*.json"))]
    assert len(tried) == len(RATE_FACTORS) * len(LENGTHS)
    least = min(one["loss"] for one in tried)
    assert tuned.chosen["validation_loss"] == least
    assert tuned.chosen["validation_images"] == held
    assert tuned.chosen["rate"] in [0.1 * factor for factor in RATE_FACTORS]
    assert not list((tmp_path / "out").glob("try-*/"))  # weights that were only tried are gone
    assert tuned.held is None  # four classes
    again = fine_tune(tuning, images, tmp_path / "out", bar)
    assert len(titles) == len(RATE_FACTORS) * len(LENGTHS) + 2  # nothing is tried again
    assert all(torch.equal(a, b) for a, b in zip(answers(tuned).values(), answers(again).values(), strict=True))


def test_a_killed_fine_tuning_ends_bitwise_as_an_undisturbed_one(tmp_path):
    images = blobs(60)
    tuning = tuning_of(tmp_path, images)
    calm = answers(fine_tune(tuning, images, tmp_path / "calm", silent))
    stops, limits = [0], [3, 2, 9]

    @contextmanager
    def bar(what):
        def on_step(*_):
            stops[0] += 1
            if stops[0] == limits[0]:
                os.kill(os.getpid(), signal.SIGTERM)

        yield on_step

    while limits:
        stops[0] = 0
        with pytest.raises((Stopped, KeyboardInterrupt)):
            fine_tune(tuning, images, tmp_path / "cut", bar)
        limits.pop(0)
    cut = answers(fine_tune(tuning, images, tmp_path / "cut", silent))
    assert calm.keys() == cut.keys()
    assert [name for name in calm if not torch.equal(calm[name], cut[name])] == []


def test_with_one_image_a_class_nothing_is_chosen(tmp_path):
    images = blobs(60)
    rows = np.array([np.flatnonzero(images.labels == label)[0] for label in range(4)])
    tuned = fine_tune(tuning_of(tmp_path, images), images.subset(rows), tmp_path / "out", silent)
    assert tuned.chosen == {"rate": 0.1, "steps": 4.0, "validation_images": 0.0}
    assert not list((tmp_path / "out").glob("try-*"))


def test_a_class_that_is_never_shown_has_no_chance_and_two_classes_keep_their_validation(tmp_path):
    images = blobs(80)
    some = images.subset(images.labels < 2)
    tuned = fine_tune(tuning_of(tmp_path, images), some, tmp_path / "out", silent)
    chance = tuned.head.probability(np.ones((3, tuned.head.coefficient.shape[0]), np.float32))
    assert (chance[:, 2:] == 0).all()
    assert chance.sum(axis=1) == pytest.approx(1)
    two = some.with_classes(("a", "b"))
    tuned = fine_tune(tuning_of(tmp_path, two), two, tmp_path / "two", silent)
    labels, held = tuned.held
    assert held.shape == (len(labels), 2)
    assert tuned.chosen["validation_loss"] == pytest.approx(
        -np.log(held[np.arange(len(labels)), labels]).mean(), rel=1e-4
    )


def test_a_rate_that_ends_in_nan_is_not_chosen_and_where_all_do_it_is_told(tmp_path, monkeypatch):
    images, real = blobs(60), tune.fit

    def broken_at(rates):
        def fit(plan, seen, folder, title, on_fit):
            if round(plan.recipe.rate, 6) in rates and "try" in folder.name:
                raise NonFiniteLoss("step 1: the term 'cross_entropy' of the loss is nan")
            return real(plan, seen, folder, title, on_fit)

        return fit

    monkeypatch.setattr(tune, "fit", broken_at({0.5, 0.1}))
    tuned = fine_tune(tuning_of(tmp_path, images), images, tmp_path / "out", silent)
    assert tuned.chosen["rate"] == pytest.approx(0.01)
    monkeypatch.setattr(tune, "fit", broken_at({0.5, 0.1, 0.01}))
    with pytest.raises(ValueError, match="fine-tuning ended in NaN at every rate: the network's weights are broken"):
        fine_tune(tuning_of(tmp_path, images), images, tmp_path / "all", silent)


def test_other_labels_are_another_training_and_tried_anew(tmp_path):
    images = blobs(60)
    tuning = tuning_of(tmp_path, images, layers="head")
    fine_tune(tuning, images, tmp_path / "out", silent)
    before = {file.name: file.read_text() for file in (tmp_path / "out").glob("try-*.json")}
    fine_tune(tuning, images.subset(np.arange(50)), tmp_path / "out2", silent)
    other = {file.name: file.read_text() for file in (tmp_path / "out2").glob("try-*.json")}
    assert all(json.loads(before[name])["plan"] != json.loads(other[name])["plan"] for name in set(before) & set(other))


def test_a_network_with_broken_weights_is_told(tmp_path):
    images = blobs(60)
    tuning = tuning_of(tmp_path, images)
    backbone = build_method(tuning.plan).backbone
    with torch.no_grad():
        backbone.network.conv1.weight.fill_(float("nan"))
    save_weights(backbone, Path(tuning.weights))
    with pytest.raises(ValueError, match=r"conv1.weight holds values that are no finite numbers"):
        fine_tune(tuning, images, tmp_path / "out", silent)


def test_few_labels_are_repeated_until_a_pass_has_enough_steps():
    seen = repeat_images(blobs(5), (2, 9))
    assert len(seen) == 35  # 2 steps of 16
    assert seen.ids.tolist() == blobs(5).ids.tolist() * 7
    assert len(repeat_images(blobs(33), (2,))) == 33


def test_the_plan_is_that_of_the_run_with_its_own_batch_and_nothing_of_its_start():
    plan = plan_for(blobs(64), "byol", seed=3, accumulate=4)
    found = tuning_plan(plan.model_copy(update={"init": "x", "freeze": "stages:1"}), "last2")
    assert (found.method, found.seed, found.mean, found.backbone) == ("tune", 3, plan.mean, plan.backbone)
    assert (found.init, found.freeze, found.accumulate, found.settings) == ("", "", 1, {"layers": "last2"})


def test_steps_are_counted_before_they_are_made(tmp_path):
    images = blobs(60)
    made = [0]

    @contextmanager
    def bar(what):
        def on_step(*_):
            made[0] += 1

        yield on_step

    fine_tune(tuning_of(tmp_path, images, layers="head"), images, tmp_path / "out", bar)
    most = tune.count_steps(60, LENGTHS)
    assert most - 4 <= made[0] <= most  # the last fit may be the shorter one
    assert tune.count_steps(2, (4,)) == 3 * 4 + 4
