"""Evaluation: features of a frozen backbone, probes trained once on the reference labels, one row per test image."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from kogen.augmentation.rendering import AnyView
from kogen.common.devices import exact_arithmetic
from kogen.common.protocols import Protocol, split_protocol
from kogen.common.threads import SMALL_FEATURES, serial_threads
from kogen.data.images import Images
from kogen.evaluation.features import Features, Predictions, embed
from kogen.evaluation.label_budgets import drawn_rows
from kogen.evaluation.probe_shelf import load_probe
from kogen.evaluation.validation import false_alarms, take, validate_probe
from kogen.modules.base import Backbone

MAX_CLASSES_STORED = 64  # whose probabilities the table keeps
MAX_PROBABILITIES = 2**22  # held at once, 16 MiB in float32, beside copies of it


class Answers(NamedTuple):
    """What a probe answered, (M,) each, and how it is judged."""

    predicted: np.ndarray  # int64 into the classes
    correct: np.ndarray  # int8
    score: np.ndarray  # float32, probability of what is right
    soft: np.ndarray  # float32, share of people who chose the prediction; NaN where nobody was asked
    probabilities: np.ndarray  # (M, K) float32, or (M, 0) of more than 64 classes


def evaluate_backbone(
    backbone: Backbone,
    view: AnyView,
    train: Images,
    tests: Mapping[str, Images],
    roles: Mapping[str, str],
    probes: Sequence[str],
    identity: Mapping[str, object],
) -> pd.DataFrame:
    """A predictions table (tables.SCHEMAS) of one backbone: each probe learns on `train`, is judged on every test set.

    `probes` are protocols: names of probes, or `linear@5%#2`, which learns from part of the labels. `identity` fills
    the columns run, model, method and seed. ValueError as of `check_sets`, and as `draw_labels`.
    """
    check_sets(train, tests, probes)
    known = embed(backbone, train, view)
    judged = {name: embed(backbone, images, view) for name, images in tests.items()}
    tables = answer_protocols(known, judged, tests, probes, next(backbone.parameters()).device)
    return pd.concat(tables, ignore_index=True).assign(**identity, role=lambda rows: rows.dataset.map(roles))


def answer_protocols(
    known: Features,
    judged: Mapping[str, Features],
    tests: Mapping[str, Images],
    protocols: Sequence[str],
    device: torch.device | str = "cpu",
) -> list[pd.DataFrame]:
    """The rows of each protocol, which learns from the features `known`, as of `answer_rows`.

    Those that learn from few values do so on the processor, several at a time; large ones one after the other, on
    `device`.
    """
    everything = join_features(list(judged.values()))

    def answer(asked: Protocol, learnt: Features, place: torch.device | str) -> pd.DataFrame:
        learn = partial(load_probe(asked.probe), device=place)
        predictions: Predictions = learn(learnt, everything)
        # Its choices stay: made anew for each part they cost several times the probe, most of all where labels are few.
        settled = partial(learn, **predictions.settled)
        held = validate_probe(settled, learnt) if len(known.classes) == 2 else None
        return answer_rows(asked, predictions, held, judged, tests)

    asked = [split_protocol(name) for name in protocols]
    rows = {one: drawn_rows(known, one) for one in asked}
    few = [one for one in asked if one.budget and known.values.shape[1] * len(rows[one]) < SMALL_FEATURES]
    found = {
        one: answer(one, take(known, rows[one]) if one.budget else known, device) for one in asked if one not in few
    }
    with serial_threads(torch.get_num_threads()) as pool, threadpool_limits(1), exact_arithmetic():
        made = pool.map(lambda one: answer(one, take(known, rows[one]), "cpu"), few)
        found |= dict(zip(few, made, strict=True))
    return [found[one] for one in asked]


def answer_rows(
    asked: Protocol,
    predictions: Predictions,
    held: tuple[np.ndarray, np.ndarray] | None,
    judged: Mapping[str, Features],
    tests: Mapping[str, Images],
) -> pd.DataFrame:
    """Rows of a predictions table, without run and role, of one protocol on every test set.

    `predictions` are of all sets in order; `held`: labels and probabilities of training images that were not learnt
    from, see `validate_probe`.
    """
    tables = []
    for name, answers in judge_predictions(predictions, judged, tests).items():
        table = prediction_table(judged[name], answers)
        table = table.assign(**place_columns(tests[name]), false_alarm=false_alarms(held, answers.probabilities))
        table = table.assign(dataset=name, protocol=asked.probe)
        tables.append(table.assign(**({"budget": asked.budget, "draw": asked.draw} if asked.budget else {})))
    return pd.concat(tables, ignore_index=True)


def check_sets(train: Images, tests: Mapping[str, Images], probes: Sequence[str]) -> None:
    """ValueError for no test set, no probe, images without a label, and labels that are counted in other classes."""
    if not tests or not probes:
        got = f"{len(tests)} test sets and {len(probes)} probes"
        raise ValueError(f"{got}: name one or more of each (--test NAME=SOURCE, --probe linear)")
    for name, images in {train.name or "the training set": train, **tests}.items():
        unknown = np.flatnonzero(images.labels < 0)
        if len(unknown) or not len(images):
            first = images.sources[unknown[0]] if len(unknown) else ""
            got = f"images without a label: {len(unknown)} of {len(images)}, the first is {first}"
            raise ValueError(
                f"{name}: {got if len(images) else 'no image has a label'}. Probes learn from labels and are judged on "
                "them: give labels (--labels TABLE.csv with columns path,label, or one sub-folder per class), or leave "
                "these images out (labelled_subset)"
            )
        if images.classes != train.classes:
            got = f"{name} counts its labels in {images.classes[:5]}, the training images theirs in {train.classes[:5]}"
            raise ValueError(f"{got}: count them alike (with_classes)")


def join_features(parts: list[Features]) -> Features:
    """Several sets as one, in order."""
    names = ("values", "labels", "ids", "clusters")
    if len(parts) == 1:
        return parts[0]
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def judge_predictions(
    predictions: Predictions, judged: Mapping[str, Features], tests: Mapping[str, Images]
) -> dict[str, Answers]:
    """The answers to each test set; `predictions` are of all sets in order, and few of them are held at once."""
    found: dict[str, list[Answers]] = {name: [] for name in judged}
    classes = len(next(iter(judged.values())).classes)
    size = max(1, MAX_PROBABILITIES // classes)
    for start in range(0, predictions.count, size):
        stop, first = min(start + size, predictions.count), 0
        probability = None  # frees the last ones first
        probability = predictions.predict(slice(start, stop))  # (n, K)
        for name, features in judged.items():
            begin, end = max(first, start), min(first + len(features), stop)  # of this set among these predictions
            if begin < end:
                rows = slice(begin - first, end - first)
                found[name].append(judge_rows(features, probability[begin - start : end - start], tests[name], rows))
            first += len(features)
    return {name: Answers(*map(np.concatenate, zip(*parts, strict=True))) for name, parts in found.items()}


def judge_rows(features: Features, probability: np.ndarray, images: Images, rows: slice) -> Answers:
    """What the table says of some images, whose probabilities (m, K) these are.

    `images` says how they are judged. Among some classes only (ImageNet-A and -R): the prediction is the likeliest of
    these, as if the other logits were left out. Several right classes (ReaL, Beyer et al. 2020, arXiv 2006.07159):
    right is any of them, the score their sum. People's shares h (CIFAR-10H, Peterson et al. 2019, arXiv 1908.07086):
    right is what most people chose (agreement); `soft` is the share who chose the predicted class, its mean the soft
    accuracy: how often a person drawn at random agrees; the score is exp(sum h log p), so that minus the mean logarithm
    of the scores is the cross-entropy, here as with one label.
    """
    probability = restrict_classes(probability, features.classes, images.allowed_classes)
    every, predicted = np.arange(len(probability)), probability.argmax(axis=1)  # (m,)
    labels, right = features.labels[rows], predicted == features.labels[rows]
    score, soft = probability[every, labels], np.full(len(every), np.nan)
    if images.answers is not None:
        answers = images.answers[rows]
        if answers.dtype == bool:
            right, score = answers[every, predicted], (probability * answers).sum(axis=1)
        else:
            score = np.prod(np.where(answers > 0, probability, 1) ** answers, axis=1)  # exp(sum h log p); 0^0 is 1
            soft = answers[every, predicted]
    kept = probability[:, : probability.shape[1] if probability.shape[1] <= MAX_CLASSES_STORED else 0]
    numbers = (score.astype(np.float32), soft.astype(np.float32), kept.astype(np.float32))
    return Answers(predicted, right.astype(np.int8), *numbers)


def prediction_table(features: Features, answers: Answers) -> pd.DataFrame:
    """One row for each image: its label, the prediction, whether it is right, the probability of what is right."""
    names = np.array(features.classes, dtype=object)
    return pd.DataFrame(
        {
            "item": unique_item_ids(features.ids),
            "cluster": features.clusters,
            "label": names[features.labels],
            "predicted": names[answers.predicted],
            "correct": answers.correct,
            "score": answers.score,
            "soft": answers.soft,
            "probabilities": list(answers.probabilities) if answers.probabilities.shape[1] else None,
        }
    )


def place_columns(images: Images) -> dict[str, np.ndarray | None]:
    """Where the file of each image lies below its source and the group it is of, (M,); None where that is not known."""
    groups = None if images.groups is None else np.array([name or None for name in images.groups], object)
    return {"path": images.sources if images.root else None, "group": groups}


def restrict_classes(probability: np.ndarray, classes: tuple[str, ...], among: tuple[str, ...]) -> np.ndarray:
    """Probabilities (M, K) given that the class is one of `among`, 0 for the others; all alike where none had any.

    This is the softmax of the logits of these classes alone.
    """
    if not among:
        return probability
    inside = np.isin(np.array(classes, dtype=object), np.array(among, dtype=object))  # (K,)
    kept = probability * inside
    total = kept.sum(axis=1, keepdims=True)
    return np.where(total > 0, kept / np.where(total > 0, total, 1), inside / max(inside.sum(), 1))


def unique_item_ids(ids: np.ndarray) -> np.ndarray:
    """Content ids with `#2`, `#3` ... on the copies of an image inside one set, so that a row has one key."""
    series = pd.Series(ids.astype(str))
    if series.is_unique:
        return series.to_numpy()
    copy = series.groupby(series).cumcount()  # (M,) 0 for the first
    return np.where(copy == 0, series, series + "#" + (copy + 1).astype(str))
