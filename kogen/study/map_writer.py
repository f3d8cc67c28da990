"""Heat maps of a run: what they are worth against masks, in a table, and pictures of those that are worth a look."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.augmentation.views import evaluation_view, render
from kogen.common.files import write_atomically
from kogen.common.rng import StepRng
from kogen.common.tables import read_table, write_table
from kogen.data.images import Images
from kogen.data.masks.mask_pixels import masks_at
from kogen.evaluation.anomalies import MapRecord
from kogen.evaluation.heat_maps import heat_picture
from kogen.evaluation.predict import unique_item_ids
from kogen.results.answers.anomaly_answers import HEAT, PIXELS, SHOWN_EACH, heat_name

SIDE = 128  # pixels of a picture's side
KEY = ["dataset", "protocol", "budget", "draw", "metric"]


class MapWriter:
    """Collects what heat maps of a run say, draws some, and writes the table at the end."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], *, private: bool) -> None:
        self.folder, self.private = folder, private
        self.known = {name: identity[name] for name in ("run", "model", "seed")}
        self.rows: list[dict[str, Any]] = []

    def __call__(self, record: MapRecord) -> None:
        asked = record.protocol
        row = self.known | {"dataset": record.dataset, "protocol": asked.probe, "images": record.masked}
        row |= {"side": record.side, "budget": asked.budget or None, "draw": asked.draw if asked.budget else None}
        self.rows += [row | {"metric": name, **value._asdict()} for name, value in record.pixels.items()]
        if not self.private and not asked.budget:
            self.draw(record)

    def draw(self, record: MapRecord) -> None:
        """Write pictures of the good images with the highest scores, and of the defects with the lowest and highest."""
        images, scores = record.images, record.scores
        items = unique_item_ids(images.ids)
        order = np.lexsort((items, scores))  # the lowest first
        good, bad = (order[images.labels[order] == label] for label in (0, 1))
        chosen = np.unique(np.concatenate([good[-SHOWN_EACH:], bad[:SHOWN_EACH], bad[-SHOWN_EACH:]]))
        heat = record.maps(chosen, SIDE)
        heat = heat / (heat + record.threshold)
        seen, masks = read_square(images, chosen, SIDE), None
        if images.masks is not None:
            masks = masks_at(images.masks[chosen].tolist(), SIDE)
        (self.folder / HEAT).mkdir(parents=True, exist_ok=True)
        for place, row in enumerate(chosen):
            picture = heat_picture(seen[place], heat[place], None if masks is None else masks[place])
            name = heat_name(record.dataset, record.protocol.probe, str(items[row]))
            write_atomically(self.folder / HEAT / name, lambda target, data=picture: target.write_bytes(data))

    def save(self) -> None:
        """Write the table, with the rows of other sets and protocols that are there already."""
        if not self.rows:
            return
        place, found = self.folder / PIXELS, pd.DataFrame(self.rows)
        if place.exists():
            found = pd.concat([read_table(place), found], ignore_index=True)
        write_table(place, found.drop_duplicates(KEY, keep="last"), "pixels")


def read_square(images: Images, rows: np.ndarray, side: int) -> np.ndarray:
    """Some images (m, C, side, side) in [0, 1], squeezed as a network sees them."""
    pixels = render(images.read(rows), evaluation_view(side), StepRng(0, 0, len(rows)), tag="plain")
    return pixels.numpy()
