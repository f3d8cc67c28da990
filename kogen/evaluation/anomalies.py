"""Anomalies: detectors learn from good images alone; one row per test image, and what their heat maps say."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kogen.augmentation.rendering import AnyView
from kogen.common import registry
from kogen.common.devices import exact_arithmetic
from kogen.common.protocols import Protocol, split_protocol
from kogen.data.images import Images
from kogen.data.masks.mask_pixels import masks_at
from kogen.evaluation.detectors._detector import Detector, Score
from kogen.evaluation.features import Features, Predictions, embed
from kogen.evaluation.heat_maps import heat_maps
from kogen.evaluation.label_budgets import drawn_rows
from kogen.evaluation.patches import patch_batches
from kogen.evaluation.pixel_metrics import PixelValue, measure_pixels
from kogen.evaluation.predict import answer_rows, check_sets
from kogen.evaluation.validation import assign_parts
from kogen.modules.base import Backbone

HELD = 0  # of five parts of the good images, the one that the threshold is chosen on
FALSE_ALARMS = 0.05  # share of the good validation images above the threshold
MAX_ROWS, MAX_VALUES = 2**16, 2**28  # patches of good images that a memory is chosen from; numbers in them
MAX_PIXELS = 2**27  # of all heat maps of a set that are held at once
ROWS_AT_ONCE = 4096  # pooled features
TIMED_IMAGES = 48  # on which a detector is timed


class Scored(NamedTuple):
    """What a detector says of a set: its score of each image, and heat maps where it has patches."""

    scores: np.ndarray  # (M,) float64, 0 or more
    distances: np.ndarray | None  # (M, h, w) float32


class MapRecord(NamedTuple):
    """The heat maps of one protocol on one set, for those who draw some and measure all."""

    protocol: Protocol
    dataset: str
    images: Images
    scores: np.ndarray  # (M,)
    threshold: float  # of scores
    maps: Callable[[np.ndarray, int], np.ndarray]  # rows (m,) and a side to maps (m, side, side), distances
    pixels: dict[str, PixelValue]  # where the set has masks
    masked: int = 0  # images with a mask
    side: int = 0  # pixels of a side at which maps were measured


Watch = Callable[[MapRecord], None]


@dataclass
class FrozenRows:
    """Rows of features of a frozen backbone; pooled ones are computed once a set."""

    backbone: Backbone
    view: AnyView
    pooled: dict[str, Features] = field(default_factory=dict)

    def batches(self, images: Images, patches: bool) -> Iterator[Tensor]:
        """Rows (B, D, h, w) of all images in order, on the backbone's device; pooled ones have h = w = 1."""
        if patches:
            yield from patch_batches(self.backbone, images, self.view)
            return
        if images.digest not in self.pooled:
            self.pooled[images.digest] = embed(self.backbone, images, self.view)
        device = next(self.backbone.parameters()).device
        for part in torch.from_numpy(self.pooled[images.digest].values).split(ROWS_AT_ONCE):
            yield part.to(device)[:, :, None, None]


def detect_anomalies(
    backbone: Backbone,
    view: AnyView,
    train: Images,
    tests: Mapping[str, Images],
    roles: Mapping[str, str],
    protocols: Sequence[str],
    identity: Mapping[str, object],
    watch: Watch | None = None,
) -> pd.DataFrame:
    """A predictions table of one backbone, as `evaluate_backbone` makes it of probes; see `find_anomalies`."""
    check_sets(train, tests, protocols)
    tables = find_anomalies(backbone, view, train, tests, protocols, watch)
    return pd.concat(tables, ignore_index=True).assign(**identity, role=lambda rows: rows.dataset.map(roles))


def find_anomalies(
    backbone: Backbone,
    view: AnyView,
    train: Images,
    tests: Mapping[str, Images],
    protocols: Sequence[str],
    watch: Watch | None = None,
) -> list[pd.DataFrame]:
    """The rows of a predictions table, without run and role, of each protocol: a detector, `patch_memory@10 shots#0`.

    The classes of all sets are good and anomaly; of `train` only good images are read. A fifth of them, whole clusters,
    is held out: the detector learns from the others. A score s becomes the probability s / (s + t) of the class
    anomaly, where t is the threshold: the lowest score above which at most 5 % of the held-out good images lie. The map
    rises strictly, so it changes no ranking; it is no calibrated probability, and 0.5 is the threshold. `watch` is told
    of heat maps. ValueError as `check_good`, and where the network has no patches.
    """
    check_good(train)
    rows, good = FrozenRows(backbone, view), train.subset(train.labels == 0)
    asked = [split_protocol(name) for name in protocols]
    return [answer_protocol(one, rows, good.subset(drawn_rows(good, one)), tests, watch) for one in asked]


def check_good(train: Images) -> None:
    """ValueError unless there are good images of two clusters or more, one of which can be held out."""
    good = train.labels == 0
    if (count := len(np.unique(train.clusters[good]))) < 2:
        got = f"{train.name or 'the training set'} has {int(good.sum())} good images in {count} groups (clusters)"
        raise ValueError(f"{got}: a detector learns from some and its threshold from others: give good images of more")


def answer_protocol(
    asked: Protocol, rows: FrozenRows, good: Images, tests: Mapping[str, Images], watch: Watch | None
) -> pd.DataFrame:
    """The rows of one protocol on every test set."""
    detector: Detector = registry.load("detectors", asked.probe)
    check_good(good)
    held = hold_out_good(good)
    with exact_arithmetic(), torch.inference_mode():
        score = detector.learn(sample_rows(rows, good.subset(~held), detector.patches))
        validation = score_images(rows, good.subset(held), detector, score).scores
        found = {name: score_images(rows, images, detector, score) for name, images in tests.items()}
    threshold = choose_threshold(validation)
    chances = {name: as_probabilities(one.scores, threshold) for name, one in found.items()}
    everything = np.concatenate(list(chances.values()))
    judged = {name: features_of(images) for name, images in tests.items()}
    predictions = Predictions(len(everything), lambda part: everything[part])
    table = answer_rows(asked, predictions, None, judged, tests)
    table = table.assign(false_alarm=list(alarm_shares(as_probabilities(validation, threshold), everything)))
    for name, one in found.items():
        if one.distances is not None and watch is not None:
            watch(record_maps(asked, name, tests[name], one, threshold))
    return table


def hold_out_good(good: Images) -> np.ndarray:
    """Which good images (N,) bool are held out: a fifth, whole clusters, at least one, the same for every model."""
    return assign_parts(np.zeros(len(good), np.int64), good.clusters, 0) == HELD


def sample_rows(rows: FrozenRows, images: Images, patches: bool, seed: int = 0) -> Tensor:
    """Rows (n, D) of good images to learn from: all, or of more than 65,536 patches (or 1 GiB) as many at random."""
    kept: list[Tensor] = []
    chosen, start = None, 0
    for batch in rows.batches(images, patches):
        flat = batch.permute(0, 2, 3, 1).flatten(0, 2)  # (b h w, D)
        each = flat.shape[0] // len(batch)
        if chosen is None:
            total, most = each * len(images), max(1, min(MAX_ROWS, MAX_VALUES // flat.shape[1]))
            drawn = np.random.default_rng(seed).choice(total, most, replace=False) if total > most else range(total)
            chosen = np.sort(np.asarray(drawn))
        inside = chosen[(chosen >= start) & (chosen < start + len(flat))] - start
        kept.append(flat[torch.from_numpy(inside).to(flat.device)])
        start += len(flat)
    return torch.cat(kept)


def score_images(rows: FrozenRows, images: Images, detector: Detector, score: Score) -> Scored:
    """The scores of all images in order."""
    scores, maps = [], []
    for batch in rows.batches(images, detector.patches):
        of_images, of_rows = score(batch.flatten(2).transpose(1, 2))  # (B,), (B, h w)
        scores.append(of_images.cpu().double().numpy())
        if detector.patches:
            maps.append(of_rows.float().view(len(batch), *batch.shape[2:]).cpu().numpy())
    return Scored(np.concatenate(scores), np.concatenate(maps) if maps else None)


def choose_threshold(validation: np.ndarray, rate: float = FALSE_ALARMS) -> float:
    """The lowest score of good validation images (m,) above which at most `rate` of them lie; 1 where it is 0."""
    ranked = np.sort(validation)
    found = float(ranked[max(0, math.ceil((1 - rate) * len(ranked) - 1e-9) - 1)])
    return found if found > 0 else float(ranked[-1]) or 1.0


def as_probabilities(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Scores (M,) of 0 or more as probabilities (M, 2) of good and anomaly, float32; see `find_anomalies`."""
    bad = scores / (scores + threshold)
    good = threshold / (scores + threshold)
    return np.stack([good, bad], axis=1).astype(np.float32)


def alarm_shares(validation: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The share of good validation images with at least an image's probability of anomaly, (M, 2) from (m, 2), (M, 2).

    Of the class good it is NaN: there are no validation images with a defect.
    """
    known = np.sort(validation[:, 1])
    shares = np.full(probabilities.shape, np.nan, np.float32)
    shares[:, 1] = 1 - np.searchsorted(known, probabilities[:, 1], side="left") / len(known)
    return shares


def features_of(images: Images) -> Features:
    """What is known of each image, without features."""
    return Features(np.zeros((len(images), 0)), images.labels, images.classes, images.ids, images.clusters)


def record_maps(asked: Protocol, name: str, images: Images, found: Scored, threshold: float) -> MapRecord:
    """The heat maps of a set, measured where it has masks."""
    distances = found.distances
    assert distances is not None

    def maps(rows: np.ndarray, side: int) -> np.ndarray:
        return heat_maps(torch.from_numpy(distances[rows]), side).numpy()

    known = MapRecord(asked, name, images, found.scores, threshold, maps, {})
    if images.masks is not None and (images.masks != "").any():
        side = map_side(images, len(images))
        masks = masks_at(images.masks.tolist(), side)
        pixels = measure_pixels(maps(np.arange(len(images)), side), masks, images.clusters)
        return known._replace(pixels=pixels, masked=int((images.masks != "").sum()), side=side)
    return known


def map_side(images: Images, count: int) -> int:
    """Pixels of a side at which heat maps are measured: those stored, fewer where all would not fit into memory."""
    side = max(images.pixels.shape[2:])
    return max(32, min(side, math.isqrt(MAX_PIXELS // max(count, 1))))


def time_detector(backbone: Backbone, view: AnyView, good: Images, detector: str) -> float:
    """Seconds an image of learning from good images and scoring as many, from a few of them.

    Those of a memory of patches grow with the square of the patches, as far as these are learnt from.
    """
    few = good.subset(np.arange(min(TIMED_IMAGES, len(good))))
    start = time.perf_counter()
    find_anomalies(backbone, view, few, {"timed": few}, [detector])
    grown = max(1.0, len(good) / len(few)) if registry.load("detectors", detector).patches else 1.0
    return (time.perf_counter() - start) / len(few) * grown
