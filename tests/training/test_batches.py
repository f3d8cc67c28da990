"""Batches: which part of an image the views of a method show."""

import pytest
import torch
from small import NETWORKS, blobs, plan_for

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
