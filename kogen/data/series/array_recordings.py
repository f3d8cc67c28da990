"""Arrays as recordings: an .npy file a recording, or a stack (N, C, T) in an .npy or .npz file, a row a recording."""

from collections.abc import Iterator

import numpy as np

from kogen.common.text import join_names
from kogen.data.array_files import ArrayHeader, NpzFile, open_npy
from kogen.data.datasets.arrays import read_column, read_labels, read_splits
from kogen.data.series.recording import Block, Reading, Recording, Refused, pick_channels

BLOCK = 1 << 18  # samples read at once
VALUE_KEYS = ("series", "values", "x", "X")  # the names an array of values may have in an .npz
OTHER_KEYS = ("clusters", "groups", "rate", "channel_names")
TIMES_LONGER = 2  # of the axis that is time, at least: another array may be read in two ways


def read_npy(path: str, name: str, reading: Reading) -> Recording:
    """An .npy file as one recording, (L,), (L, C) or (C, L): the much longer axis is time. Read in place, mapped.

    ValueError where it is not clear which axis is time, and for what holds no numbers.
    """
    stored = open_npy(path)
    check_numbers(ArrayHeader(stored.shape, stored.dtype))
    if stored.ndim not in (1, 2) or 0 in stored.shape:
        cure = "; a stack (N, C, T) is read alone, series:FILE.npy" if stored.ndim == 3 else ""
        raise ValueError(f"it has the shape {stored.shape}, wanted (L,), (L, C) or (C, L), none of them 0{cure}")
    samples = stored[:, None] if stored.ndim == 1 else stored
    if min(samples.shape) > 1 and max(samples.shape) < TIMES_LONGER * min(samples.shape):
        raise ValueError(f"it has the shape {stored.shape}: channels or time first? Save it as a stack (1, C, T)")
    samples = samples if samples.shape[0] >= samples.shape[1] else samples.T  # (L, C)
    places = pick_channels((), samples.shape[1], reading.channels, name)
    return Recording(name, _blocks(samples, places), len(places))


def read_stack(path: str, name: str, reading: Reading, notes: list[str]) -> Iterator[Recording]:
    """The rows of a stack (N, C, T) as recordings: an .npy file, or an .npz with `series` (or values, x) and more.

    An .npz may hold labels (N,), class_names, splits (N,), clusters (N,), groups (N,), one number `rate` and
    channel_names (C,). Refused for arrays that do not fit each other, ValueError for another file.
    """
    if path.lower().endswith(".npy"):
        stack, rate, names, columns = open_npy(path), 0.0, (), {}
        check_stack_shape(ArrayHeader(stack.shape, stack.dtype), path)
    else:
        file = NpzFile(path)
        key = next((key for key in VALUE_KEYS if key in file), None)
        if key is None:
            raise ValueError(f"{path} holds {join_names(file.keys) or 'nothing'}; wanted series (or values, x)")
        check_stack_shape(file.header(key), f"{key!r} of {path}")
        columns = _read_columns(file, file.header(key).shape[0], notes)
        rate, names = _read_rate(file), _read_channel_names(file, file.header(key).shape[1])
        stack = file.read(key)
    places = pick_channels(names, stack.shape[1], reading.channels, name)
    chosen = tuple(names[place] for place in places) if names else ()
    for row in range(len(stack)):
        said = {role: str(column[row]) for role, column in columns.items()}
        block = Block(stack[row, places].T, label=said.pop("label", ""))
        yield Recording(f"{name}[{row}]", [block], len(places), chosen, rate, **said)


def check_numbers(header: ArrayHeader) -> None:
    """ValueError for an array that holds no real numbers."""
    if header.dtype.kind not in "biuf":
        raise ValueError(f"it holds {header.dtype}, wanted numbers")


def check_stack_shape(header: ArrayHeader, what: str) -> None:
    """ValueError unless an array is a stack of series."""
    check_numbers(header)
    if len(header.shape) != 3 or 0 in header.shape:
        cure = "save one channel as (N, 1, T), one recording as (1, C, T)"
        raise ValueError(f"{what} has the shape {header.shape}, wanted (N, C, T), none of them 0: {cure}")


def _blocks(samples: np.ndarray, places: list[int]) -> Iterator[Block]:
    for start in range(0, len(samples), BLOCK):
        yield Block(samples[start : start + BLOCK, places])


def _read_columns(file: NpzFile, count: int, notes: list[str]) -> dict[str, np.ndarray]:
    """Role to text (N,) of what an .npz says of each row; `notes` gets what a person must know of it."""
    labels, _, said = read_labels(file, count, (*VALUE_KEYS, *OTHER_KEYS))
    notes += said
    splits = read_splits(file, count)
    found = {"label": labels, "split": splits}
    for key in ("clusters", "groups"):
        if key in file:
            found[key[:-1]] = np.array([str(one) for one in read_column(file, key, count).tolist()], object)
    return {role: column for role, column in found.items() if column is not None}


def _read_rate(file: NpzFile) -> float:
    """The samples a second that an .npz says, 0 where it does not."""
    if "rate" not in file:
        return 0.0
    header = file.header("rate")
    if header.shape not in ((), (1,)) or header.dtype.kind not in "iuf":
        raise Refused(f"rate in {file.path} is {header}, wanted one number, the samples a second")
    return float(file.read("rate").item())


def _read_channel_names(file: NpzFile, count: int) -> tuple[str, ...]:
    """The names of the channels, () where an .npz has none."""
    if "channel_names" not in file:
        return ()
    names = tuple(str(one) for one in read_column(file, "channel_names", count).tolist())
    if len(set(names)) < len(names):
        raise Refused(f"channel_names in {file.path} are not distinct: {join_names(names)}")
    return names
