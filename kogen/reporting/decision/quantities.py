"""Quantities in sentences: values, differences and bounds as the metric that decides wants them shown."""

from typing import Any

from kogen.common.metric_facts import POINTS, MetricFacts
from kogen.common.rounding import round_outward
from kogen.reporting.words import format_number, format_points, phrase
from kogen.results.judgement import Judgement

FINE_DIGITS = 3  # decimals of what is no number of points


def value_phrase(found: Judgement) -> dict[str, Any]:
    """What the leader reaches, with its interval and the metric's name."""
    metric, ends = found.metric, [found.lo, found.hi] if found.metric.higher_is_better else [found.hi, found.lo]
    if found.value < 0 and metric.higher_is_better and not found.proven:  # an error without a bound, as its gain
        return phrase("value_error", value=format_number(-found.value, FINE_DIGITS))
    value, lo, hi = (show_gain(end, metric) for end in (found.value, *ends))
    if lo is None or hi is None:
        key = "value_plain" if not found.proven else "value_named_alone"
    elif not found.proven:
        key = "value_score"
    else:
        key = "value_accuracy" if metric.name == "accuracy" else "value_named"
    return phrase(key, metric=phrase(metric.label), value=value, lo=lo, hi=hi)


def show_gain(gain: float | None, metric: MetricFacts) -> float | str | None:
    """A gain of the tables as the value that people know."""
    return None if gain is None else show_number(metric.sign * gain, metric)


def show_number(value: float | None, metric: MetricFacts) -> float | str | None:
    """A number in the metric's unit: points as they are, others with more decimals."""
    return value if value is None or metric.unit == POINTS else format_number(value, FINE_DIGITS)


def quantity(value: float, metric: MetricFacts) -> dict[str, Any]:
    """A value of the metric in a sentence: a share of images in percent, others as plain numbers."""
    key = "percent_of_images" if metric.name == "accuracy" else "value_plain"
    return phrase(key, value=show_number(value, metric))


def unit_phrase(metric: MetricFacts) -> dict[str, Any]:
    """The unit of differences in the metric."""
    return phrase(f"difference_in_{metric.unit}")


def at_most(value: float, metric: MetricFacts) -> str:
    """A number that may stand behind "at most": rounded up, with the decimals that it is shown with."""
    if metric.unit != POINTS:
        return format_number(round_outward(value, FINE_DIGITS, up=True), FINE_DIGITS)
    return format_points(round_outward(value, 2 if abs(value) < 0.995 else 1, up=True))
