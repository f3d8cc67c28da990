"""Expected cost: the mean price of an image, where a miss and a false alarm each have one."""

from dataclasses import dataclass
from typing import Any

from kogen.common.metric_facts import PRICE
from kogen.metrics._metric import Answers, Contributions, Metric, few

__all__ = ["expected_cost"]


def compute(answers: Answers, *, miss: float = 10.0, false_alarm: float = 1.0) -> Contributions:
    """The mean over images of `miss` for a positive that is passed and `false_alarm` for a negative that is called.

    An image is called where that is expected to be cheaper: probability * miss > (1 - probability) * false_alarm (Elkan
    2001, IJCAI); without probabilities as the model answered. Each image adds its price.
    """
    if answers.probabilities is None:
        called = answers.predicted == answers.positive
    else:
        called = answers.chance * miss > (1 - answers.chance) * false_alarm
    missed, alarmed = answers.is_positive & ~called, ~answers.is_positive & called
    each = miss * missed + false_alarm * alarmed
    return Contributions(float(each.mean()), each, float(answers.n), max(miss, false_alarm), few(answers.counts))


@dataclass(frozen=True)
class PricedMetric(Metric):
    """A metric whose highest value is the highest price."""

    def bounds(self, **parameters: Any) -> tuple[float, float]:
        """No image costs more than the dearer of the two faults."""
        return 0.0, float(max({**self.parameters, **parameters}.values()))


expected_cost = PricedMetric(
    compute,
    unit=PRICE,
    higher_is_better=False,
    needs=frozenset({"labels", "several", "two"}),
    parameters={"miss": 10.0, "false_alarm": 1.0},
)
