"""Probes by name: kogen's own, and a user's own, whose answers are checked and who sees no label of the test images."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from kogen.common import registry
from kogen.evaluation.features import Features, Predictions
from kogen.evaluation.probes._check import check

SUM_TOLERANCE = 1e-3  # of the probabilities of an image
REPEATED: set[tuple[Any, tuple[int, int]]] = set()  # probes that were asked twice, and answered the same


def load_probe(name: str) -> Callable[..., Predictions]:
    """The probe of this name, as `probe(train, test, device=...)`. ValueError for an unknown name."""
    made = registry.load("probes", name)
    return made if name in registry.own_names("probes") else partial(answer_with_own, name, made)


def answer_with_own(
    name: str,
    probe: Callable[..., Any],
    train: Features,
    test: Features,
    *,
    device: torch.device | str = "cpu",
    **settled: Any,
) -> Predictions:
    """What a user's own probe says: it returns Predictions, or probabilities (M, K) in the order of `train.classes`.

    `device` is passed on where its signature has it. ValueError as `check`, and for answers of another shape, that are
    not finite, below 0, or whose rows do not sum to 1.
    """
    check(train, test)
    where = {"device": device} if "device" in inspect.signature(probe).parameters else {}

    def ask() -> tuple[Any, np.ndarray]:
        """The answer, and its probabilities."""
        known = replace(train, values=train.values.copy(), labels=train.labels.copy())  # other probes learn from these
        hidden = replace(test, values=test.values.copy(), labels=np.full(len(test), -1))
        answer = probe(known, hidden, **where, **settled)
        return answer, answer.probability if isinstance(answer, Predictions) else np.asarray(answer)

    shape = (len(test), len(train.classes))
    answer, probability = ask()
    check_answer(name, probability, shape)
    if (probe, shape) not in REPEATED:
        if not np.array_equal(ask()[1], probability):
            raise ValueError(
                f"the probe {name!r} answers otherwise when it is asked again: take what is random from a generator "
                "with a seed, np.random.default_rng(0)"
            )
        REPEATED.add((probe, shape))
    whole = answer if isinstance(answer, Predictions) else Predictions(len(test), lambda rows: probability[rows])
    return replace(whole, predict=lambda rows: probability[rows].astype(np.float32))


def check_answer(name: str, probability: Any, shape: tuple[int, int]) -> None:
    """ValueError for what are no probabilities (M, K)."""
    title = f"the probe {name!r} answered"
    if not isinstance(probability, np.ndarray) or probability.shape != shape or probability.dtype.kind not in "fiu":
        got = f"an array {probability.shape}" if isinstance(probability, np.ndarray) else type(probability).__name__
        raise ValueError(f"{title} {got}, wanted probabilities {shape}, a row an image and a column a class of train")
    if not np.isfinite(probability).all() or probability.min(initial=0) < 0:
        raise ValueError(f"{title} with numbers that are not finite or below 0: wanted probabilities")
    if len(odd := np.flatnonzero(np.abs(probability.sum(axis=1) - 1) > SUM_TOLERANCE)):
        total = float(probability[odd[0]].sum())
        raise ValueError(f"{title}, and row {odd[0]} sums to {total:.4g}: wanted probabilities that sum to 1")
