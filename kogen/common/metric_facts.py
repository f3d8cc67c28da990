"""The facts of a metric that tables and pages share: unit, which way is better, bounds, and why it decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kogen.common.registry import load
from kogen.common.text import hint, parse_spec

POINTS, PRICE, NATS = "points", "price", "nats"
SHARED = ("positive", "order", "threshold")  # parameters that say how answers are read, for every metric


@dataclass(frozen=True)
class MetricFacts:
    """A metric as a study is judged by it.

    Tables of the judgement (values, pairs, ranks, floors) hold the *gain*, of which more is always better: the value,
    or for a metric of which less is better minus the value. Points (0-100), or the metric's own unit.
    """

    name: str  # as in `--metric NAME`
    unit: str = POINTS  # points | price | nats
    higher_is_better: bool = True
    low: float = 0.0  # bounds of the value, in its unit
    high: float = 100.0
    counts_images: bool = False  # whether b and c of a pair count images that only one model has right
    parameters: dict[str, Any] = field(default_factory=dict)
    positive: str | None = None  # the class that is looked for, of two
    faults: dict[str, float] = field(default_factory=dict)  # prices of miss and false_alarm, of the cheaper one
    reason: str = "default"  # asked | default | imbalance
    larger: int = 0  # images of the largest and the smallest class of the reference, where labels are known
    smaller: int = 0

    @property
    def label(self) -> str:
        """Key of the metric's name in words.toml."""
        return f"name_of_{self.name}"

    @property
    def sign(self) -> int:
        """What a gain is multiplied by to show the value."""
        return 1 if self.higher_is_better else -1

    @property
    def scale(self) -> float:
        """What the metric's own numbers are multiplied by to be in its unit: 100 for points."""
        return 100.0 if self.unit == POINTS else 1.0

    @property
    def gain_bounds(self) -> tuple[float, float]:
        """The bounds of the gain, in the metric's unit."""
        return (self.low, self.high) if self.higher_is_better else (-self.high, -self.low)

    @property
    def spec(self) -> str:
        """The metric as it is typed, `recall_at_false_alarm?rate=0.01`."""
        query = "&".join(f"{key}={value}" for key, value in sorted(self.parameters.items()))
        return f"{self.name}?{query}" if query else self.name


ACCURACY = MetricFacts("accuracy", counts_images=True)


def check_metric(spec: str | None) -> None:
    """ValueError for a metric or a parameter that does not exist, before anything is read."""
    if spec is not None:
        name, given = parse_spec(spec)
        check_parameters(name, load("metrics", name), given)


def check_parameters(name: str, metric: Any, given: Mapping[str, Any]) -> None:
    """ValueError for a parameter that the metric does not have, and for numbers that make no sense."""
    if not hasattr(metric, "measure"):  # a user's own
        raise ValueError(f"the metric {name!r} is a {type(metric).__name__}: wanted a kogen.extend.Metric")
    known = [*metric.parameters, *SHARED]
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"the metric {name!r} has no parameter {key!r}: {hint(key, known)}")
        if key in (*metric.parameters, "threshold") and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"metric {name}: {key} is {value!r}, wanted a number")
        if key in ("rate", "threshold") and not 0 < value < 1:
            raise ValueError(f"metric {name}: {key} is {value}, wanted a share between 0 and 1, such as 0.05")
        if key in ("miss", "false_alarm") and not 0 < value <= 100:
            raise ValueError(
                f"metric {name}: {key} is {value}, wanted a price above 0 and up to 100: give both prices in units of "
                "the cheaper fault"
            )
