"""The digest of any value made of tensors, arrays, numbers and texts: what a batch or a model is known by."""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def value_digest(value: Any, title: str) -> str:
    """SHA-256 of a value, hex: the same wherever types, shapes and numbers are the same, on every device.

    Read are tensors, numpy arrays, numbers, texts and None, in lists, tuples, dicts and dataclasses. ValueError, with
    the `title` of the value, for anything else, which nobody can compare.
    """
    found = hashlib.sha256()
    for piece in value_pieces(value, title):
        found.update(len(piece).to_bytes(8, "little") + piece)
    return found.hexdigest()


def value_pieces(value: Any, title: str) -> Iterator[bytes]:
    """The bytes of a value, piece by piece, each after a word that says what it is."""
    if isinstance(value, Tensor):
        whole = value.detach().cpu().contiguous()
        yield f"tensor {whole.dtype} {tuple(whole.shape)}".encode()
        yield whole.flatten().view(torch.uint8).numpy().tobytes() if whole.numel() else b""
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"array {value.dtype.str} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for key in value:
            yield from value_pieces(key, title)
            yield from value_pieces(value[key], title)
    elif isinstance(value, list | tuple):
        yield f"sequence {len(value)}".encode()
        for one in value:
            yield from value_pieces(one, title)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from value_pieces({one.name: getattr(value, one.name) for one in dataclasses.fields(value)}, title)
    else:
        raise ValueError(
            f"{title} holds a {type(value).__name__}, which cannot be compared with that of a later call: give "
            "tensors, arrays, numbers and texts, in lists, tuples, dicts or dataclasses"
        )
