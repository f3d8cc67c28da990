"""Pixels decoded by worker threads at every read, for sets that are too large for the disk."""

from typing import Any

import numpy as np

from kogen.data.cache_settings import CacheSettings, Listing
from kogen.data.decode_pool import map_items, open_pool
from kogen.data.image_facts import UnreadableImage, content_id
from kogen.data.pixel_format import PixelFormat, to_format


class LazyPixels:
    """Pixels that are decoded by worker threads whenever they are asked for, and are those that were once found."""

    def __init__(
        self, items: Listing, pixel_format: PixelFormat, cache_settings: CacheSettings, ids: np.ndarray
    ) -> None:
        self.items, self.pixel_format, self.settings, self.ids = items, pixel_format, cache_settings, ids
        self.shape, self.dtype = (len(items), *pixel_format[:3]), pixel_format.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = row_numbers(index, self.shape[0])
        if rows.ndim == 0:
            return self._decode_one(int(rows))
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        # Threads of this read alone: none is left when it ends, and none is missing in a process that was forked.
        with open_pool(max(1, min(self.settings.thread_count, len(rows)))) as pool:
            for place, pixels in enumerate(map_items(pool, self._decode_one, rows.tolist())):
                out[place] = pixels
        return out

    def _decode_one(self, item: int) -> np.ndarray:
        """An image as it is stored. ValueError where its source is gone or has become another image."""
        try:
            pixels, facts = self.items.decode(item, self.settings.max_pixels)
        except UnreadableImage as error:
            raise ValueError(
                f"{self.items.source(item)} can no longer be read ({error}) though it could when the set was opened: "
                "put it back, or open the set again"
            ) from error
        stored = to_format(pixels, facts, self.pixel_format)
        if stored is None or content_id(pixels) != self.ids[item]:
            raise ValueError(f"{self.items.source(item)} changed since the set was opened: open the set again")
        return stored


def row_numbers(index: Any, count: int) -> np.ndarray:
    """What an index means of `count` rows: their numbers (B,), or one number, ().

    Numbers that are in order already stay as they are: of a hundred million rows a list of all takes its time.
    """
    rows = np.asarray(index)
    if rows.dtype.kind in "iu" and rows.size and rows.min() >= 0 and rows.max() < count:
        return rows
    return np.arange(count)[index]
