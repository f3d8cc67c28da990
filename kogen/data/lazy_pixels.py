"""Pixels decoded by worker threads at every read, for sets that are too large for the disk."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from kogen.data.cache_settings import Items, Storage
from kogen.data.decode import Unreadable
from kogen.data.pixel_format import Layout, fit


class OnDemand:
    """Pixels that are decoded by worker threads whenever they are asked for."""

    def __init__(self, items: Items, layout: Layout, storage: Storage) -> None:
        self.items, self.layout, self.storage = items, layout, storage
        self.shape = (len(items), layout.channels, layout.height, layout.width)
        self.dtype = layout.dtype
        self.pool: ThreadPoolExecutor | None = None

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = np.arange(self.shape[0])[index]
        if rows.ndim == 0:
            return self._one(int(rows))
        self.pool = self.pool or ThreadPoolExecutor(self.storage.threads)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, pixels in enumerate(self.pool.map(self._one, rows.tolist())):
            out[place] = pixels
        return out

    def _one(self, item: int) -> np.ndarray:
        try:
            pixels = fit(self.items.decode(item, self.storage.max_pixels)[0], self.layout)
        except Unreadable as error:
            raise ValueError(
                f"{self.items.source(item)} can no longer be read ({error}) though it could when the set was opened: "
                "put it back, or open the set again"
            ) from error
        if pixels is None:
            raise ValueError(f"{self.items.source(item)} changed since the set was opened: open the set again")
        return pixels
