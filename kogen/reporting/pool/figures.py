"""Pool figures: each pair of the leader, at every site and over all, as a forest plot."""

from typing import Any

from kogen.reporting.charts import Figure, axis, axis_title, dots, ink, label, layout, stroke, trace
from kogen.reporting.pool.sentences import against
from kogen.reporting.words import format_number, say
from kogen.results.pooling.pooled_judgement import PooledJudgement, PooledPair

ROWS = 8  # opponents that are drawn


def draw_forest(found: PooledJudgement, effects: Any, lang: str) -> Figure | None:
    """The leader against each other method: sites as dots, the mean with its interval, the range of a new site."""
    pairs = against(found)[:ROWS]
    if not pairs:
        return None
    data, names, said = [], [], []
    for row, pair in enumerate(reversed(pairs)):
        sign = 1 if pair.first == found.leader else -1
        other = pair.second if sign > 0 else pair.first
        lo, hi, wide_lo, wide_hi = (sign * getattr(pair, name) for name in ("lo", "hi", "next_lo", "next_hi"))
        sites = site_differences(effects, str(found.leader), other)
        tips = [f"{label(site, 40)}: {format_number(value, sign=True)}" for site, value in sites.items()]
        text = pair_tip(pair, other, sign, lang)
        data += [
            trace([wide_lo, wide_hi], [row, row], line=stroke("mid", 1)),
            trace([lo, hi], [row, row], line=stroke("accent", 4)),
            trace([*sites.values()], [row + 0.25] * len(sites), tips, mode="markers", marker=dots("soft", 6)),
            trace([sign * pair.mean], [row], [text], mode="markers", marker=dots("accent", 11)),
        ]
        names.append(label(other, 16))
        said.append(text)
    zero: dict[str, Any] = {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper"}
    zero |= {"line": {"color": ink("ink"), "width": 1}}
    ticks = {"tickvals": [*range(len(names))], "ticktext": names, "showgrid": False, "ticklabelstandoff": 6}
    across = axis(title=axis_title(say(lang, "pool_axis", model=found.leader), 11), nticks=6)
    axes = {"xaxis": across, "yaxis": axis(range=[-0.5, len(names)], **ticks)}
    look = layout(54 * len(names) + 70, shapes=[zero], margin={"b": 44}, **axes)
    return {"data": data, "layout": look, "alt": say(lang, "pool_forest") + " " + "; ".join(said)}


def site_differences(effects: Any, leader: str, other: str) -> dict[str, float]:
    """The leader's difference to another method at each site."""
    first, second = sorted((leader, other))
    part = effects[(effects["first"] == first) & (effects["second"] == second)]
    sign = 1 if first == leader else -1
    return {str(row["site"]): sign * row["difference"] for row in part.to_dict("records")}


def pair_tip(pair: PooledPair, other: str, sign: int, lang: str) -> str:
    """What the mean of a pair says when it is pointed at."""
    ends = sorted((sign * pair.lo, sign * pair.hi))
    shown = [format_number(value, sign=True) for value in (sign * pair.mean, *ends)]
    return say(lang, "pool_tip", other=label(other, 40), mean=shown[0], lo=shown[1], hi=shown[2])
