"""Old and new model on the same labelled images: whether the update is safe, and which images newly fail."""

import filecmp
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.contracts import to_plain
from kogen.common.files import write_json
from kogen.common.outputs import claim_folder
from kogen.common.text import join_names
from kogen.data.images import Images
from kogen.data.near_copies import find_copies, with_copy_clusters
from kogen.data.split_names import judging_part
from kogen.evaluation.predict import unique_item_ids
from kogen.handover.classify import open_for
from kogen.handover.export import open_model
from kogen.handover.exported_model import ExportedModel
from kogen.options.handover import CompareOptions
from kogen.results.answers.update import NEW, OLD, compare_models
from kogen.results.csv_file import write_csv
from kogen.study.splits import paths_read

RESULT, FAILING = "compare.json", "newly_failing.csv"
SAME_FILE = "both are the same model"
SAME_ANSWERS = "both gave the same probabilities to every image"


def compare(models: Sequence[Path], options: CompareOptions) -> dict[str, Any]:
    """The comparison of two models, old and new, as plain data; with `options.out` written there, with a csv.

    ValueError for other than two models, no test set or labels, and labels that neither model knows.
    """
    if len(models) != 2:
        raise ValueError(
            f"models given: {len(models)}; name two, first the old one, then the new: kogen compare OLD NEW"
        )
    if not options.test:
        raise ValueError("no images to compare on: name labelled ones with --test SOURCE")
    if options.out:
        claim_folder(options.out, [*models, *paths_read(options, options.test)])
    opened = {name: open_model(place, options.head) for name, place in zip((OLD, NEW), models, strict=True)}
    sets = {name: open_labelled_test(model, options) for name, model in opened.items()}
    check_labels(sets[OLD], opened)
    probability = {name: model.probability(sets[name]) for name, model in opened.items()}
    answers = {name: answer(model, sets[name], probability[name]) for name, model in opened.items()}
    rows = pd.concat([table.assign(model=name, dataset="test", seed=0) for name, table in answers.items()])
    same = SAME_FILE if are_same(*models) else ""
    if not same and opened[OLD].network.classes == opened[NEW].network.classes:
        same = SAME_ANSWERS if np.array_equal(probability[OLD], probability[NEW]) else ""
    found = to_plain(compare_models(rows, options.margin, same))
    if options.out:
        write_json(options.out / RESULT, found)
        write_csv(options.out / FAILING, newly_failing(answers[OLD], answers[NEW]))
    return found


def open_labelled_test(model: ExportedModel, options: CompareOptions) -> Images:
    """The labelled images to compare on, as a model reads them, near copies of one another in one cluster."""
    assert options.test is not None
    images = judging_part(open_for(model, options.test, options))
    known = images.labelled_subset()
    if not len(known):
        raise ValueError(f"{options.test} has no labels, so nothing can be compared: give class folders or a csv")
    return with_copy_clusters(known, find_copies([known]))


def check_labels(images: Images, models: dict[str, ExportedModel]) -> None:
    """ValueError for labels that neither model can give."""
    known = {name for model in models.values() for name in model.network.classes}
    present = [images.classes[label] for label in np.unique(images.labels)]
    if unknown := [name for name in present if name not in known]:
        raise ValueError(f"no model knows the classes {join_names(unknown)} (known: {join_names(sorted(known))})")


def are_same(old: Path, new: Path) -> bool:
    """Whether two models are one: the same run, or files of the same bytes."""
    if old.resolve() == new.resolve():
        return True
    return old.is_file() and new.is_file() and filecmp.cmp(old, new, shallow=False)


def answer(model: ExportedModel, images: Images, probability: np.ndarray) -> pd.DataFrame:
    """One row an image: its label, what the model says, how sure, and whether it is right."""
    best = probability.argmax(axis=1)
    table = pd.DataFrame({"item": unique_item_ids(images.ids), "path": images.sources, "cluster": images.clusters})
    table["label"] = np.array(images.classes, object)[images.labels]
    table["predicted"] = np.array(model.network.classes, object)[best]
    table["probability"] = probability[np.arange(len(best)), best]
    return table.assign(correct=(table.label == table.predicted).astype(int))


def newly_failing(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The images that only the old model has right, those first of whose wrong answer the new one is surest."""
    both: Any = old.merge(new[["item", "predicted", "probability", "correct"]], on="item", suffixes=("_old", "_new"))
    lost = both[(both.correct_old == 1) & (both.correct_new == 0)]
    columns = ["path", "item", "label", "predicted_old", "probability_old", "predicted_new", "probability_new"]
    return lost.sort_values("probability_new", ascending=False)[columns]
