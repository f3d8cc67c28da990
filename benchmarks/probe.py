"""The linear probe beside a plain loop over scikit-learn's fastest solver: seconds at equal validation loss.

    python benchmarks/probe.py                     # 2,000 x 128 with 13 strengths, 50,000 x 512 with 45
    python benchmarks/probe.py --sizes 5000x512x13
    python benchmarks/probe.py --budgets           # 10 networks x 4 budgets x 20 draws of 10,000 x 512, as a study asks

Features are Gaussian classes whose spectrum falls over two decades, as those of networks do. Both sides fit each
strength on the same four fifths and choose the one of the least log loss on the last fifth; scikit-learn's tolerance
is lowered from its default until its least loss is within 1e-4 of ours. Its loop takes float32, and whichever of
lbfgs, newton-cholesky (up to 200 features) and saga is fastest on three of the strengths and arrives (saga may take
100 passes), each from where the last one ended; its features are standardised beforehand, ours inside.
"""

import argparse
import time
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from kogen.data.images import from_array
from kogen.evaluation.features import Features
from kogen.evaluation.logistic_regression import rotate, solve
from kogen.evaluation.predict import answer_protocols
from kogen.evaluation.validation import take

CLASSES = 10
SOLVERS: dict[Any, int] = {"lbfgs": 1000, "newton-cholesky": 100, "saga": 100}  # and their largest number of passes

BUDGETS = ("1%", "5%", "10%", "25%")
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7)  # of scikit-learn, the first with which it is as good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="2000x128x13,50000x512x45", help="images x dimensions x strengths")
    parser.add_argument("--budgets", action="store_true", help="the probes of label budgets, as a study fits them")
    parser.add_argument("--networks", type=int, default=10, help="of --budgets")
    warnings.simplefilter("ignore")
    print(f"{torch.get_num_threads()} threads")
    options = parser.parse_args()
    if options.budgets:
        time_budgets(options.networks)
        return
    for size in options.sizes.split(","):
        count, dimensions, strengths = map(int, size.split("x"))
        compare(count, dimensions, np.logspace(5, -6, 45) if strengths == 45 else np.logspace(1, -5, strengths))


def time_budgets(networks: int = 10, draws: int = 20, tested: int = 2000) -> None:
    """Print the seconds of every probe that label budgets ask for, each with its 13 strengths and its rows."""
    began, classes = time.perf_counter(), tuple(map(str, range(CLASSES)))
    spent, right = dict.fromkeys(BUDGETS, 0.0), dict.fromkeys(BUDGETS, 0.0)
    for network in range(networks):
        values, labels = sample(10_000 + tested, 512, seed=network)
        ids = np.arange(len(labels)).astype(str)
        every = Features(values, labels, classes, ids, ids)
        train, test = take(every, np.arange(10_000)), take(every, np.arange(10_000, 10_000 + tested))
        tests = {"test": from_array(np.zeros((tested, 1, 8, 8), np.uint8), test.labels, classes)}
        for budget in BUDGETS:
            start = time.perf_counter()
            rows = answer_protocols(train, {"test": test}, tests, [f"linear@{budget}#{draw}" for draw in range(draws)])
            spent[budget] += time.perf_counter() - start
            right[budget] += float(np.mean([table.correct.mean() for table in rows])) / networks
    parts = ", ".join(f"{budget} {spent[budget]:.1f} s ({right[budget]:.4f} right)" for budget in BUDGETS)
    whole, made = time.perf_counter() - began, networks * draws * len(BUDGETS)
    print(f"{made} probes of {networks} networks, {draws} draws of 10,000 x 512: {sum(spent.values()):.1f} s: {parts}")
    print(f"    with making the features {whole:.1f} s")


def compare(count: int, dimensions: int, strengths: np.ndarray) -> None:
    """Print the seconds and the validation losses of both."""
    values, labels = sample(count, dimensions)
    held = np.arange(count) % 5 == 0
    began = time.perf_counter()
    axes = rotate(values[~held], labels[~held], "cpu")
    found = solve(axes, np.ones((1, len(axes.labels)), dtype=bool), list(strengths), 300, 1e-7)[0]
    ours = found.judge(values[held], labels[held])[1] / held.sum()
    seconds = time.perf_counter() - began
    scaler = StandardScaler().fit(values[~held])
    train, test = (np.asarray(scaler.transform(part)) for part in (values[~held], values[held]))
    trial = strengths[:: max(1, len(strengths) // 3)][:3]
    large = dimensions * CLASSES > 2_000  # whose Hessian takes minutes
    names = [name for name in SOLVERS if not (large and name == "newton-cholesky")]
    tries = {name: loop(name, train, labels[~held], test, labels[held], trial) for name in names}
    least = np.min([losses for _, losses in tries.values()], axis=0)
    spent = {name: one for name, (one, losses) in tries.items() if np.abs(losses - least).max() < 2e-3}
    fastest = min(spent, key=lambda name: spent[name])
    tolerance, their_seconds, theirs = 0.0, 0.0, np.full(len(strengths), np.inf)
    for tolerance in TOLERANCES:
        their_seconds, theirs = loop(fastest, train, labels[~held], test, labels[held], strengths, tolerance)
        if theirs.min() < ours.min() + 1e-4:
            break
    peer = f"scikit-learn ({fastest}, tol {tolerance:g}) {their_seconds:.2f} s, {their_seconds / seconds:.1f} times"
    print(f"{count} x {dimensions}, {len(strengths)} strengths: kogen {seconds:.2f} s, {peer}")
    tried = ", ".join(
        f"{name} {one:.2f} s{'' if name in spent else ' (not there yet)'}" for name, (one, _) in tries.items()
    )
    print(f"    three strengths by each solver: {tried}")
    print(f"    least validation loss {ours.min():.6f} and {theirs.min():.6f}, largest difference of one strength "
          f"{np.abs(ours - theirs).max():.6f}", flush=True)  # fmt: skip


def loop(
    solver: Any,
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    wanted: np.ndarray,
    strengths: np.ndarray,
    tolerance: float = 1e-4,
) -> tuple[float, np.ndarray]:
    """Seconds and validation losses of scikit-learn, strength after strength."""
    began, losses = time.perf_counter(), []
    model = LogisticRegression(solver=solver, tol=tolerance, max_iter=SOLVERS[solver], warm_start=True)
    for strength in strengths:
        model.set_params(C=1 / (strength * len(train))).fit(train, labels)
        losses.append(log_loss(wanted, model.predict_proba(test)))
    return time.perf_counter() - began, np.array(losses)


def sample(count: int, dimensions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, D) float32 and labels (N,)."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(CLASSES, dimensions)) / np.sqrt(dimensions)
    turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    labels = rng.integers(CLASSES, size=count)
    spread = (centres[labels] + rng.normal(size=(count, dimensions))) * np.logspace(0, -2, dimensions)
    return (spread @ turn).astype(np.float32), labels


if __name__ == "__main__":
    main()
