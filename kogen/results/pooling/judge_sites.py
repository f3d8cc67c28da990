"""Judging sites: random effects of each pair, the lottery over sites, the safe bet."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.registry import load
from kogen.results.pooling.pooled_judgement import PooledPair, SiteBet, SiteLottery
from kogen.results.pooling.sites import Site
from kogen.statistics.scores_of_sets.score_noise import score_noise
from kogen.statistics.studies.random_effects import LEAST_SITES, holm, pool_effects

TOLD = ("sites", "mean", "lo", "hi", "p", "tau", "i2", "next_lo", "next_hi", "ahead", "needed")  # of a pair
LEVEL, NOISE_DRAWS = 0.05, 1000


def pool_pairs(effects: Any, margin: float) -> list[PooledPair]:
    """Each pair that 3 sites or more have, the surest first; `effects` as of `site_effects`."""
    found = []
    for (first, second), part in effects.groupby(["first", "second"], sort=True):
        if len(part) < LEAST_SITES:
            continue
        values: Any = part["difference"].to_numpy()
        pooled = pool_effects(values, part["error"].to_numpy() ** 2)
        names, sign = (str(first), str(second)), 1
        if pooled.mean < 0:
            names, sign = (str(second), str(first)), -1
            pooled = pool_effects(-values, part["error"].to_numpy() ** 2)
        told: dict[str, Any] = {name: getattr(pooled, name) for name in TOLD}
        inside = pooled.lo90 >= -margin and pooled.hi90 <= margin
        word = "equivalent" if inside else "undecided"
        about: dict[str, Any] = {"ahead_at": int((sign * values > 0).sum()), "p_family": pooled.p, "verdict": word}
        found.append(PooledPair(first=names[0], second=names[1], **told, **about))
    adjusted = holm(np.array([pair.p for pair in found])) if found else []
    judged = [replace(pair, p_family=float(p)) for pair, p in zip(found, adjusted, strict=True)]
    judged = [replace(pair, verdict="better") if pair.p_family < LEVEL else pair for pair in judged]
    return sorted(judged, key=lambda pair: (pair.p, pair.first, pair.second))


def as_scores(values: Any) -> Any:
    """The values of sites as scores of data sets, lifted to be above 0 where gains are below."""
    shift = max(0.0, -float(values["value"].min()))
    scores = values.assign(score=values["value"] + shift, dataset=values["site"])
    return scores[["model", "dataset", "score", "n"]]


def site_lottery(values: Any, sites: Sequence[Site], seed: int) -> tuple[SiteLottery | None, Any]:
    """How often leads at one site hold at the others, and the table of every pair of sites; None for one site.

    The noise of a site is that of its images, drawn from `seed`; of several studies on the same data that of the first.
    """
    names = [site.name for site in sites]
    if len(names) < 2:
        return None, pd.DataFrame()
    scores = as_scores(values)
    first = [replace(site.studies[0].matrix, dataset=site.name) for site in sites]
    whole = all(len(site.studies) == 1 for site in sites)
    noise = score_noise(first, NOISE_DRAWS, seed) if whole else None
    parts = [load("statistics", "transfer")(scores, source=name, noise=noise, seed=seed) for name in names]
    table: Any = pd.concat(parts, ignore_index=True)
    every = table[(table["band"] == "within") & (table["gap"] == 100.0) & (table["pairs"] > 0)]
    leads = int(every["pairs"].sum())
    if not leads:
        return None, table
    floors = every["noise_floor"]
    floor = None if floors.isna().any() else float((floors * every["pairs"]).sum() / leads)
    held = float((every["transfer"] * every["pairs"]).sum() / leads)
    return SiteLottery(leads, held, floor, leader_share(values)), table


def leader_share(values: Any) -> float | None:
    """The share of ordered pairs of sites with the same best method, among the methods of both."""
    table = values.pivot(index="site", columns="model", values="value")
    same, count = 0, 0
    for one in table.index:
        for other in table.index:
            common = table.loc[[one, other]].dropna(axis=1)
            if one != other and common.shape[1] > 1:
                same += int(common.loc[one].idxmax() == common.loc[other].idxmax())
                count += 1
    return same / count if count else None


def site_bets(values: Any, margin: float, seed: int) -> tuple[list[SiteBet], list[str]]:
    """The best on average and the one that loses least, and the methods that every site has."""
    counts, sites = values.groupby("model")["site"].nunique(), values["site"].nunique()
    everywhere = sorted(map(str, counts.index[counts == sites]))
    if len(everywhere) < 2:
        return [], everywhere
    shift = max(0.0, -float(values["value"].min()))
    picks = load("statistics", "safe_bet")(as_scores(values), margin=margin, seed=seed)
    rows = picks[picks["pick"].isin(["expected", "regret"])].to_dict("records")
    bets = [SiteBet(row["model"], row["expected"] - shift, row["max_regret"], row["worst_set"]) for row in rows]
    return bets, everywhere
