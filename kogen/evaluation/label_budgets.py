"""Label budgets: parts of the labelled training images that probes learn from, drawn alike for every model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kogen.common.protocols import SHOTS, Protocol, split_protocol
from kogen.common.text import join_names
from kogen.data.images import Images
from kogen.evaluation.features import Features


def draw_labels(labels: np.ndarray, clusters: np.ndarray, classes: Sequence[str], budget: str, draw: int) -> np.ndarray:
    """Rows (m,), rising, of the labelled images (N,) of one draw of a budget.

    Stratified: of each class its share (at least one image), or as many images as there are shots. Clusters stay whole,
    so that a class may get a few images more; one with images of several classes counts for each of them. Nested: what
    a draw of a smaller budget holds, the same draw of a larger one holds too. The draw is the seed.
    ValueError for a class with fewer images than shots, and a budget below one image a class.
    """
    shots = SHOTS.fullmatch(budget)
    counts = np.bincount(labels, minlength=len(classes))
    present = np.flatnonzero(counts).tolist()
    if shots and (few := [number for number in present if counts[number] < int(shots[1])]):
        names = join_names([f"{classes[number]} ({counts[number]})" for number in few], 5)
        raise ValueError(f"{budget} a class, and there are fewer labelled images of {names}: ask for fewer")
    share = None if shots else float(budget.removesuffix("%")) / 100
    if share is not None and share * len(labels) < len(present):
        got = (
            f"{budget} of {len(labels)} labelled images is {share * len(labels):.3g} images for {len(present)} classes"
        )
        raise ValueError(f"{got}: ask for {100 * len(present) / len(labels):.2g}% or more, or for --shots")
    _, of = np.unique(clusters, return_inverse=True)
    mixed = np.random.default_rng(draw).permutation(int(of.max()) + 1)  # one order for all classes
    chosen = np.zeros(len(mixed), dtype=bool)
    for number in present:
        inside = np.bincount(of[labels == number], minlength=len(mixed))[mixed]  # images of the class in each cluster
        wanted = int(shots[1]) if shots else max(1, round((share or 0) * counts[number]))
        enough = int(np.searchsorted(np.cumsum(inside), wanted)) + 1
        chosen[mixed[:enough][inside[:enough] > 0]] = True
    return np.flatnonzero(chosen[of])


def drawn_rows(train: Images | Features, asked: Protocol) -> np.ndarray:
    """Rows (m,) of the labelled images that a protocol learns from: all, or those of a draw of a budget."""
    if not asked.budget:
        return np.arange(len(train))
    return draw_labels(train.labels, train.clusters, train.classes, asked.budget, asked.draw)


def budget_sizes(train: Images, protocols: Sequence[str]) -> dict[str, Any]:
    """Number of labels of every budget and draw, as data.json has it; {} for none. ValueError as `draw_labels`."""
    found = {}
    for asked in map(split_protocol, protocols):
        if asked.budget and (asked.budget, asked.draw) not in found:
            found[asked.budget, asked.draw] = len(drawn_rows(train, asked))
    rows = [{"budget": budget, "draw": draw, "labels": count} for (budget, draw), count in found.items()]
    return {"budgets": rows} if rows else {}
