"""Parts of the pool: shares of the images that methods are also pre-trained on, to see what more images bring."""

import math
from collections.abc import Sequence

import numpy as np

from kogen.common.protocols import share_of
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.images import Images
from kogen.options.study import resolve_pools
from kogen.training.batch_fitting import whole_batch_images


def draw_part(clusters: np.ndarray, share: str, seed: int) -> np.ndarray:
    """Rows (m,), rising, of the share `10%` of images in clusters (N,); at least one cluster.

    Clusters stay whole, so that a part may have a few images more. Nested: what a seed draws for a smaller share it
    draws for a larger one too. The draw depends on clusters and seed alone, not on the order of the images.
    """
    _, of, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    enough = int(np.searchsorted(np.cumsum(sizes[order]), round(share_of(share) * len(clusters)))) + 1
    return np.flatnonzero(np.isin(of, order[:enough]))


def part_of_pool(pool: Images, plan: Plan) -> Images:
    """The images of the pool that a run is trained on: all, or the part that its seed draws."""
    return pool.subset(draw_part(pool.clusters, plan.pool, plan.seed)) if plan.pool else pool


def part_plans(study: Study, plans: Sequence[Plan], pool: Images) -> list[Plan]:
    """For the plans of methods that learn without labels, those on each part of the pool; seeds outermost.

    ValueError for parts that cannot be drawn or trained on.
    """
    found: list[Plan] = []
    for seed in range(study.seeds):
        known = [(plan, resolve_pools(plan.method, study.pools)) for plan in plans if plan.seed == seed]
        before = 0
        for share in dict.fromkeys(share for _, shares in known for share in shares):
            images = pool.subset(draw_part(pool.clusters, share, seed))
            for plan in [plan for plan, shares in known if share in shares]:
                check_part(share, len(images), before, len(pool), plan.batch_size)
                found.append(plan_on_part(plan, share, images, len(pool)))
            before = len(images)
    return found


def plan_on_part(plan: Plan, share: str, images: Images, whole: int) -> Plan:
    """The plan on a part of `whole` images; all else stays, mean and std of the pixels too.

    As many images are seen in training as with all of them (to half an epoch): with equal epochs a part would also be
    trained for fewer steps, and nobody could tell which of the two was missing.
    """
    seen, epoch = (whole_batch_images(count, plan.batch_size) for count in (whole, len(images)))
    epochs = max(round(plan.epochs * seen / epoch), 1)
    return plan.model_copy(update={"pool": share, "images": len(images), "data": images.digest, "epochs": epochs})


def check_part(share: str, count: int, before: int, whole: int, batch: int) -> None:
    """ValueError for a part that does not fill a batch, or is no other than the one before, or than all images."""
    if count < batch:
        least, smaller = math.ceil(100 * batch / whole), 2 ** max(count.bit_length() - 1, 1)
        what = f"ask for {least}% or more, or for --batch-size {smaller}" if least < 100 else "leave --images out"
        raise ValueError(
            f"--images {share} of {whole:,} images is {count}, and a batch has {batch}: {what} (of all runs: a smaller "
            "batch for a part alone would be another training)"
        )
    if count in (before, whole):
        other = "all images" if count == whole else f"the share before it ({before} images)"
        raise ValueError(
            f"--images {share} of {whole:,} images is {count}, as many as {other}, because clusters stay whole: leave "
            "it out, or ask for shares further apart"
        )
