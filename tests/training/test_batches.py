"""Batches: which part of an image the views of a method show."""

import pytest
import torch
from small import NETWORKS, blobs, plan_for

from kogen.augmentation.views import View, render
from kogen.training.batches import Batches

VIT = NETWORKS["vit"]


@pytest.mark.parametrize(
    ("method", "backbone", "size", "views", "least"),
    [
        ("byol", "tiny?width=8", 96, "natural", 0.08),
        ("mae", VIT, 96, "natural", 0.2),  # facebookresearch/mae, main_pretrain.py
        ("rc_mae", VIT, 96, "natural", 0.2),
        ("moco_v2", "tiny?width=8", 96, "natural", 0.2),  # facebookresearch/moco
        ("moco_v3", "tiny?width=8", 96, "natural", 0.2),  # facebookresearch/moco-v3, CONFIG.md
        ("moco_v3", VIT, 96, "natural", 0.08),
        ("simsiam", "tiny?width=8", 96, "natural", 0.2),  # facebookresearch/simsiam
        ("dino", "tiny?width=8", 96, "natural", 0.14),  # facebookresearch/dino, without multi-crop
        ("pcl", "tiny?width=8", 96, "natural", 0.2),  # salesforce/PCL
        ("mae", VIT, 32, "natural", 0.2),  # of the view set itself
        ("mae", VIT, 96, "inspection", 0.6),  # a set that shows more stays as it is
    ],
)
def test_a_crop_shows_what_the_authors_crops_show(method, backbone, size, views, least):
    images = blobs(32)
    plan = plan_for(images, method, backbone=backbone, image_size=size, views=views)
    shown = {view.crop for view in Batches(plan, images, torch.device("cpu")).views}
    assert shown == {(least, 1.0)}


def test_what_a_crop_shows_can_be_set():
    images = blobs(32)
    plan = plan_for(images, "byol", image_size=96, settings={"least_area": 0.5})
    loader = Batches(plan, images, torch.device("cpu"))
    assert {view.crop for view in loader.views} == {(0.5, 1.0)}


@pytest.mark.parametrize(
    ("batch", "parts", "wanted"),
    [
        (8, 8, "a batch of 8 in 8 parts .--accumulate. has under two images a part, .*: use --accumulate 4 or fewer"),
        (9, 9, "use --accumulate 3 or fewer, or a larger --batch-size"),
        (5, 4, "use --accumulate 1 or fewer"),
        (7, 7, "use --accumulate 1 or fewer"),
        (8, 3, "a batch of 8 does not divide into 3 equal parts"),
    ],
)
def test_a_part_has_two_images_or_more(batch, parts, wanted):
    images = blobs(32)
    with pytest.raises(ValueError, match=wanted):
        Batches(plan_for(images, batch_size=batch, accumulate=parts), images, torch.device("cpu"))
    Batches(plan_for(images, batch_size=8, accumulate=4), images, torch.device("cpu"))


def test_one_image_is_too_few_whatever_the_batch():
    images = blobs(1)
    with pytest.raises(ValueError, match="1 image is fewer than a batch of 2: give more images"):
        Batches(plan_for(images, batch_size=2), images, torch.device("cpu"))


class Halves:
    """Targets that show which images, which draw and which tag they were asked for."""

    view = View(size=16, flip=0.5)

    def follow(self, batch, rng, tag, device):
        return batch.tolist(), rng, tag


def test_targets_are_asked_for_the_images_and_the_draw_of_their_one_view():
    images = blobs(32)
    loader = Batches(plan_for(images, "byol", batch_size=8, accumulate=2), images, torch.device("cpu"), Halves())
    views = loader.render_views(1, 1)
    assert loader.views == (Halves.view,)
    assert len(views.crops) == 1
    batch, rng, tag = views.targets
    assert batch == views.index.tolist()
    again = render(images.read(views.index.numpy()), Halves.view, rng, tag=tag)
    assert torch.equal(again, views.crops[0])
    assert (
        Batches(plan_for(images, "byol", batch_size=8), images, torch.device("cpu")).render_views(0, 0).targets is None
    )
