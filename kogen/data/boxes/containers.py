"""Containers: a folder or a zip of images and annotations, read alike; a zip is never unpacked."""

import os
import posixpath
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from kogen.common.files import check_regular_file, describe, explain_unreadable
from kogen.common.text import join_names
from kogen.data.cache_settings import Listing
from kogen.data.decode import decode, read_header
from kogen.data.image_facts import ImageFacts, as_unreadable
from kogen.data.listing import (
    IMAGE_ENDINGS,
    SYSTEM_FOLDERS,
    ImageFiles,
    escape_surrogates,
    file_stamp,
    hash_parts,
    stat_files,
)

MAX_MEMBERS = 20_000_000
MAX_IMAGE = 1 << 30  # bytes of one image of a zip
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Container(Protocol):
    """Files by their names, `/` between folders."""

    @property
    def path(self) -> str: ...

    @property
    def names(self) -> list[str]:
        """All files but hidden ones, sorted."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """The bytes of a file. ValueError for one of more than `most`, or that cannot be read."""
        ...

    def listing(self, names: list[str]) -> Listing:
        """Some of the files as images."""
        ...


def open_container(path: str) -> Container:
    """A folder or a zip. ValueError for anything else."""
    if os.path.isdir(path):
        return Folder(path)
    if not os.path.exists(path):
        raise ValueError(f"there is no {path}: give a folder or a zip of images and their boxes")
    check_regular_file(path)
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is neither a folder nor a zip: give the folder that holds images and boxes")
    return Zip(path)


def image_names(files: Container) -> list[str]:
    """The files that are images by their endings."""
    return [name for name in files.names if name.rpartition(".")[2].lower() in IMAGE_ENDINGS]


def is_hidden(name: str) -> bool:
    """Whether a file or a folder above it is hidden, or of a system."""
    parts = name.split("/")
    return any(part.startswith(".") or part.lower() in SYSTEM_FOLDERS for part in parts)


@dataclass(frozen=True)
class Folder:
    """A folder with all below it."""

    path: str

    @property
    def names(self) -> list[str]:
        return self._all_names

    @cached_property
    def _all_names(self) -> list[str]:
        found = list[str]()
        for place, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not is_hidden(name)]
            inside = os.path.relpath(place, self.path).replace(os.sep, "/")
            found += [name if inside == "." else f"{inside}/{name}" for name in files if not is_hidden(name)]
        return sorted(found)

    def read(self, name: str, most: int) -> bytes:
        path = os.path.join(self.path, name)
        check_regular_file(path, most)
        with open(path, "rb") as file:
            return file.read(most + 1)

    def listing(self, names: list[str]) -> Listing:
        return ImageFiles(self.path, stat_files(self.path, names)[0])


@dataclass(frozen=True)
class Zip:
    """A zip; nothing of it is written to disk, so that no name in it leads anywhere."""

    path: str
    held: dict[int, zipfile.ZipFile] = field(default_factory=dict, compare=False, repr=False)

    @property
    def archive(self) -> zipfile.ZipFile:
        """The open zip, for this process: one that was forked has a place in the file of its own."""
        if os.getpid() not in self.held:
            with explain_unreadable(f"the zip {self.path}", "copy it again, or unpack it and give the folder"):
                self.held[os.getpid()] = zipfile.ZipFile(self.path)
        return self.held[os.getpid()]

    @cached_property
    def members(self) -> dict[str, zipfile.ZipInfo]:
        """The members by their names. ValueError for a zip that cannot be read as it is."""
        found = [member for member in self.archive.infolist() if not member.is_dir()]
        if len(found) > MAX_MEMBERS:
            raise ValueError(f"{self.path} has {len(found):,} members, at most {MAX_MEMBERS:,} are read: unpack it")
        names = Counter(posixpath.normpath(member.filename) for member in found)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"{self.path} holds {join_names(twice, 3)} twice: keep one of each")
        if locked := [member.filename for member in found if member.flag_bits & 1]:
            raise ValueError(f"{self.path} is encrypted ({join_names(locked, 1)}): unpack it, and give the folder")
        if odd := [member.filename for member in found if member.compress_type not in METHODS]:
            got = f"{self.path} is packed in a way that is not read ({join_names(odd, 1)})"
            raise ValueError(f"{got}: unpack it, and give the folder")
        return {posixpath.normpath(member.filename): member for member in found}

    @property
    def names(self) -> list[str]:
        return self._all_names

    @cached_property
    def _all_names(self) -> list[str]:
        return sorted(name for name in self.members if not is_hidden(name))

    def read(self, name: str, most: int) -> bytes:
        member = self.members[name]
        if member.file_size > most:
            raise ValueError(f"{self.path}/{name} has {member.file_size:,} bytes, at most {most:,} are read")
        try:
            return self.archive.read(member)  # no more than its size, and its sum is compared
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"{self.path}/{name} is damaged ({describe(error)}): copy the zip again") from error

    def listing(self, names: list[str]) -> Listing:
        return ZipImages(self, tuple(names))


@dataclass(frozen=True)
class ZipImages:
    """Image files of a zip."""

    zip: Zip
    names: tuple[str, ...]

    def key(self) -> str:
        return hash_parts("zip", *file_stamp(self.zip.path), *self.names)

    def __len__(self) -> int:
        return len(self.names)

    def source(self, item: int) -> str:
        return escape_surrogates(self.names[item])

    def _bytes(self, item: int) -> bytes:
        with as_unreadable():
            return self.zip.read(self.names[item], MAX_IMAGE)

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        return read_header(self._bytes(item), max_pixels)

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
        return decode(self._bytes(item), max_pixels)
