"""Facts of a study's economics for tests: made by hand, so that every amount can be worked out on paper."""

from typing import Any

from kogen.common.running_costs import RunningCost, Timing
from kogen.options.prices import make_prices
from kogen.results.answers.amounts import Amount, exactly
from kogen.results.answers.economics import Point, StudyFacts, Training
from kogen.results.answers.error_costs import ErrorCosts

NETWORK = RunningCost(
    "tiny", 32, 3, 1000, 0.1, 4000, (Timing(1, 36.0, 18.0, 72.0, 30), Timing(32, 500.0, None, None, 3)), (5000, 9000),
    "cpu", "x86_64", 2, 20.0,
)  # fmt: skip
UNTRAINED = Training(False, False, "cpu", exactly(0.0), exactly(0.0), exactly(0.0))
TRAINED = Training(True, False, "cpu", Amount(30.0, 24.0, 36.0), Amount(1.0, 0.8, 1.2), Amount(0.02, 0.016, 0.024))
SUPERVISED = Training(True, True, "cpu", Amount(10, 10, 10), Amount(0.5, 0.5, 0.5), Amount(0.01, 0.01, 0.01))
CLOUD = {"currency": "EUR", "label": 0.5, "cpu_hour": 2.0}


def point(model: str, labels: float, gain: float, budget: str = "") -> Point:
    """A model with some labels whose quality is its gain, 2 more or less."""
    return Point(model, budget, float(labels), Amount(float(gain), gain - 2.0, gain + 2.0), float(gain))


def match(
    needed: float | None, lo: float | None = None, hi: float | None = None, *, reached: bool = True, budget: str = ""
) -> dict[str, Any]:
    """A row of `matches`: the labels that byol needs to be as good as random with all 200."""
    ends = {"needed": needed, "needed_lo": lo, "needed_hi": hi, "reached": reached}
    return {"dataset": "test", "model": "byol", "other": "random", "budget": budget, "labels": 200.0, **ends}


def facts(prices: dict[str, Any] | None = None, **changes: Any) -> StudyFacts:
    """byol and random, each with 20 and 200 labels; random has no training."""
    points = [point("byol", 200, 80), point("random", 200, 70), point("byol", 20, 72, "10%")]
    points.append(point("random", 20, 50, "10%"))
    known: dict[str, Any] = {
        "prices": make_prices(prices or {}),
        "points": points,
        "training": {"byol": TRAINED, "random": UNTRAINED},
        "running": {"byol": NETWORK, "random": NETWORK},
        "errors": ErrorCosts(),
        "matches": [],
        "order": ["byol", "random"],
    }
    return StudyFacts(**(known | changes))
