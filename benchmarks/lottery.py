"""Time and memory of the lottery, each case in a process of its own, beside a plain pandas/scipy loop."""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from kogen.options.lottery import LotteryOptions
from kogen.results.judge import judge_results

PART = 40  # models of the plain loop, from which the rest is extrapolated: pairs * bootstraps


def wide_scores(models: int, sets: int) -> pd.DataFrame:
    """Scores of models that mostly agree, one column a set."""
    rng = np.random.default_rng([models, sets])
    level = rng.normal(75, 5, (models, 1))
    values = np.clip(level + rng.normal(0, 1.5, (models, sets)) - rng.uniform(0, 30, sets), 0, 100)
    frame = pd.DataFrame(np.round(values, 3), columns=[f"s{place:05d}" for place in range(sets)])
    frame.insert(0, "model", [f"model{place:06d}" for place in range(models)])
    return frame


def published(models: int, sets: int) -> pd.DataFrame:
    """The same in long form."""
    return wide_scores(models, sets).melt("model", var_name="dataset", value_name="score").assign(n=10_000)


def images(models: int, seeds: int, items: int) -> pd.DataFrame:
    """One row an image of models * seeds runs."""
    rng = np.random.default_rng([models, seeds, items])
    hard = rng.standard_normal(items, dtype=np.float32)
    rows = {"model": np.repeat([f"m{place:02d}" for place in range(models)], seeds * items)}
    rows["seed"] = np.tile(np.repeat(np.arange(seeds), items), models)
    rows["item"] = np.tile(np.array([f"i{place:06d}" for place in range(items)]), models * seeds)
    skill = np.repeat(rng.uniform(0.5, 1.5, models), seeds)[:, None] + 0.02 * rng.standard_normal((models * seeds, 1))
    right = skill + hard + rng.standard_normal((models * seeds, items), dtype=np.float32) > 0
    frame = pd.DataFrame(rows | {"correct": right.ravel().astype(np.int8)})
    for name in ("model", "item"):
        frame[name] = frame[name].astype("category")
    return frame.assign(dataset="val")


def measured(work: Callable[[], object], queue: multiprocessing.Queue) -> None:
    """Seconds of the work by the clock and of the processor, and the peak memory of this process in GB."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    queue.put(
        (
            time.perf_counter() - start,
            time.process_time() - busy,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        )
    )


def apart(work: Callable[[], object]) -> tuple[float, float, float]:
    """The same in a process of its own."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=measured, args=(work, queue))
    process.start()
    result = queue.get()
    process.join()
    return result


def many_models() -> object:
    return judge_results(published(1265, 6), LotteryOptions(reference="s00000", draws=2000))


def many_images() -> object:
    return judge_results(images(60, 1, 50_000), LotteryOptions(reference="val", draws=5000))


def many_seeds() -> object:
    return judge_results(images(20, 3, 50_000), LotteryOptions(reference="val", draws=5000))


def many_sets() -> object:
    return judge_results(published(10_000, 100), LotteryOptions(reference="s00000"))


def plain_models(draws: int = 20) -> float:
    """Seconds of a plain loop over pairs, bootstraps and sets, on a part, extrapolated to 1,265 models x 6 sets."""
    wide = published(PART, 6).pivot(index="model", columns="dataset", values="score")
    start = time.perf_counter()
    rng = np.random.default_rng(0)
    for target in wide.columns[1:]:
        for _ in range(draws):
            drawn = wide.iloc[rng.integers(0, PART, PART)]
            one, two = drawn["s00000"].to_numpy(), drawn[target].to_numpy()
            kendalltau(one, two)
            wins = [(one[i] - one[j]) * (two[i] - two[j]) > 0 for i, j in combinations(range(PART), 2)]
            np.mean(wins)
    pairs = (1265 * 1264) / (PART * (PART - 1))
    return (time.perf_counter() - start) * pairs * 2000 / draws


def plain_images(draws: int = 10) -> float:
    """Seconds of a plain loop that resamples items for all models, on a part, extrapolated to B = 5,000."""
    wide = images(60, 1, 50_000).pivot(index="item", columns="model", values="correct")
    start = time.perf_counter()
    for seed in range(draws):
        wide.sample(frac=1, replace=True, random_state=seed).mean()
    return (time.perf_counter() - start) * 5000 / draws


def big_file(gigabytes: float) -> Callable[[], object]:
    """A csv of this size, judged from the file."""

    def work() -> object:
        with tempfile.TemporaryDirectory() as folder:
            place, part = Path(folder) / "big.csv", images(20, 1, 50_000).assign(note="x" * 20)
            text = part.to_csv(index=False)
            head, body = text.split("\n", 1)
            with place.open("w") as file:
                file.write(head + "\n")
                for copy in range(max(1, round(gigabytes * 1e9 / len(text)))):
                    file.write(body.replace(",val,", f",val{copy},"))
            start = time.perf_counter()
            judge_results(place, LotteryOptions(reference="val0", draws=500))
            print(f"  ({os.path.getsize(place) / 1e9:.2f} GB read and judged in {time.perf_counter() - start:.0f} s)")
            return None

    return work


CASES: dict[str, tuple[str, Callable[[], object], Callable[[], float] | None]] = {
    "models": ("1,265 models x 6 sets, all pairs, scores alone (wanted: 10 s, 1 GB)", many_models, plain_models),
    "images": ("60 runs x 50,000 items, B = 5,000, max-T (wanted: 60 s, 2 GB)", many_images, plain_images),
    "seeds": ("the same as 20 models of 3 seeds (wanted: 60 s, 2 GB)", many_seeds, None),
    "sets": ("10,000 models x 100 sets, scores alone (wanted: 60 s)", many_sets, None),
    "file": ("a csv of 1 GB, one row an image", big_file(1.0), None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=[*CASES], action="append", help="only these")
    asked = parser.parse_args()
    print(
        "| case | seconds | processor seconds | peak GB | plain loop, seconds (extrapolated) |\n|---|---|---|---|---|",
        flush=True,
    )
    for name in asked.case or CASES:
        title, work, plain = CASES[name]
        seconds, busy, memory = apart(work)
        beside = f"{plain():,.0f}" if plain else "-"
        print(f"| {title} | {seconds:.1f} | {busy:.1f} | {memory:.2f} | {beside} |", flush=True)


if __name__ == "__main__":
    main()
