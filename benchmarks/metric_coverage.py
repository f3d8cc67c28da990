"""Do the intervals of every metric cover where defects are rare? Simulated studies; a table of docs/coverage.md."""

import argparse
import time
from dataclasses import replace

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from kogen.common.metric_facts import MetricFacts
from kogen.common.registry import load, names
from kogen.metrics._metric import Answers
from kogen.results.answers.metric_matrices import SetAnswers, measure_set
from kogen.statistics._intervals import pair_differences
from kogen.statistics.values import rows as value_rows

SKILLS = (2.2, 1.8)  # how far apart the scores of defects and of good parts are, in standard deviations, of two models
SHARED = 0.6  # correlation of the two models' scores within a class
BRAG = 1.3  # how much too extreme their probabilities are


def draw(n: int, share: float, rng: np.random.Generator, equal: bool = False) -> tuple[Answers, ...]:
    """Answers of two models to n images, a share of which is positive (the number is fixed, as of a test set)."""
    positive = rng.permutation(n) < round(share * n)
    labels, common = np.where(positive, 0, 1), rng.standard_normal(n)
    found = []
    for skill in (SKILLS[0], SKILLS[0] if equal else SKILLS[1]):
        z = skill * positive + SHARED**0.5 * common + (1 - SHARED) ** 0.5 * rng.standard_normal(n)
        bad = expit(BRAG * (skill * z - skill**2 / 2 + np.log(share / (1 - share))) + 0.5)
        chance = np.stack([bad, 1 - bad], axis=1)
        predicted = chance.argmax(axis=1)
        score = chance[np.arange(n), labels]
        correct = (predicted == labels).astype(float)
        one = Answers(("bad", "good"), labels, predicted, correct, chance, score, positive=0, order=(1, 0))
        found.append(replace(one, false_alarm=norm.sf(z)))
    return tuple(found)


def facts_of(name: str) -> MetricFacts:
    """The facts of a metric with its default parameters."""
    metric = load("metrics", name)
    low, high = metric.bounds()
    given = {"unit": metric.unit, "higher_is_better": metric.higher_is_better, "low": low, "high": high}
    given |= {"counts_images": metric.counts_images, "parameters": dict(metric.parameters), "positive": "bad"}
    return MetricFacts(name, **given)


def truths(share: float, rng: np.random.Generator, size: int = 400_000) -> dict[str, np.ndarray]:
    """The gain (2,) of the two models by every metric, from many images."""
    models, found = draw(size, share, rng), {}
    for name in names("metrics"):
        facts = facts_of(name)
        scale = facts.sign * facts.scale
        found[name] = np.array([scale * load("metrics", name).measure(one).value for one in models])
    return found


def measure(n: int, share: float, studies: int, seed: int) -> dict[str, list[float]]:
    """Per metric: per cent of studies with an interval, of these those that cover, the same of differences, widths."""
    rng = np.random.default_rng([seed, n, round(1000 * share)])
    true = truths(share, rng)
    counts = {name: np.zeros(6) for name in true}
    for _ in range(studies):
        answers = draw(n, share, rng)
        found = SetAnswers("simulated", (("a", 0), ("b", 0)), answers, np.arange(n))
        for name, wanted in true.items():
            matrix = measure_set(found, facts_of(name)).matrix
            if matrix is None or matrix.withheld:
                continue
            row = value_rows(matrix).set_index("model").loc["a"]
            pairs, a = pair_differences(matrix), matrix.models.index("a")
            half, middle = 100 * pairs.half_width(0.025)[a, 1 - a], 100 * pairs.adjusted[a, 1 - a]
            gap = wanted[0] - wanted[1]
            counts[name] += (
                *(1, row["lo"] <= wanted[0] <= row["hi"], row["hi"] - row["lo"]),
                *(abs(middle - gap) <= half, 2 * half, middle - half > 0),
            )
    return {
        name: [100 * c[0] / studies, *(100 * c[[1, 3, 5]] / max(c[0], 1)), c[2] / max(c[0], 1), c[4] / max(c[0], 1)]
        for name, c in counts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--least", type=int, default=0, help="only sets from this size")
    parser.add_argument("--items", type=int, default=5_000, help="only sets up to this size")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    heads = "interval given | value covers | difference covers | seen | width | width of difference"
    print(f"| metric | positives | images | studies | {heads} |\n|{'---|' * 10}", flush=True)
    for share in (0.1, 0.02):
        for n in (50, 200, 1_000, 5_000):
            if not asked.least <= n <= asked.items:
                continue
            start = time.perf_counter()
            for name, row in measure(n, share, asked.studies, asked.seed).items():
                cells = (
                    " | ".join(f"{number:.1f}" for number in row[:4]) + " | " + " | ".join(f"{w:.3g}" for w in row[4:])
                )
                print(f"| {name} | {round(share * n)} | {n:,} | {asked.studies:,} | {cells} |", flush=True)
            print(f"seconds: {time.perf_counter() - start:.0f}", flush=True)


if __name__ == "__main__":
    main()
