"""What a metric is: from the answers of one run to a value and the contribution of each image to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from kogen.common.metric_facts import POINTS

MIN_OF_CLASS = 5  # images of a class, below which no interval is given
MIN_PROBABILITY = 1e-7  # a logarithm wants more than 0; float32 keeps about as much

# Why there is no value (the first six), or a value without an interval (few_of_class); keys of words.toml.
NO_LABELS, NO_PROBABILITIES, ONE_CLASS, NOT_TWO = "no_labels", "no_probabilities", "one_class", "not_two_classes"
NO_ORDER, NO_THRESHOLD, FEW = "no_order", "no_threshold", "few_of_class"
REASONS = (NO_LABELS, NO_PROBABILITIES, ONE_CLASS, NOT_TWO, NO_ORDER, NO_THRESHOLD, FEW)


@dataclass(frozen=True, eq=False)
class Answers:
    """What one run answered to the n images of one set."""

    classes: tuple[str, ...]  # K names
    labels: np.ndarray  # (n,) int into `classes`
    predicted: np.ndarray  # (n,) int into `classes`
    correct: np.ndarray  # (n,) float, as it was judged: an image may have several right answers
    probabilities: np.ndarray | None = None  # (n, K) rows sum to 1
    score: np.ndarray | None = None  # (n,) probability given to what is right
    positive: int | None = None  # the class that is looked for, where there are two
    threshold: float | None = None  # of the positive class's probability, as the user says
    false_alarm: np.ndarray | None = None  # (n,) share of negative validation images that look as positive as this one
    order: tuple[int, ...] | None = None  # the classes from low to high, where they are graded

    def __post_init__(self) -> None:
        for name in ("labels", "predicted", "correct", "probabilities", "score", "false_alarm"):
            if isinstance(values := getattr(self, name), np.ndarray):  # several metrics read the same
                view = values.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    @property
    def n(self) -> int:
        return len(self.labels)

    @property
    def counts(self) -> np.ndarray:
        """How many images each class has, (K,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def ranked_classes(self) -> np.ndarray:
        """The classes whose probability is judged as a ranking: the positive one of two, else all that have images."""
        if len(self.classes) > 2 or self.positive is None:
            return np.flatnonzero(self.counts)
        return np.array([self.positive])

    @property
    def is_positive(self) -> np.ndarray:
        """Whether each image is of the positive class, (n,) bool."""
        return self.labels == self.positive

    @property
    def chance(self) -> np.ndarray:
        """The probability of the positive class, (n,)."""
        assert self.probabilities is not None
        assert self.positive is not None
        return self.probabilities[:, self.positive]


@dataclass(frozen=True, eq=False)
class Contributions:
    """A value and what each image adds to it: `each` (n,) whose mean is the value, and whose spread is its error.

    `support`: as many independent images the value can be worth at most, which keeps an interval wide where no error
    was seen among few images of a class. `step`: how much one image can move n times the value, so that a pair may be
    given one imagined image won by each side. `reason`: why there is no value, or no interval ("few_of_class").
    """

    value: float
    each: np.ndarray | None = None
    support: float = np.inf
    step: float = 1.0
    reason: str = ""


Compute = Callable[..., Contributions]


@dataclass(frozen=True)
class Metric:
    """A metric: how it is computed, and its facts. `low` and `high` in its unit; what it needs, see `refusal`."""

    compute: Compute
    unit: str = POINTS
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 100.0
    counts_images: bool = False
    needs: frozenset[str] = frozenset()  # labels | several | two | probabilities | score | order | threshold
    parameters: Mapping[str, Any] = field(default_factory=dict)  # name -> default

    def measure(self, answers: Answers, **parameters: Any) -> Contributions:
        """The value and contributions of one run, or the reason why there are none."""
        if reason := refusal(self.needs, answers):
            return Contributions(np.nan, reason=reason)
        found = self.compute(answers, **{**self.parameters, **parameters})
        if not getattr(self.compute, "__module__", "").startswith("kogen."):
            check_contributions(found, answers.n, getattr(self.compute, "__name__", "compute"))
        return found

    def bounds(self, **parameters: Any) -> tuple[float, float]:
        """Lowest and highest value in the metric's unit."""
        return self.low, self.high


def check_contributions(found: Any, n: int, name: str) -> None:
    """ValueError for what a user's own metric may not return for n images."""
    title = f"the metric's {name} returned"
    if not isinstance(found, Contributions):
        raise ValueError(f"{title} a {type(found).__name__}: wanted Contributions")
    if found.reason not in ("", *REASONS):
        raise ValueError(f"{title} the reason {found.reason!r}: wanted none, or one of {', '.join(REASONS)}")
    if found.each is None:
        if not found.reason:
            raise ValueError(f"{title} nothing of each image and no reason: wanted an array ({n},)")
        return
    if not isinstance(found.each, np.ndarray) or found.each.shape != (n,) or found.each.dtype.kind not in "fiub":
        got = f"an array {found.each.shape}" if isinstance(found.each, np.ndarray) else type(found.each).__name__
        raise ValueError(f"{title} {got} for the images: wanted numbers ({n},)")
    if not np.isfinite(found.each).all():
        raise ValueError(f"{title} NaN or infinity for {int((~np.isfinite(found.each)).sum())} of {n} images")
    mean = float(found.each.mean())
    if not isinstance(found.value, Real) or not abs(mean - found.value) <= 1e-6 * max(1.0, abs(mean)):
        raise ValueError(f"{title} the value {found.value!r}, and the images' mean is {mean:.6g}: wanted the same")


def refusal(needs: frozenset[str], answers: Answers) -> str:
    """Why answers do not have what a metric needs; "" where they do."""
    if "labels" in needs and not len(answers.classes):
        return NO_LABELS
    if "two" in needs and (len(answers.classes) != 2 or answers.positive is None):
        return NOT_TWO
    if "probabilities" in needs and answers.probabilities is None:
        return NO_PROBABILITIES
    if "score" in needs and answers.score is None:
        return NO_PROBABILITIES
    if "order" in needs and answers.order is None:
        return NO_ORDER
    if "threshold" in needs and answers.threshold is None and answers.false_alarm is None:
        return NO_THRESHOLD
    if "several" in needs and np.count_nonzero(answers.counts) < 2:
        return ONE_CLASS
    return ""


def harmonic_support(counts: np.ndarray) -> float:
    """The number of images that a mean over classes (K,) with so many images each is worth: K^2 / sum(1 / n_k).

    The variance of a mean over classes is sum(p (1 - p) / n_k) / K^2 where all classes are equally hard.
    """
    return float(len(counts) ** 2 / (1 / counts).sum())


def few(counts: np.ndarray) -> str:
    """`few_of_class` where classes (K,) with so many images each are too small for an interval, else "".

    Of two classes the smaller has fewer than 5; of more, the mean over them is worth fewer than 20 images.
    """
    if len(counts) == 2:
        return FEW if counts.min() < MIN_OF_CLASS else ""
    return FEW if harmonic_support(counts) < 4 * MIN_OF_CLASS else ""


def one_image(moved: np.ndarray, rare: np.ndarray, parts: int) -> float:
    """How far one image of a rare class (n,) bool moves n times a ranking metric, by what its images add (n,).

    Their spread, and at least that of one image in so many that is out of order: where none is, the next one may be.
    """
    least = len(rare) / (rare.sum() * (rare.sum() + 1) * parts)
    return float(max(moved[rare].std(), least))


def class_means(group: np.ndarray, values: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (C,) of values (n,) over each class of `group` (n,) that has images, their numbers (C,) and names (C,)."""
    counts = np.bincount(group, minlength=classes)
    present = np.flatnonzero(counts)
    sums = np.bincount(group, weights=values, minlength=classes)
    return sums[present] / counts[present], counts[present], present


def spread_within(group: np.ndarray, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What each image adds to a weighted sum of class means, less that sum, (n,).

    `group` (n,) in 0 .. C-1 and `weight` (C,), the weight of each class. The spread inside a class is widened by
    sqrt(n_k / (n_k - 1)), so that the sum of squares over n^2 is the sum of weight^2 s_k^2 / n_k with the unbiased s_k.
    """
    counts = np.bincount(group, minlength=len(weight)).astype(float)
    means = np.bincount(group, weights=values, minlength=len(weight)) / np.maximum(counts, 1)
    widened = np.sqrt(counts / np.maximum(counts - 1, 1))
    return ((weight * len(group) / np.maximum(counts, 1) * widened)[group]) * (values - means[group])
