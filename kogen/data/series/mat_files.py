"""Mat files of Matlab as recordings: a channel a variable, as bearing sets have them."""

import os
import re

import numpy as np

from kogen.common.files import check_regular_file
from kogen.common.text import join_names
from kogen.data.series.mat_arrays import read_vectors
from kogen.data.series.recording import Block, Reading, Recording, Refused, pick_channels

BEARING = re.compile(r"^(?P<test>\w*?)_?(?P<place>DE|FE|BA)_time$")  # X097_DE_time of Case Western Reserve
MAX_BYTES = 1 << 31


def read_mat(path: str, name: str, reading: Reading) -> Recording:
    """A mat file of Matlab 5 to 7.2: its variables X..._DE_time, _FE_time, _BA_time are the channels DE, FE, BA.

    In other files the variables that `channels` names, or the only one that is a list of numbers. Refused where it is
    not clear which are meant, or where they differ in length; ValueError for a file that cannot be read.
    """
    check_regular_file(path, MAX_BYTES)
    if not os.path.getsize(path):
        raise ValueError("it is empty (0 bytes)")
    vectors = read_vectors(path)
    lists = {key: value for key, value in vectors.items() if value is not None}
    if not lists:
        raise ValueError(f"it holds no list of numbers, but {join_names(list(vectors)) or 'nothing'}")
    chosen = _bearing_channels(lists, name, reading) or _other_channels(lists, name, reading)
    lengths = {channel: len(value) for channel, value in chosen.items()}
    if len(set(lengths.values())) > 1:
        shown = join_names([f"{channel} {length}" for channel, length in lengths.items()])
        raise Refused(f"{name} has channels of several lengths, {shown}: choose those that belong together, channels=")
    values = np.stack(list(chosen.values()), axis=1)  # (L, C)
    return Recording(name, [Block(values)], len(chosen), tuple(chosen))


def _bearing_channels(lists: dict[str, np.ndarray], name: str, reading: Reading) -> dict[str, np.ndarray]:
    """The channels of a file of bearings, {} for another one; variables of two tests in one file are asked about."""
    marks = {key: mark for key in lists if (mark := BEARING.match(key))}
    wanted = reading.channels
    if not marks or (wanted is not None and set(wanted) <= lists.keys()):  # variables, as they are called
        return {}
    places: dict[str, str] = {}
    for key, mark in marks.items():
        place = mark["place"]
        if wanted is not None and place not in wanted:
            continue
        if place in places:
            both = f"{places[place]} and {key}"
            raise Refused(f"{name} has {both}, of two tests: give channels={key}, or keep one test in each file")
        places[place] = key
    order = pick_channels(tuple(places), len(places), wanted, name)
    return {place: lists[places[place]] for place in (list(places)[number] for number in order)}


def _other_channels(lists: dict[str, np.ndarray], name: str, reading: Reading) -> dict[str, np.ndarray]:
    """The variables that are asked for, or the only one."""
    if reading.channels is None and len(lists) > 1:
        shown = join_names([f"{key} ({len(value)})" for key, value in lists.items()])
        raise Refused(f"{name} has several lists of numbers, {shown}: say which are channels, channels=A,B")
    order = pick_channels(tuple(lists), len(lists), reading.channels, name)
    return {key: lists[key] for key in (list(lists)[number] for number in order)}
