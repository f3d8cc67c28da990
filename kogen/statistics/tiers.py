"""Tiers: groups of models that the data cannot distinguish, the leader's first."""

import pandas as pd

__all__ = ["tiers"]


def tiers(pairs: pd.DataFrame) -> pd.DataFrame:
    """The tier of each model on each data set.

    Input: the table of `paired`. Output: dataset, tier (1 is the leader's), model; in the order of accuracy.
    Definition: tier 1 is every model that no other beats with all pairs judged together (the `top` of `ranks`); the
    next tier is the same among the remaining models. Models of one tier are not proven equal: see their verdict.
    """
    left: dict[str, dict[str, None]] = {}  # data set -> models in the order of accuracy
    beaten: set[tuple[str, str, str]] = set()  # data set, winner, loser
    columns = (pairs[name] for name in ("dataset", "first", "second", "family_lo"))
    for dataset, first, second, low in zip(*columns, strict=True):
        left.setdefault(dataset, {}).update({first: None, second: None})
        if low > 0:
            beaten.add((dataset, first, second))
    found = []
    for dataset in sorted(left):
        models, tier = list(left[dataset]), 0
        while models:
            tier += 1
            top = [one for one in models if not any((dataset, other, one) in beaten for other in models)]
            found += [(dataset, tier, model) for model in top]
            models = [model for model in models if model not in top]
    return pd.DataFrame(found, columns=["dataset", "tier", "model"])
