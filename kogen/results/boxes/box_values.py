"""Box values: COCO's numbers of detectors with intervals, and paired differences, for images drawn anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kogen.boxes.average_precisions import all_precisions, coco_numbers, mean_of_known
from kogen.boxes.false_alarms import RATES, sensitivities
from kogen.boxes.matching import SIZES, ClassMatches
from kogen.results.boxes.box_runs import BoxRun
from kogen.statistics._item_matrix import ItemMatrix, matrix_of_runs
from kogen.statistics.paired import paired
from kogen.statistics.resampling.bootstrap import draw_counts
from kogen.statistics.values import values

MIN_IMAGES = 5  # with something to be found, below which no interval is given
FEW = "few_of_class"
DRAWS = 2000
CHUNK = 256  # draws whose precisions of every class, size and overlap are held at once


@dataclass(frozen=True, eq=False)
class RunPrecisions:
    """COCO's numbers of one run: of all images, and with each of them left out in turn."""

    run: BoxRun
    numbers: dict[str, float]  # 0-1, NaN where nothing is to be found
    without: dict[str, np.ndarray]  # (N,) each
    looked_for: dict[str, np.ndarray]  # (N,) int each: boxes on each image that the number looks for


def measure_run(run: BoxRun) -> RunPrecisions:
    """The numbers of a run: COCO's six, and `ap:CLASS` of each class."""
    matches, n = run.matches(), len(run.items)
    whole = numbers_of(all_precisions(matches, np.ones((1, n))), run.classes)
    parts = list[dict[str, np.ndarray]]()
    for start in range(0, n, CHUNK):
        weights = np.ones((min(CHUNK, n - start), n))
        weights[np.arange(len(weights)), start + np.arange(len(weights))] = 0
        parts.append(numbers_of(all_precisions(matches, weights), run.classes))
    without = {name: np.concatenate([part[name] for part in parts]) for name in whole}
    return RunPrecisions(run, {k: float(v[0]) for k, v in whole.items()}, without, count_wanted(matches, run.classes))


def numbers_of(found: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """COCO's numbers (R,) and the average precision of each class, from precisions (R, K, S, T)."""
    own = {f"ap:{name}": mean_of_known(found[:, [k], 0]) for k, name in enumerate(classes)}
    return dict(coco_numbers(found)) | own


def count_wanted(matches: Sequence[ClassMatches], classes: Sequence[str]) -> dict[str, np.ndarray]:
    """How many boxes on each image (N,) a number looks for."""
    wanted = np.stack([one.wanted for one in matches])  # (K, S, N)
    anything = np.asarray(wanted[:, 0].sum(axis=0))
    found: dict[str, np.ndarray] = {"ap": anything, "ap50": anything, "ap75": anything}
    found |= {f"ap_{name}": np.asarray(wanted[:, n].sum(axis=0)) for n, name in enumerate(SIZES) if n}
    return found | {f"ap:{name}": wanted[k, 0] for k, name in enumerate(classes)}


def contributions(measured: RunPrecisions, number: str) -> np.ndarray:
    """What each image adds to a number, (N,), whose mean is the number: the jackknife's pseudo-values, centred on it.

    n times the number less (n - 1) times that without the image (Efron 1982); the spread of these is the error of the
    number for images drawn anew, and sums over a cluster are those of the cluster.
    """
    value, without = measured.numbers[number], measured.without[number]
    without = np.where(np.isnan(without), value, without)  # the only image of a class: see MIN_IMAGES
    return value + (len(without) - 1) * (without.mean() - without)


def number_matrix(measured: Sequence[RunPrecisions], number: str) -> ItemMatrix | None:
    """The item matrix of a number on one set, of all runs; None where nothing is to be found."""
    if any(np.isnan(one.numbers[number]) for one in measured):
        return None
    first = measured[0]
    each = np.stack([contributions(one, number) for one in measured])
    cluster = pd.factorize(first.run.clusters, sort=True)[0]
    matrix = matrix_of_runs(first.run.dataset, [(one.run.model, one.run.seed) for one in measured], each, cluster)
    boxes = first.looked_for[number]
    looked_for = boxes > 0
    images = int(looked_for.sum())
    # As far as one image moves the sum: their spread, and at least one box that is missed where none is yet.
    step = max(float(each[:, looked_for].std(axis=1).max()), len(looked_for) / (images * (images + 1)))
    support = np.full(len(matrix.models), float(boxes.sum()))  # no value is worth more than its boxes one by one
    withheld = FEW if images < MIN_IMAGES else ""
    return replace(matrix, support=support, step=step, whole=False, withheld=withheld)


def box_values(measured: Sequence[RunPrecisions]) -> pd.DataFrame:
    """Every number of every model on every set, as `statistics.values`, with a column `number`; points.

    lo and hi are NaN where fewer than five images have anything to be found.
    """
    return _by_number(measured, lambda matrix: values([matrix]))


def box_pairs(measured: Sequence[RunPrecisions], margin: float | None = None) -> pd.DataFrame:
    """Every pair of models on every set by every number, as `statistics.paired`, with a column `number`."""
    return _by_number(measured, lambda matrix: paired([matrix], margin=margin))


def _by_number(measured: Sequence[RunPrecisions], ask: Callable[[ItemMatrix], pd.DataFrame]) -> pd.DataFrame:
    """The tables that a question has of each set and number, one below the other."""
    found = list[pd.DataFrame]()
    sets: dict[str, list[RunPrecisions]] = {}
    for one in measured:
        sets.setdefault(one.run.dataset, []).append(one)
    for runs in sets.values():
        for number in runs[0].numbers:
            if (matrix := number_matrix(runs, number)) is not None:
                table = ask(matrix)
                if len(table):
                    found.append(table.assign(number=number))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def draw_weights(clusters: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each image (N,) counts in each draw of as many clusters as there are, (draws, N) float32."""
    code, names = pd.factorize(clusters, sort=True)
    rng = np.random.default_rng([seed, len(code)])
    return draw_counts(rng, draws, np.arange(len(names)), len(names))[:, code]


def bootstrap_numbers(run: BoxRun, draws: int = DRAWS, seed: int = 0) -> dict[str, np.ndarray]:
    """COCO's numbers (draws,) on images drawn anew, whole clusters at a time; runs on one set share the draws."""
    matches, weights = run.matches(), draw_weights(run.clusters, draws, seed)
    parts = [
        numbers_of(all_precisions(matches, weights[start : start + CHUNK]), run.classes)
        for start in range(0, draws, CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def false_alarm_curve(run: BoxRun, draws: int = DRAWS, seed: int = 0, level: float = 0.95) -> pd.DataFrame:
    """The share of boxes found at 1/8 to 8 false alarms an image, with percentile intervals; points.

    Output: dataset, model, seed, false_alarms, value, lo, hi. One threshold for all classes, overlap .5.
    """
    matches = run.matches()
    value = sensitivities(matches, np.ones((1, len(run.items))))[0]
    sample = sensitivities(matches, draw_weights(run.clusters, draws, seed))
    ends = (1 - level) / 2, 1 - (1 - level) / 2
    lo, hi = np.nanquantile(sample, ends, axis=0) if not np.isnan(value).all() else (value, value)
    table = {"dataset": run.dataset, "model": run.model, "seed": run.seed, "false_alarms": RATES}
    return pd.DataFrame(table | {"value": 100 * value, "lo": 100 * lo, "hi": 100 * hi})
