"""Shards of a webdataset as images: tar files whose members a.png and a.cls are one sample; the object over them."""

import glob
import os
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kogen.common.files import check_regular_file, describe
from kogen.common.text import join_names
from kogen.data.decode import decode, read_header
from kogen.data.image_facts import ImageFacts
from kogen.data.listing import IMAGE_ENDINGS, MAX_NAME_LETTERS, escape_surrogates, file_stamp, hash_parts
from kogen.data.objects.held import HeldImages, read_first

MAX_LABEL_BYTES = 4 * MAX_NAME_LETTERS
UNPACK = "unpack it, and give the folder"
STAGES = ("_shuffle", "tar_file_expander", "group_by_keys", "single_node_only", "split_by_node", "split_by_worker")
STAGES += ("check_empty", "StreamingOpen")  # of a pipeline: they change neither samples nor their images
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True)
class ShardImages:
    """The images of shards, in their order, as the files that they were."""

    members: list[tuple[str, str, int, int]]  # shard, name, where its bytes begin, how many they are
    shards: tuple[str, ...]

    def key(self) -> str:
        return hash_parts("shards", *(part for shard in self.shards for part in file_stamp(shard)))

    def __len__(self) -> int:
        return len(self.members)

    def source(self, item: int) -> str:
        shard, name, _, _ = self.members[item]
        return escape_surrogates(f"{os.path.basename(shard)}/{name}")

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(self._bytes(item), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
        return decode(self._bytes(item), max_pixels)

    def _bytes(self, item: int) -> bytes:
        shard, _, start, size = self.members[item]
        return _read(shard, start, size)


@dataclass(frozen=True)
class Samples:
    """What shards hold."""

    images: ShardImages
    labels: np.ndarray | None  # (N,) object text of the members `.cls`, "" where a sample has none; None: none has one
    notes: tuple[str, ...]


def expand_shards(pattern: str) -> list[str]:
    """The files of `train-{000..009}.tar`, `train-*.tar` or a folder. ValueError where there are none, or one lacks."""
    if os.path.isdir(pattern):
        pattern = os.path.join(glob.escape(pattern), "*.tar")
    if found := _RANGE.search(pattern):
        first, last = found.groups()
        numbers = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        paths = [f"{pattern[: found.start()]}{number}{pattern[found.end() :]}" for number in numbers]
    else:
        paths = sorted(glob.glob(pattern)) if glob.has_magic(pattern) and not os.path.exists(pattern) else [pattern]
    if gone := [path for path in paths if not os.path.exists(path)] or (not paths and [pattern]):
        names = join_names([os.path.basename(path) for path in gone])
        raise ValueError(
            f"no such shard: {names} ({pattern}); write wds:FOLDER/train-{{000..009}}.tar, wds:FOLDER, or with *"
        )
    return paths


def read_shards(paths: Sequence[str]) -> Samples:
    """The samples of tar files; only headers and labels are read.

    ValueError for what is no plain tar, for samples of several images, and for a packed folder of class folders.
    """
    images, labels, others = dict[tuple[str, str], tuple[str, str, int, int]](), {}, Counter[str]()
    for shard in paths:
        for member in _members(shard):
            folder, _, base = member.name.rpartition("/")
            stem, _, ending = base.partition(".")
            key, ending = (shard, f"{folder}/{stem}"), ending.lower()
            if ending in IMAGE_ENDINGS:
                if key in images:
                    both = join_names([images[key][1], member.name])
                    raise ValueError(f"{shard} has a sample of several images, {both}: keep one in each sample")
                images[key] = (shard, member.name, member.offset_data, member.size)
            elif ending == "cls":
                labels[key] = _label(shard, member)
            else:
                others[ending or base] += 1
    if not images:
        raise ValueError(f"{join_names(paths)} has no images (members such as 0001.png): {UNPACK}")
    if not labels and len({key[1].rpartition("/")[0] for key in images}) > 1:
        got = f"{paths[0]} is a packed folder of folders, no shard of a webdataset (members a.png and a.cls)"
        raise ValueError(f"{got}: {UNPACK}")
    texts = np.array([labels.get(key, "") for key in images], object) if labels else None
    rest = [f"{ending} ({count})" for ending, count in others.items()]
    notes = (f"members of the shards that are not read: {join_names(rest)}",) if rest else ()
    return Samples(ShardImages([*images.values()], tuple(paths)), texts, notes)


def hold_shards(value: Any, where: str) -> HeldImages | None:
    """What is held of a WebDataset over local shards; None for other objects. Its shards are read, not its stream.

    ValueError for stages that change samples (decode, map, select): kogen decodes by itself, and for other shards.
    """
    kind = type(value)
    if kind.__module__.partition(".")[0] != "webdataset" or not hasattr(value, "pipeline"):
        return None
    first, *stages = value.pipeline
    if type(first).__name__ != "SimpleShardList":
        raise ValueError(f"{where} begins with {type(first).__name__}: wanted a WebDataset over a list of shards")
    names = [getattr(getattr(stage, "f", stage), "__name__", type(stage).__name__) for stage in stages]
    if odd := [name for name in names if name not in STAGES]:
        got = f"{where} has stages that change its samples ({join_names(odd)})"
        raise ValueError(f"{got}: give the WebDataset without them, kogen decodes by itself")
    found = read_shards([path for url in first.urls for path in expand_shards(url.removeprefix("file:"))])
    columns = {} if found.labels is None else {"labels": found.labels}
    reading = read_first(found.images, "webdataset", keep_facts=True)
    return HeldImages("webdataset", str(len(found.images)), found.images, reading, columns, notes=found.notes)


def _members(shard: str) -> Iterator[tarfile.TarInfo]:
    """The files of a tar, in order; links and folders are left out."""
    check_regular_file(shard)
    try:
        with tarfile.open(shard, "r:") as file:
            for member in file:
                if member.isreg() and not member.name.rpartition("/")[2].startswith("."):
                    yield member
            whole = ends_in_zeros(shard, file.offset)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"{shard} cannot be read as a plain tar ({describe(error)}): {UNPACK}") from error
    if not whole:
        raise ValueError(f"{shard} is cut or damaged: its end is no end of a tar; copy it again")


def ends_in_zeros(shard: str, offset: int) -> bool:
    """Whether a tar has the mark of its end at an offset; tarfile takes a damaged header for the end, too."""
    with open(shard, "rb") as file:
        file.seek(offset)
        rest = file.read(tarfile.BLOCKSIZE)
    return len(rest) == tarfile.BLOCKSIZE and not any(rest)


def _label(shard: str, member: tarfile.TarInfo) -> str:
    """The text of a member `.cls`."""
    if member.size > MAX_LABEL_BYTES:
        raise ValueError(f"{member.name} in {shard} has {member.size:,} bytes, wanted a class of few letters")
    return escape_surrogates(_read(shard, member.offset_data, member.size).decode("utf-8", "surrogateescape").strip())


def _read(shard: str, start: int, size: int) -> bytes:
    with open(shard, "rb") as file:
        file.seek(start)
        return file.read(size)
