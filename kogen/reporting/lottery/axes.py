"""Figure of scores against what a model costs, with the models that no other beats in both: the frontier."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kogen.reporting.charts import Figure, annotation, axis, axis_title, dots, label, layout, stroke, trace
from kogen.reporting.words import format_number, say
from kogen.results.column_kinds import more_is_better

MIN_MODELS = 3  # with both numbers; fewer need no figure
MODELS_DRAWN = 300  # beside the frontier and the marked ones
WIDE = 20  # largest over least cost from which on the axis is logarithmic


def draw_cost_axis(
    name: str,
    costs: Mapping[str, float],
    scores: Mapping[str, float],
    marked: Sequence[str],
    dataset: str,
    lang: str,
) -> Figure | None:
    """Scores (points, more is better) of models against one of `LotterySummary.axes`, with the frontier as a line.

    `name`, `costs`: the axis and its number by model; `marked`: models in the accent colour. Of throughput and the like
    more is better, of all others less. None with fewer than 3 models or where all cost the same.
    """
    both = {model: (costs[model], scores[model]) for model in scores if is_known(costs.get(model), scores[model])}
    if len(both) < MIN_MODELS or len({cost for cost, _ in both.values()}) < 2:
        return None
    more = more_is_better(name)
    best = frontier(both, more=more)
    shown = thin_out(both, [*best, *marked])
    least, most = min(cost for cost, _ in both.values()), max(cost for cost, _ in both.values())
    logarithmic = least > 0 and most / least >= WIDE
    rest = [model for model in shown if model not in marked]
    own = [model for model in shown if model in marked]
    line = [both[model] for model in best]
    data = [
        trace([cost for cost, _ in line], [score for _, score in line], line=stroke("ink", 1.5, shape="linear")),
        markers(rest, both, dots("mid", 5, opacity=0.6), lang),
        markers(own, both, dots("accent", 10), lang),
    ]
    across = axis(title=axis_title(label(name, 40), 11, 4), tickangle=0, nticks=6)
    across |= {"type": "log"} if logarithmic else {"rangemode": "tozero"}
    corner = {"xref": "paper", "yref": "paper", "yanchor": "bottom", "yshift": 4, "font": {"size": 11}}
    title = annotation(label(say(lang, "axis_cost", dataset=dataset, name=name), 80), 0, 1, **corner)
    look = layout(280, margin={"t": 22, "b": 40}, annotations=[title], xaxis=across, yaxis=axis(nticks=6))
    key = "axis_cost_more_alt" if more else "axis_cost_alt"
    alt = say(lang, key, dataset=dataset, name=name, n=len(both), names=best)
    return {"data": data, "layout": look, "alt": alt}


def frontier(both: Mapping[str, tuple[float, float]], *, more: bool = False) -> list[str]:
    """Models that none beats, by costing less (with `more`: having more) for the same score, or scoring more for it.

    `both`: model -> (cost, score). In the order of their costs, cheapest first; of equal models the first by name.
    """
    sign = -1 if more else 1
    order = sorted(both, key=lambda model: (sign * both[model][0], -both[model][1], model))
    best, found = -math.inf, []
    for model in order:
        if both[model][1] > best:
            best = both[model][1]
            found.append(model)
    return found[::-1] if more else found


def is_known(*values: float | None) -> bool:
    """Whether all of these are finite numbers."""
    return all(value is not None and math.isfinite(value) for value in values)


def thin_out(both: Mapping[str, tuple[float, float]], kept: Sequence[str]) -> list[str]:
    """The models that are drawn: those to keep, and of many others about MODELS_DRAWN evenly over the costs."""
    others = sorted((model for model in both if model not in kept), key=lambda model: (both[model], model))
    step = -(-len(others) // MODELS_DRAWN) or 1
    return [*dict.fromkeys(model for model in kept if model in both), *others[::step]]


def markers(
    models: Sequence[str], both: Mapping[str, tuple[float, float]], marker: dict[str, Any], lang: str
) -> dict[str, Any]:
    """Some models as points with what they say."""
    tips = [
        say(lang, "axis_cost_tip", model=label(model, 60), value=both[model][1], cost=format_number(both[model][0], 2))
        for model in models
    ]
    x, y = [both[model][0] for model in models], [both[model][1] for model in models]
    return trace(x, y, tips, mode="markers", marker=marker)
