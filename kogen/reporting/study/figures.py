"""Figures of a study's training: losses and RankMe over epochs, plain data for plotly; the page chooses the colours."""

from typing import Any

import pandas as pd

from kogen.reporting.charts import Figure, axis, axis_title, draw_curves, layout, stroke, thin, trace
from kogen.reporting.words import say


def draw_losses(model: str, training: pd.DataFrame, bet: bool, lang: str) -> Figure:
    """Loss of one model over epochs, one line a seed; `training` has seed, epoch, term, value."""
    look: dict[str, Any] = {"line": stroke("accent" if bet else "mid", 1.5), "hoverinfo": "x+y"}
    runs = training[training["term"] == "loss"].groupby("seed")
    data = [trace(thin(run["epoch"].tolist()), thin(run["value"].tolist()), **look) for _, run in runs]
    frame = layout(120, margin={"l": 4, "r": 6, "t": 4, "b": 18}, xaxis=axis(nticks=4), yaxis=axis(nticks=4))
    return {"data": data, "layout": frame, "alt": say(lang, "a_loss", model=model)}


def draw_rank_me(training: dict[str, pd.DataFrame], bet: str, methods: dict[str, str], lang: str) -> Figure | None:
    """RankMe over epochs, the mean over seeds, one line a model; None where it was not recorded."""
    means = {model: mean for model, table in training.items() if (mean := mean_by_epoch(table))}
    if not means:
        return None
    epochs = sorted(set().union(*means.values()))
    lines = {model: thin([mean.get(epoch) for epoch in epochs]) for model, mean in means.items()}
    ticks = {"title": axis_title(say(lang, "epoch")), "nticks": 6}
    figure = draw_curves(thin(epochs), lines, bet, methods, "RankMe", ticks)
    figure["alt"] = say(lang, "a_rank", models=list(lines))
    return figure


def mean_by_epoch(training: pd.DataFrame) -> dict[int, float]:
    """Mean RankMe of each epoch over the seeds; epochs without one are left out."""
    means: Any = training.dropna(subset=["rank_me"]).groupby("epoch")["rank_me"].mean()
    return {int(epoch): float(value) for epoch, value in means.items()}
