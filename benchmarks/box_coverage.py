"""Do the intervals of average precision cover? Detectors whose truth is known are simulated; see docs/coverage.md."""

import argparse
import time

import numpy as np

from kogen.boxes.average_precisions import all_precisions
from kogen.boxes.image_boxes import FoundBoxes, ImageBoxes
from kogen.boxes.matching import match_class
from kogen.results.boxes.box_runs import BoxRun
from kogen.results.boxes.box_values import bootstrap_numbers, measure_run, number_matrix, numbers_of
from kogen.statistics._intervals import pair_differences
from kogen.statistics.values import rows as value_rows

CLASSES, SIDE = 3, 40.0
SKILLS = (0.8, 0.65)  # share of boxes that each of two detectors finds
NUMBERS = ("ap", "ap50")
DRAWS = 1000


def draw_image(rng: np.random.Generator, hard: float) -> tuple[ImageBoxes, list[FoundBoxes]]:
    """An image with 0 to 5 boxes on a grid, and what two detectors find; `hard` images are hard for both."""
    n = int(rng.integers(0, 6))
    cells = rng.choice(36, n + 4, replace=False)
    low = np.stack([cells % 6, cells // 6], axis=1) * 60.0
    corners = np.hstack([low, low + SIDE])
    labels = rng.integers(0, CLASSES, n + 4)
    true = ImageBoxes(corners[:n], labels[:n], np.zeros(n, bool), np.zeros(n, bool), np.full(n, SIDE**2))
    found = []
    for skill in SKILLS:
        seen = np.flatnonzero(rng.random(n) < np.clip(skill - 0.3 * hard, 0, 1))
        false = n + np.flatnonzero(rng.random(4) < 0.35 + 0.2 * hard)
        rows = np.concatenate([seen, false])
        moved = corners[rows] + rng.normal(0, 2.5, (len(rows), 1)) * [1.0, 0.0, 1.0, 0.0]
        score = np.concatenate([rng.beta(4, 2, len(seen)), rng.beta(2, 4, len(false))])
        found.append(FoundBoxes(moved, labels[rows], score))
    return true, found


def draw_runs(images: int, lots: int, rng: np.random.Generator) -> list[BoxRun]:
    """Two detectors on one set; with `lots` the images of a lot are alike hard."""
    lot = np.arange(images) if not lots else np.arange(images) % lots
    hard = rng.standard_normal(lot.max() + 1)[lot]
    drawn = [draw_image(rng, one) for one in hard]
    items, clusters = (np.array([f"{n:06d}" for n in part]) for part in (np.arange(images), lot))
    true, names = tuple(one for one, _ in drawn), tuple("abc")
    return [
        BoxRun("set", model, 0, names, items, clusters, true, tuple(found[k] for _, found in drawn))
        for k, model in enumerate("ab")
    ]


def truths(rng: np.random.Generator, images: int = 30_000) -> dict[str, np.ndarray]:
    """The numbers (2,) of both detectors on very many images; these are drawn one lot each, which changes no mean."""
    found = []
    for run in draw_runs(images, 0, rng):
        matches = [match_class(run.true, run.found, label) for label in range(CLASSES)]
        found.append(numbers_of(all_precisions(matches, np.ones((1, images))), run.classes))
    return {name: 100 * np.array([one[name][0] for one in found]) for name in NUMBERS}


def count(images: int, lots: int, studies: int, truth: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Shares of intervals that hold the truth: of a value by `values` and by percentiles, of a difference; widths."""
    rng, counts = np.random.default_rng([seed, images, lots]), {name: np.zeros(6) for name in NUMBERS}
    for study in range(studies):
        runs = draw_runs(images, lots, rng)
        measured = [measure_run(run) for run in runs]
        sample = [bootstrap_numbers(run, DRAWS, study) for run in runs]
        for name, wanted in truth.items():
            matrix = number_matrix(measured, name)
            assert matrix is not None
            row = value_rows(matrix).set_index("model").loc["a"]
            pairs, a = pair_differences(matrix), matrix.models.index("a")
            half, middle = 100 * pairs.half_width(0.025)[a, 1 - a], 100 * pairs.adjusted[a, 1 - a]
            low, high = 100 * np.quantile(sample[0][name], (0.025, 0.975))
            gap = wanted[0] - wanted[1]
            lo, hi = 100 * np.quantile(sample[0][name] - sample[1][name], (0.025, 0.975))
            counts[name] += (
                *(row["lo"] <= wanted[0] <= row["hi"], low <= wanted[0] <= high, row["hi"] - row["lo"]),
                *(abs(middle - gap) <= half, lo <= gap <= hi, 2 * half),
            )
    return {name: counted / studies for name, counted in counts.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", nargs="*", default=["50,0", "150,0", "500,0", "150,15", "500,25"], help="IMAGES,LOTS")
    asked = parser.parse_args()
    began, truth = time.perf_counter(), truths(np.random.default_rng(asked.seed))
    print({name: np.round(values, 2).tolist() for name, values in truth.items()})
    print("| images | lots | number | value covers | percentile | width | difference covers | percentile | width |")
    print("|---|---|---|---|---|---|---|---|---|")
    for images, lots in (map(int, row.split(",")) for row in asked.rows):
        for name, (a, b, c, d, e, f) in count(images, lots, asked.studies, truth, asked.seed).items():
            shares = f"{100 * a:.1f} | {100 * b:.1f} | {c:.1f} | {100 * d:.1f} | {100 * e:.1f} | {f:.1f}"
            print(f"| {images} | {lots or 'none'} | {name} | {shares} |", flush=True)
    print(f"{asked.studies} studies a row, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
