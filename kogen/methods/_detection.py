"""Detection: a backbone learns to find boxes, as FCOS or Faster R-CNN of torchvision over a feature pyramid."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import MultiScaleRoIAlign

from kogen.common.text import hint
from kogen.modules.base import Backbone, Method, Recipe, Terms, Views
from kogen.modules.feature_pyramid import FeaturePyramid

__all__ = ["Detection"]

DETECTORS = ("fcos", "faster_rcnn")
USUAL_SIDE = 800  # pixels of an image that torchvision's anchors are meant for
LEAST_SCORE = 0.02  # of a box that is kept, of at most 100 an image: average precision reads the doubtful ones, too
NORM_GROUPS = 32  # of the norms in FCOS's heads
TERMS = {
    "classification": "classes",
    "bbox_regression": "boxes",
    "bbox_ctrness": "centres",
    "loss_classifier": "classes",
    "loss_box_reg": "boxes",
    "loss_objectness": "objects",
    "loss_rpn_box_reg": "proposals",
}


class Detection(Method):
    """FCOS (Tian et al. 2019, arXiv 1904.01355) or Faster R-CNN (Ren et al. 2015, 1506.01497) with a feature pyramid.

    Anchors are those of torchvision, scaled to the image. All layers learn. `views.targets` holds the boxes of each
    image in the first view: corners (n, 4) in its pixels and classes (n,) from 0.
    """

    recipe = Recipe(
        source="torchvision's references/detection: SGD with momentum .9, decay 1e-4, rate .01 (FCOS) and .02 (Faster "
        "R-CNN) for 16 images, of which the lower; Transformers as Li et al. 2022, A.2: AdamW, 1e-4 for 64, decay .1",
        headline="COCO AP 39.2 (FCOS) and 37.0 (Faster R-CNN), ResNet-50 with FPN (torchvision)",
        family="baseline",
        views=1,
        optimiser="adamw",
        rate=4e-4,
        weight_decay=0.1,
        colour=False,
        without_attention={"optimiser": "sgd", "rate": 0.16, "weight_decay": 1e-4},
    )

    def __init__(
        self, backbone: Backbone, *, classes: int, images: int = 0, detector: str = "fcos", width: int = 128
    ) -> None:
        super().__init__()
        if detector not in DETECTORS:
            raise ValueError(f"unknown detector {detector!r}: {hint(detector, list(DETECTORS))}")
        if width < NORM_GROUPS or width % NORM_GROUPS:
            raise ValueError(
                f"detect: width = {width}, wanted a multiple of {NORM_GROUPS}: its norms are over so many groups"
            )
        self.backbone, self.kind = backbone, detector
        pyramid = FeaturePyramid(backbone.network, backbone.channels, backbone.image_size, width)
        make = make_fcos if detector == "fcos" else make_faster_rcnn
        self.detector = make(pyramid, classes, backbone.channels, backbone.image_size)

    @property
    def first_class(self) -> int:
        """The number of the first class in torchvision's detector: 0 is the background of Faster R-CNN."""
        return 1 if self.kind == "faster_rcnn" else 0

    def forward(self, views: Views) -> Terms:
        wanted = [{"boxes": boxes, "labels": labels + self.first_class} for boxes, labels in views.targets]
        images = views.crops[0]
        with torch.autocast(images.device.type, enabled=False):
            losses = self.detector(list(images), wanted)
        return {TERMS[name]: value for name, value in losses.items()}

    @torch.no_grad()
    def find(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What is found on each image of (B, C, S, S): `boxes` (n, 4) in its pixels, `labels` and `scores` (n,)."""
        self.eval()
        found = self.detector(list(images))
        return [each | {"labels": each["labels"] - self.first_class} for each in found]


def transform_settings(channels: int, size: int) -> dict[str, Any]:
    """Settings with which torchvision leaves the images as kogen's views make them."""
    same = {"image_mean": [0.0] * channels, "image_std": [1.0] * channels, "size_divisible": 1, "_skip_resize": True}
    return same | {"min_size": size, "max_size": size}


def make_fcos(pyramid: FeaturePyramid, classes: int, channels: int, size: int) -> nn.Module:
    """FCOS: a point of each map answers for boxes of four to eight strides; the finest for all smaller ones."""
    anchors = AnchorGenerator(tuple((stride,) for stride in pyramid.strides), ((1.0,),) * len(pyramid.strides))
    scores = {"score_thresh": LEAST_SCORE, "detections_per_img": 100}
    return FCOS(pyramid, classes, anchor_generator=anchors, **scores, **transform_settings(channels, size))


def make_faster_rcnn(pyramid: FeaturePyramid, classes: int, channels: int, size: int) -> nn.Module:
    """Faster R-CNN: anchors of 32 pixels at a stride of 4 in an image of 800, in proportion elsewhere."""
    share = size / USUAL_SIDE
    sizes = tuple((8 * stride * share,) for stride in pyramid.strides)
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    names = [str(number) for number in range(len(sizes) - 1)]  # the last map only proposes
    pool = MultiScaleRoIAlign(names, 7, 2, canonical_scale=max(round(224 * share), 1))
    hidden = 4 * pyramid.out_channels  # 1024 at torchvision's width of 256
    head = {"box_head": TwoMLPHead(7 * 7 * pyramid.out_channels, hidden)}
    head |= {"box_predictor": FastRCNNPredictor(hidden, classes + 1)}
    # Small images have few objects: a quarter of torchvision's proposals, which take most of the time.
    counts = {"box_batch_size_per_image": 128, "rpn_post_nms_top_n_train": 500, "rpn_post_nms_top_n_test": 250}
    scores = {"box_score_thresh": LEAST_SCORE, "box_detections_per_img": 100}
    made = {"rpn_anchor_generator": anchors, "box_roi_pool": pool, **head, **counts, **scores}
    return FasterRCNN(pyramid, **made, **transform_settings(channels, size))
