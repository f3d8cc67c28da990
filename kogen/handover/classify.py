"""Use of a model: the class of each image of any source as csv, or its features as a table."""

from pathlib import Path

import numpy as np
import pandas as pd

from kogen.common.outputs import STAMP, claim_file
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.common.tables import write_table
from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.levels import parse_levels
from kogen.evaluation.features import embed
from kogen.evaluation.predict import unique_item_ids
from kogen.handover.export import open_model
from kogen.handover.exported_model import ExportedModel
from kogen.options.handover import EmbedOptions, PredictOptions
from kogen.options.shared import ReadOptions
from kogen.results.csv_file import write_csv
from kogen.study.splits import open_source, paths_read, storage_for
from kogen.training.run import load_run

NAMED = 20  # files that could not be read, on the screen


def predict_images(source: str, options: PredictOptions) -> Path:
    """Write the class of each image as csv: path, item, predicted, probability, and `p_CLASS` of every class.

    Texts that a spreadsheet would run have an apostrophe before them. ValueError for a file that is no model, and for
    images that it cannot take.
    """
    claim_file(options.out, [options.model, *paths_read(options, source)], force=options.force)
    model = open_model(options.model, options.head)
    images = open_for(model, source, options)
    probability = model.probability(images)  # (N, K)
    best, classes = probability.argmax(axis=1), np.array(model.network.classes, object)
    table = pd.DataFrame({"path": images.sources, "item": unique_item_ids(images.ids), "predicted": classes[best]})
    table["probability"] = probability[np.arange(len(best)), best]
    shares = pd.DataFrame(probability, columns=[f"p_{name}" for name in classes])
    table = pd.concat([table, shares], axis=1)
    table[STAMP] = f"{model.origin.title} {model.origin.run} {model.origin.head}"
    write_csv(options.out, table)
    counts = ", ".join(
        f"{name} {count:,}" for name, count in zip(classes, np.bincount(best, minlength=len(classes)), strict=True)
    )
    say(f"{len(images):,} images: {counts}")
    return options.out


def embed_images(source: str, options: EmbedOptions) -> Path:
    """Write the features of each image as parquet: item, path, features."""
    claim_file(options.out, [options.model, *paths_read(options, source)], force=options.force)
    images, values = embed_run(source, options) if options.model.is_dir() else embed_with_model(source, options)
    table = pd.DataFrame({"item": unique_item_ids(images.ids), "path": images.sources, "features": list(values)})
    write_table(options.out, table, "features", {"writer": STAMP})
    items = "windows" if images.kind == "series" else "images"
    say(f"{len(images):,} {items}, {values.shape[1]} features each")
    return options.out


def embed_run(source: str, options: EmbedOptions) -> tuple[Images, np.ndarray]:
    """Images and their features by the network of a run, which needs no head."""
    _, plan, backbone = load_run(options.model)
    images = open_named(source, storage_for(plan.image_size, options.max_bad, plan.depth or None), options)
    images = images.with_channels(plan.channels)
    return images, embed(backbone, images, plan.evaluation_view).values


def embed_with_model(source: str, options: EmbedOptions) -> tuple[Images, np.ndarray]:
    """Images and their features by an exported model."""
    model = open_model(options.model)
    images = open_for(model, source, options)
    return images, model.features(images)


def open_for(model: ExportedModel, source: str, how: ReadOptions) -> Images:
    """The images of a source, stored as those that the model has learnt from."""
    levels = parse_levels(model.origin.depth) if model.origin.depth else None
    storage = CacheSettings(model.origin.stored_side, max_bad=how.max_bad, levels=levels)
    return open_named(source, storage, how).with_channels(model.network.channels)


def open_named(source: str, storage: CacheSettings, how: ReadOptions) -> Images:
    """The images of a source; what could not be read is named. ValueError where nothing is left."""
    images = open_source(source, storage, how)
    for bad in images.bad[:NAMED]:
        say(Caution(f"{bad.source}: {bad.reason}", "skipped"))
    if len(images.bad) > NAMED:
        say(Caution(f"and {len(images.bad) - NAMED:,} more", "skipped"))
    if not len(images):
        raise ValueError(f"{source} has no image that can be read ({join_names([b.source for b in images.bad])})")
    return images
