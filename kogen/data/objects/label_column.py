"""Labels that are given as an object: a list, an array, a series or a tensor of one value an image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.objects import PREFIX
from kogen.data.listing import MAX_NAME_LETTERS, escape_surrogates, hash_parts


@dataclass(frozen=True)
class HeldLabels:
    """Labels without images: what `labels=` says of images that are an object, too."""

    values: np.ndarray  # (N,) object text, "" where there is none

    @property
    def text(self) -> str:
        """The name of the content."""
        return f"{PREFIX}labels-{len(self.values)}-{hash_parts(*self.values)[:16]}"


def hold_labels(value: Any, where: str) -> HeldLabels:
    """What is held of labels. ValueError for what is no column."""
    return HeldLabels(column_texts(value, where))


def column_texts(value: Any, where: str, longest: int = MAX_NAME_LETTERS) -> np.ndarray:
    """A column of one value an image as text (N,): whole numbers without a point, "" for None, NaN and NA.

    ValueError for another shape, and for values that are no text and no numbers.
    """
    if hasattr(value, "detach"):  # a tensor of torch
        value = value.detach().cpu().numpy()
    if isinstance(value, str | bytes | dict | set) or not hasattr(value, "__len__"):
        got = f"{where} is of the type {type(value).__name__}"
        raise ValueError(f"{got}: wanted a list or an array, one value an image")
    shape = np.shape(value) if hasattr(value, "shape") else (len(value),)
    if len(shape) == 2 and shape[1] > 1:
        cure = "of one-hot rows give values.argmax(axis=1)"
        raise ValueError(f"{where} has the shape {shape}: wanted (N,), one value an image; {cure}")
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(f"{where} has the shape {shape}: wanted (N,), one value an image")
    values = np.asarray(value).reshape(-1) if len(shape) == 2 else value
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    meant = dict[Any, str]()  # looked up once a distinct value
    found = np.array([_cell(one, meant, where) for one in values], object)
    if long := next((text for text in found.tolist() if len(text) > longest), ""):
        raise ValueError(f"{where} holds a text of {len(long):,} letters, at most {longest:,} are read")
    return found


def _cell(value: Any, known: dict[Any, str], where: str) -> str:
    """One value as text."""
    key = (type(value), value) if isinstance(value, str | int | bool) else None
    if key is not None and key in known:
        return known[key]
    text = _text(value, where)
    if key is not None:
        known[key] = text
    return text


def _text(value: Any, where: str) -> str:
    if hasattr(value, "item") and not isinstance(value, str):  # a scalar of numpy or torch
        value = value.item()
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str | int | float):
        got = f"{where} holds {value!r:.100}, a {type(value).__name__}"
        raise ValueError(f"{got}: wanted texts or numbers, None for none")
    return escape_surrogates(str(value).strip())
