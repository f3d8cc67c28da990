"""Figures: a verdict and training curves as plotly figures, plain data; the page chooses the colours."""

from statistics import median
from typing import Any

import pandas as pd

from kogen.reporting.charts import (
    Figure,
    annotation,
    axis,
    axis_title,
    dots,
    draw_curves,
    ink,
    label,
    layout,
    stroke,
    thin,
    trace,
)
from kogen.reporting.study.evidence import BASELINES, SEPARATED
from kogen.reporting.study.verdict import Verdict
from kogen.reporting.words import clean, format_number, say

FAR_FACTOR = 2.5  # the forests' scale ends at this many times the median distance; what lies beyond is an arrow


def draw_forest(verdict: Verdict, dataset: str, lang: str) -> Figure:
    """Differences of each model to the bet on one set, with 95 % intervals and the margin as a band."""
    rows = differences(verdict, dataset)
    low, high = axis_range(verdict)
    step = 28 if len(rows) <= 10 else 21
    places = [len(rows) - i for i in range(len(rows))]
    data = []
    for row, y in zip(rows, places, strict=True):
        colour = "ink" if row["decided"] else "soft"
        ends = [min(max(row[end], low), high) for end in ("lo", "hi")]
        data.append(trace(ends, [y, y], line=stroke(colour, 2)))
        data.append(estimate(row, y, low, high, colour, lang))
    numbers = [format_number(row["difference"], sign=True) for row in rows]
    band = {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}}
    shapes = [
        {**band, "x0": -verdict.margin, "x1": verdict.margin, "fillcolor": ink("tint")},
        {**band, "type": "line", "x0": 0, "x1": 0, "line": stroke("accent", 2)},
    ]
    ticks = {"ticklabelstandoff": 6, "tickvals": places, "ticktext": [label(row["model"]) for row in rows]}
    ticks |= {"showgrid": False, "tickfont": {"color": ink("ink"), "size": 12}}
    listed = zip(numbers, places, strict=True)
    look = layout(
        step * len(rows) + 58,
        shapes=shapes,
        annotations=[annotation(value, 1, y, xref="paper", xanchor="right", xshift=46) for value, y in listed],
        margin={"r": 50, "b": 44},
        xaxis=axis(range=[low, high], title=axis_title(say(lang, "points")), nticks=5, tickangle=0),
        yaxis=axis(range=[0.4, len(rows) + 0.6], **ticks),
    )
    values = "; ".join(f"{clean(row['model'])} {value}" for row, value in zip(rows, numbers, strict=True))
    alt = say(lang, "a_forest", dataset=dataset, model=verdict.bet.model, list="") + values
    return {"data": data, "layout": look, "alt": alt}


def estimate(row: dict[str, Any], y: float, low: float, high: float, colour: str, lang: str) -> dict[str, Any]:
    """The estimate of one row: hollow for a baseline, an arrow at the edge where it lies beyond the scale."""
    edge = 0.04 * (high - low)  # an arrow stands inside the frame, clear of the names
    x, symbol = row["difference"], "circle"
    if x < low:
        x, symbol = low + edge, "triangle-left"
    elif x > high:
        x, symbol = high - edge, "triangle-right"
    look = dots("paper", 10, line=stroke(colour, 2)) if row["baseline"] else dots(colour, 10)
    ends = say(lang, "to", lo=row["lo"], hi=row["hi"])
    tips = [f"{label(row['model'], 40)}: {format_number(row['difference'], sign=True)} ({ends})"]
    return trace([x], [y], tips, mode="markers", marker=look | {"symbol": symbol}, cliponaxis=False)


def differences(verdict: Verdict, dataset: str) -> list[dict[str, Any]]:
    """One row a model but the bet, best first: its difference to the bet in points (positive: better than the bet)."""
    bet, found = verdict.bet.model, {}
    for pair in verdict.pairs:
        if pair["dataset"] == dataset and bet in (pair["first"], pair["second"]):
            model, sign = (pair["first"], 1) if pair["second"] == bet else (pair["second"], -1)
            lo, hi = sorted(sign * pair[end] for end in ("family_lo", "family_hi"))
            kind = {"decided": pair["verdict"] in SEPARATED, "baseline": verdict.methods[model] in BASELINES}
            found[model] = {"model": model, "difference": sign * pair["difference"], "lo": lo, "hi": hi, **kind}
    return [found[model] for model in verdict.order[dataset] if model in found]


def axis_range(verdict: Verdict) -> tuple[float, float]:
    """Ends of the axis that all forests share, so that they can be compared; outliers must not squeeze the rest."""
    rows = [row for dataset in verdict.sets for row in differences(verdict, dataset)]
    ends = [end for row in rows for end in (row["lo"], row["difference"], row["hi"])] or [0.0]
    limit = max(FAR_FACTOR * median(abs(end) for end in ends), 3 * verdict.margin, 0.5)
    band = 1.3 * verdict.margin
    low, high = min(max(min(ends), -limit), -band), max(min(max(ends), limit), band)
    room = 0.06 * (high - low)
    return low - room, high + room


def draw_slope(verdict: Verdict, lang: str) -> Figure:
    """Accuracy of each model from the reference set to the others, one line a model."""
    sets, bet = verdict.sets, verdict.bet.model
    cells = {(row["model"], row["dataset"]): row for row in verdict.values}
    lines = {m: [cells.get((m, name), {}).get("value") for name in sets] for m in verdict.order[sets[0]]}
    ticks = {"tickvals": list(range(len(sets))), "ticktext": [label(name, 14) for name in sets]}
    figure = draw_curves(list(range(len(sets))), lines, bet, verdict.methods, say(lang, "accuracy"), ticks)
    for place, name in enumerate(sets):
        row = cells.get((bet, name))
        if row and row["lo"] is not None:
            figure["data"].append(trace([place, place], [row["lo"], row["hi"]], line=stroke("accent", 2)))
    figure["layout"]["xaxis"]["range"] = [-0.08 * len(sets), len(sets) - 1 + 0.04 * len(sets)]
    values = [f"{clean(model)} {', '.join(format_number(value) for value in line)}" for model, line in lines.items()]
    figure["alt"] = say(lang, "a_slope", reference=sets[0], shifts=sets[1:], list="") + "; ".join(values)
    return figure


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
