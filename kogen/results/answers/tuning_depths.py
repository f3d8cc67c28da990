"""Which layers to update: each model by protocol, from frozen features to all layers, and by number of labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import MetricFacts
from kogen.common.protocols import depth_of
from kogen.results.answers.label_curves import (
    Contributions,
    contributions,
    difference_ends,
    ordered,
    paired,
    value_ends,
)
from kogen.statistics._label_curves import crossed_mean

DEPTH_COLUMNS = ["dataset", "model", "protocol", "budget", "labels", "draws", "seeds", "gain", "value", "lo", "hi"]
DEPTH_COLUMNS += ["more", "more_lo", "more_hi"]
FROM_SCRATCH = {name: f"random {name}" for name in ("tune:all", "tune:decay")}
"""Protocols by which an untrained network is trained from scratch, and what it is called beside models with another."""


def tuning_depths(rows: pd.DataFrame, facts: MetricFacts, sizes: Mapping[str, float]) -> pd.DataFrame:
    """The table `depths` of the predictions of a study, whose protocols are told apart by the layers that learn.

    gain, value, lo, hi: as in `label_curves`. more, more_lo, more_hi: the gain over the protocol that touches the
    fewest layers, with as many labels, on the same images, seeds and draws, with its 95 % interval; null for that one.
    Empty where nothing was fine-tuned; what is not judged with every seed and draw yet has no row. `sizes`: the number
    of labels of each budget, "" for all.
    """
    protocols = sorted((name for name in map(str, rows["protocol"].unique()) if depth_of(name)), key=depth_of)  # type: ignore[arg-type]
    found = []
    if len(protocols) > 1:
        for dataset, part in rows.groupby("dataset", sort=True, observed=True):
            found += depth_rows(str(dataset), part, protocols, facts, sizes)
    return pd.DataFrame(found, columns=DEPTH_COLUMNS)


def depth_rows(
    dataset: str, part: pd.DataFrame, protocols: list[str], facts: MetricFacts, sizes: Mapping[str, float]
) -> list[tuple[Any, ...]]:
    """Rows of `depths` of one set; `protocols` from the fewest layers to the most."""
    known: dict[str, Contributions] = {}
    clusters = np.zeros(0, dtype=np.int64)
    for protocol in protocols:
        mine: Any = part[part["protocol"] == protocol]
        known[protocol], clusters = contributions(mine, facts)
    found = []
    for model in known[protocols[-1]] | known[protocols[0]]:
        first = known[protocols[0]].get(model, {})
        for protocol in protocols:
            budgets = known[protocol].get(model, {})
            for budget in ordered(budgets, sizes):
                values = budgets[budget]
                made = [
                    known[name][model][budget].shape[:2] for name in protocols if budget in known[name].get(model, ())
                ]
                if values.shape[:2] != tuple(map(max, zip(*made, strict=True))):
                    continue  # not judged with every seed and draw yet
                gain, *ends = (100 * end for end in crossed_mean(values, clusters))
                lo, hi = value_ends(ends, facts)
                more: tuple[float | None, ...] = (None, None, None)
                if protocol != protocols[0] and budget in first:
                    change, *around = (100 * end for end in crossed_mean(paired(values, first[budget]), clusters))
                    more = (change, *difference_ends(around, facts))
                seeds, draws = values.shape[:2]
                row = (dataset, model, protocol, budget, sizes[budget], draws, seeds)
                found.append((*row, gain, facts.sign * gain, lo, hi, *more))
    return found


def with_scratch_rows(rows: Any, protocol: str) -> pd.DataFrame:
    """The rows of a protocol, and as `random tune:all` those of the untrained network with all layers learning.

    These are supervised training from few labels; there are none where nothing of the kind was asked, or where
    it is the protocol itself, of which `random` has these rows. The method `supervised`, whose network has seen all
    labels, is left out of both.
    """
    mine = rows[(rows["protocol"] == protocol) & (rows["method"] != "supervised")]
    for name, title in FROM_SCRATCH.items() if protocol not in FROM_SCRATCH else ():
        scratch = rows[(rows["method"] == "random") & (rows["protocol"] == name)]
        if len(scratch):
            return pd.concat([mine, scratch.assign(model=title)], ignore_index=True)
    return mine
